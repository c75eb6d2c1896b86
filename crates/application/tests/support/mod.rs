//! The service on the fakes, for tests of runs.

#![allow(
    clippy::allow_attributes,
    dead_code,
    reason = "no test file uses all of it"
)]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a failure ends the test")]

use std::sync::Arc;

use chrono::TimeDelta;
use colloquy_application::messages::PostMessage;
use colloquy_application::permissions::DefaultPolicy;
use colloquy_application::ports::{
    ChatMessage, Clock as _, InstanceId, MessageScope, MessagesFrom,
};
use colloquy_application::runs::{RunLimits, RunOutcome, StartedRun};
use colloquy_application::testing::fakes::{
    CountingSecrets, ManualClock, Memory, Script, ScriptedModel, SequentialIds,
};
use colloquy_application::testing::samples::{Samples, password_hash};
use colloquy_application::tools::Toolbox;
use colloquy_application::{Error, Ports, RunFailure, Settings, UseCases};
use colloquy_domain::{
    Actor, Assistant, AssistantRef, IdempotencyKey, Message, MessageContent, MessageKind,
    MessageStatus, RunSettings, Thread, ToolRef,
};
use uuid::Uuid;

/// The use cases on one store, with a user, their thread and an assistant.
pub(crate) struct Service {
    pub(crate) make: Samples,
    pub(crate) memory: Memory,
    pub(crate) model: Arc<ScriptedModel>,
    pub(crate) clock: Arc<ManualClock>,
    ids: Arc<SequentialIds>,
    toolbox: Toolbox,
    pub(crate) use_cases: UseCases,
    pub(crate) person: Actor,
    pub(crate) thread: Thread,
    pub(crate) assistant: Assistant,
}

pub(crate) const INSTANCE: InstanceId = InstanceId(Uuid::from_u128(1));

impl Service {
    pub(crate) async fn with(scripts: impl IntoIterator<Item = Script>) -> Self {
        Self::of(|_| {}, Toolbox::new(), scripts).await
    }

    /// With the built-in tools and `tools`; the assistant lists those named.
    pub(crate) async fn with_tools(
        tools: Toolbox,
        named: &[&str],
        scripts: impl IntoIterator<Item = Script>,
    ) -> Self {
        let named = named.iter().map(|name| ToolRef::parse(name).unwrap());
        Self::of(|it| it.tools = named.collect(), tools, scripts).await
    }

    /// With a customised assistant.
    pub(crate) async fn of(
        shape: impl FnOnce(&mut Assistant),
        toolbox: Toolbox,
        scripts: impl IntoIterator<Item = Script>,
    ) -> Self {
        let memory = Memory::new();
        let stores = memory.stores();
        let make = Samples::new();
        let user = make.user("ada@example.org");
        stores
            .users
            .add(&user, Some(&password_hash("x")))
            .await
            .unwrap();
        let thread = make.thread(user.id);
        stores.threads.add(&thread).await.unwrap();
        let mut assistant = make.assistant("Guide");
        shape(&mut assistant);
        stores.assistants.add(&assistant).await.unwrap();
        let model = Arc::new(ScriptedModel::new(scripts));
        let clock = Arc::new(ManualClock::default());
        // Far from the samples' IDs.
        let first_id = clock.now() + TimeDelta::days(1);
        let ids = Arc::new(SequentialIds::beginning_at(first_id));
        let use_cases = compose(&memory, &model, &clock, &ids, &toolbox, INSTANCE);
        Self {
            make,
            toolbox,
            memory,
            model,
            clock,
            ids,
            use_cases,
            person: Actor::User(Arc::new(user)),
            thread,
            assistant,
        }
    }

    /// Another process on the same store.
    pub(crate) fn neighbour(&self, instance: InstanceId) -> UseCases {
        compose(
            &self.memory,
            &self.model,
            &self.clock,
            &self.ids,
            &self.toolbox,
            instance,
        )
    }

    pub(crate) async fn post(&self, content: &str) -> Result<StartedRun, Error> {
        self.post_as(content, None).await
    }

