//! Assistants that are defined in code.
#![expect(clippy::unwrap_used, reason = "a failure ends the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use colloquy_application::assistants::{
    AssistantChanges, AssistantView, CodeAssistant, Expected, NewAssistant, RequestContext,
};
use colloquy_application::messages::PostMessage;
use colloquy_application::permissions::DefaultPolicy;
use colloquy_application::ports::{BoxError, InstanceId, PortError};
use colloquy_application::runs::RunOutcome;
use colloquy_application::testing::fakes::{ManualClock, Memory, Script, ScriptedModel};
use colloquy_application::testing::samples::Samples;
use colloquy_application::threads::NewThread;
use colloquy_application::tools::{Tool, ToolContext, ToolError, TypedTool};
use colloquy_application::{Error, Ports, Settings, UseCases};
use colloquy_domain::{
    Actor, AssistantName, AssistantRef, FinishReason, Instructions, MessageContent, ModelName,
    Role, Slug, ToolName, ToolRef, User, tool_name,
};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

/// An assistant whose tool returns its count.
#[derive(Default)]
struct Counter {
    name: &'static str,
    extra_tools: Vec<ToolRef>,
    count: Arc<AtomicU32>,
}

#[async_trait]
impl CodeAssistant for Counter {
    fn definition(&self) -> Result<NewAssistant, BoxError> {
        Ok(NewAssistant {
            slug: Some(Slug::parse("counter")?),
            instructions: Instructions::parse("You count.")?,
            tools: self.extra_tools.clone(),
            ..NewAssistant::new(AssistantName::parse(self.name)?)
        })
    }

    fn tools(&self) -> Vec<Arc<dyn Tool>> {
        vec![Arc::new(Count(Arc::clone(&self.count)))]
    }

    async fn instructions(&self, request: &RequestContext) -> Result<Instructions, BoxError> {
        let user = request.actor.user().ok_or("nobody is signed in")?;
        let text = match user.email.as_str() {
            "mute@example.org" => return Err("the directory does not answer".into()),
            "slow@example.org" => std::future::pending().await,
            email => format!("You count for {email} on {}.", request.now.date_naive()),
        };
        Ok(Instructions::parse(text)?)
    }
}

struct Count(Arc<AtomicU32>);

#[derive(Deserialize, JsonSchema)]
struct Nothing {}

#[async_trait]
impl TypedTool for Count {
    type Arguments = Nothing;

    fn name(&self) -> ToolName {
        tool_name!("count")
    }

    fn description(&self) -> String {
        "Counts.".to_owned()
    }

    async fn call(&self, _: &ToolContext, _: Nothing) -> Result<String, ToolError> {
        Ok((self.0.fetch_add(1, Ordering::SeqCst) + 1).to_string())
    }
}

fn counter(name: &'static str) -> Counter {
    Counter {
        name,
        ..Counter::default()
    }
}

struct Scene {
    memory: Memory,
    model: Arc<ScriptedModel>,
    make: Samples,
}

impl Scene {
    fn new(scripts: impl IntoIterator<Item = Script>) -> Self {
        Self {
            memory: Memory::new(),
            model: Arc::new(ScriptedModel::new(scripts)),
            make: Samples::new(),
        }
    }

    /// Starts a service with these assistants.
    async fn start(&self, assistants: impl IntoIterator<Item = Counter>) -> UseCases {
        let mut settings = settings();
        for assistant in assistants {
            settings.add_assistant(assistant).unwrap();
        }
        let service = self.compose(settings);
        service.assistants.store_from_code().await.unwrap();
        service
    }

    fn compose(&self, settings: Settings) -> UseCases {
        let ports = Ports {
            clock: Arc::new(ManualClock::default()),
            ..self.memory.ports(Arc::clone(&self.model) as _)
        };
        UseCases::new(ports, Arc::new(DefaultPolicy), settings)
    }

    async fn user(&self, email: &str, role: Role) -> Actor {
        let user = User {
            role,
            ..self.make.user(email)
        };
        self.memory.stores().users.add(&user, None).await.unwrap();
        Actor::from(user)
    }

    async fn admin(&self) -> Actor {
        self.user("admin@example.org", Role::Admin).await
    }

    /// The system prompt of the last request.
    fn instructions(&self) -> Option<String> {
        self.model.requests().last().unwrap().instructions.clone()
    }
}

fn settings() -> Settings {
    Settings {
        default_model: Some(ModelName::parse("scripted::one").unwrap()),
        ..Settings::new(InstanceId(Uuid::nil()))
    }
}

fn reference() -> AssistantRef {
    AssistantRef::Slug(Slug::parse("counter").unwrap())
}

async fn ask(service: &UseCases, actor: &Actor) -> Result<RunOutcome, Error> {
    let threads = &service.threads;
    let thread = threads.create(actor, NewThread::default()).await.unwrap();
    let post = PostMessage::new(reference(), MessageContent::parse("Count").unwrap());
    let started = service.messages.post(actor, thread.id, post).await?;
    started.wait().await
}

async fn stored(service: &UseCases, admin: &Actor) -> AssistantView {
    service.assistants.get(admin, &reference()).await.unwrap()
}

#[tokio::test]
async fn a_definition_is_stored_once_and_brought_up_to_date_when_it_changes() {
    let scene = Scene::new([]);
    let admin = scene.admin().await;
    let first = stored(&scene.start([counter("Counter")]).await, &admin).await;
    assert!(first.is_defined_in_code);
    assert_eq!(
        first.assistant.tools,
        [ToolRef::Registered(tool_name!("count"))]
    );
    let second = stored(&scene.start([counter("Counter")]).await, &admin).await;
    assert_eq!(second.assistant, first.assistant);
    let third = stored(&scene.start([counter("Abacus")]).await, &admin).await;
    assert_eq!(third.assistant.id, first.assistant.id);
    assert_eq!(third.assistant.name.as_str(), "Abacus");
    assert_eq!(third.assistant.revision, 2);
}

#[tokio::test]
async fn an_assistant_of_the_same_slug_is_taken_over_and_given_back() {
    let scene = Scene::new([]);
    let admin = scene.admin().await;
    let service = scene.start([]).await;
    let mut old = NewAssistant::new(AssistantName::parse("Old").unwrap());
    old.slug = Some(Slug::parse("counter").unwrap());
    let old = service.assistants.create(&admin, old).await.unwrap();
    let taken = stored(&scene.start([counter("Counter")]).await, &admin).await;
    assert_eq!(
        (taken.assistant.id, taken.is_defined_in_code),
        (old.id, true)
    );
    let given_back = stored(&scene.start([]).await, &admin).await;
    assert_eq!(given_back.assistant, taken.assistant);
    assert!(!given_back.is_defined_in_code);
}

#[tokio::test]
async fn an_assistant_from_code_cannot_be_changed_or_deleted() {
    let scene = Scene::new([]);
    let admin = scene.admin().await;
    let service = scene.start([counter("Counter")]).await;
    let changes = AssistantChanges {
        is_enabled: Some(false),
        ..AssistantChanges::default()
    };
    let assistants = &service.assistants;
    let reference = reference();
    let update = assistants.update(&admin, &reference, changes, &Expected::Any);
    assert!(matches!(update.await, Err(Error::DefinedInCode)));
    let delete = assistants.delete(&admin, &reference).await;
    assert!(matches!(delete, Err(Error::DefinedInCode)));
    // Others learn nothing of it.
    let user = scene.user("ada@example.org", Role::User).await;
    let delete = assistants.delete(&user, &reference).await;
    assert!(matches!(delete, Err(Error::Forbidden(_))));
}

#[tokio::test]
async fn instructions_are_made_for_each_request() {
    let scene = Scene::new([Script::answer("one"), Script::answer("two")]);
    let service = scene.start([counter("Counter")]).await;
    for email in ["ada@example.org", "bob@example.org"] {
        let user = scene.user(email, Role::User).await;
        ask(&service, &user).await.unwrap();
        let expected = format!("You count for {email} on 2026-01-01.");
        assert_eq!(scene.instructions(), Some(expected));
    }
    // The stored instructions are the definition's.
    let admin = scene.admin().await;
    let instructions = stored(&service, &admin)
        .await
        .assistant
        .instructions
        .clone();
    assert_eq!(instructions.as_str(), "You count.");
}

#[tokio::test]
async fn a_run_keeps_the_instructions_that_it_was_given() {
    let scene = Scene::new([Script::new().text("1").hang()]);
    let service = scene.start([counter("Counter")]).await;
    let ada = scene.user("ada@example.org", Role::User).await;
    let thread = service.threads.create(&ada, NewThread::default()).await;
    let post = PostMessage::new(reference(), MessageContent::parse("Count").unwrap());
    let messages = &service.messages;
    let started = messages.post(&ada, thread.unwrap().id, post).await.unwrap();
    let stores = scene.memory.stores();
    let active = stores.runs.active(started.run.id);
    let active = active.await.unwrap().unwrap();
    let expected = "You count for ada@example.org on 2026-01-01.";
    assert_eq!(active.instructions.unwrap().as_str(), expected);
    assert_eq!(active.run.assistant_revision, Some(1));
}