    /// Posts with an idempotency key.
    pub(crate) async fn post_as(
        &self,
        content: &str,
        key: Option<&str>,
    ) -> Result<StartedRun, Error> {
        let post = PostMessage {
            assistant: Some(AssistantRef::Id(self.assistant.id)),
            content: MessageContent::parse(content).unwrap(),
            settings: RunSettings::default(),
            idempotency_key: key.map(|key| IdempotencyKey::parse(key).unwrap()),
            bypasses_cache: false,
        };
        let messages = &self.use_cases.messages;
        messages.post(&self.person, self.thread.id, post).await
    }

    /// Posts with settings of the run.
    pub(crate) async fn post_with(
        &self,
        actor: &Actor,
        content: &str,
        settings: RunSettings,
    ) -> Result<StartedRun, Error> {
        let content = MessageContent::parse(content).unwrap();
        let post = PostMessage {
            settings,
            ..PostMessage::new(AssistantRef::Id(self.assistant.id), content)
        };
        let messages = &self.use_cases.messages;
        messages.post(actor, self.thread.id, post).await
    }

    pub(crate) async fn ask_with(&self, content: &str, settings: RunSettings) -> RunOutcome {
        let started = self.post_with(&self.person, content, settings).await;
        started.unwrap().wait().await.unwrap()
    }

    pub(crate) async fn ask(&self, content: &str) -> Result<RunOutcome, Error> {
        self.post(content).await.unwrap().wait().await
    }

    pub(crate) async fn fails(&self, content: &str) -> RunFailure {
        match self.ask(content).await {
            Err(Error::RunFailed(failure)) => *failure,
            other => panic!("expected a failed run, got {other:?}"),
        }
    }

    /// The thread, including tool messages.
    pub(crate) async fn stored_with_tools(&self) -> Vec<Message> {
        let stores = self.memory.stores();
        let scope = MessageScope::WithTools;
        let list = stores
            .messages
            .list(self.thread.id, scope, MessagesFrom::OLDEST, 1_000);
        list.await.unwrap().items
    }

    pub(crate) async fn stored(&self) -> Vec<(MessageKind, String, MessageStatus)> {
        let stores = self.memory.stores();
        let messages = stores
            .messages
            .list(
                self.thread.id,
                MessageScope::Conversation,
                MessagesFrom::OLDEST,
                100,
            )
            .await
            .unwrap()
            .items;
        let row = |m: Message| (m.kind, m.content, m.status);
        messages.into_iter().map(row).collect()
    }
}

fn compose(
    memory: &Memory,
    model: &Arc<ScriptedModel>,
    clock: &Arc<ManualClock>,
    ids: &Arc<SequentialIds>,
    toolbox: &Toolbox,
    instance: InstanceId,
) -> UseCases {
    let ports = Ports {
        clock: Arc::<ManualClock>::clone(clock),
        ids: Arc::<SequentialIds>::clone(ids),
        secrets: Arc::new(CountingSecrets::default()),
        ..memory.ports(Arc::<ScriptedModel>::clone(model))
    };
    let settings = Settings {
        run_limits: RunLimits {
            max_answer_bytes: 1_000,
            ..RunLimits::default()
        },
        toolbox: toolbox.clone(),
        ..Settings::new(instance)
    };
    UseCases::new(ports, Arc::new(DefaultPolicy), settings)
}

pub(crate) fn human(text: &str) -> (MessageKind, String, MessageStatus) {
    (
        MessageKind::Human,
        text.to_owned(),
        MessageStatus::Completed,
    )
}

pub(crate) fn ai(text: &str, status: MessageStatus) -> (MessageKind, String, MessageStatus) {
    (MessageKind::Ai, text.to_owned(), status)
}

/// A user's message to a model.
pub(crate) fn user(text: &str) -> ChatMessage {
    ChatMessage::User(text.to_owned())
}

/// A model's own message.
pub(crate) fn model(text: &str) -> ChatMessage {
    ChatMessage::Assistant {
        text: text.to_owned(),
        tool_calls: Vec::new(),
    }
}