#[tokio::test(start_paused = true)]
async fn no_run_starts_without_instructions() {
    let scene = Scene::new([]);
    let service = scene.start([counter("Counter")]).await;
    let mute = scene.user("mute@example.org", Role::User).await;
    let failed = ask(&service, &mute).await;
    assert!(matches!(failed, Err(Error::Port(PortError::Other(_)))));
    let slow = scene.user("slow@example.org", Role::User).await;
    let failed = tokio::time::timeout(Duration::from_secs(6), ask(&service, &slow));
    let Ok(Err(Error::Port(PortError::Unavailable(cause)))) = failed.await else {
        panic!("expected an end after 5 s");
    };
    let expected = "the instructions of the assistant counter took longer than 5 s";
    assert_eq!(cause.to_string(), expected);
    assert_eq!(service.engine.in_progress(), 0);
}

#[tokio::test]
async fn tools_keep_their_state_from_run_to_run() {
    let call = || {
        Script::new()
            .call("1", "count", "{}")
            .end(FinishReason::Stop)
    };
    let scene = Scene::new([call(), Script::answer("1"), call(), Script::answer("2")]);
    let service = scene.start([counter("Counter")]).await;
    let ada = scene.user("ada@example.org", Role::User).await;
    for expected in ["1", "2"] {
        ask(&service, &ada).await.unwrap();
        let asked = scene.model.requests();
        let result = asked.last().unwrap().messages.last().unwrap();
        assert_eq!(result.text(), expected);
    }
}

#[tokio::test]
async fn an_assistant_that_is_asked_as_a_tool_has_its_own_instructions() {
    let call = Script::new().call("1", "counter", r#"{"message": "Count"}"#);
    let scene = Scene::new([
        call.end(FinishReason::Stop),
        Script::answer("1"),
        Script::answer("One."),
    ]);
    let service = scene.start([counter("Counter")]).await;
    let mut clerk = NewAssistant::new(AssistantName::parse("Clerk").unwrap());
    clerk.tools = vec![ToolRef::Assistant(Slug::parse("counter").unwrap())];
    let clerk = service.assistants.define(clerk).await.unwrap();
    let ada = scene.user("ada@example.org", Role::User).await;
    let thread = service.threads.create(&ada, NewThread::default()).await;
    let post = PostMessage::new(clerk.id.into(), MessageContent::parse("Ask").unwrap());
    let messages = &service.messages;
    let started = messages.post(&ada, thread.unwrap().id, post).await.unwrap();
    assert_eq!(started.wait().await.unwrap().output(), Some("One."));
    let consulted = &scene.model.requests()[1];
    let expected = "You count for ada@example.org on 2026-01-01.";
    assert_eq!(consulted.instructions.as_deref(), Some(expected));
}

#[tokio::test]
async fn errors_name_the_assistant_and_what_is_wrong() {
    let report = |error: &dyn std::error::Error| {
        let cause = error.source().map(ToString::to_string);
        format!("{error}: {}", cause.unwrap_or_default())
    };
    let mut twice = settings();
    twice.add_assistant(counter("Counter")).unwrap();
    let error = twice.add_assistant(counter("Counter")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "two assistants are defined with the slug counter"
    );
    let error = settings().add_assistant(counter("")).unwrap_err();
    let expected =
        "invalid definition of the assistant code_assistants::Counter: must not be blank";
    assert_eq!(report(&error), expected);
    let mut same_tool = settings();
    same_tool.toolbox = same_tool.toolbox.with(Count(Arc::default())).unwrap();
    let error = same_tool.add_assistant(counter("Counter")).unwrap_err();
    let expected = "invalid tools of the assistant counter: there are two tools named count";
    assert_eq!(report(&error), expected);
    let mut unknown_tool = settings();
    let assistant = Counter {
        extra_tools: vec![ToolRef::Registered(tool_name!("abacus"))],
        ..counter("Counter")
    };
    unknown_tool.add_assistant(assistant).unwrap();
    let service = Scene::new([]).compose(unknown_tool);
    let error = service.assistants.store_from_code().await.unwrap_err();
    let expected = "the assistant counter cannot be stored: \
                    invalid input: tools[0]: must name a tool of this service";
    assert_eq!(report(&error), expected);
}
