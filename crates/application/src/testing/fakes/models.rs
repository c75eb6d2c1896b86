//! A scripted chat model.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use colloquy_domain::{FinishReason, ModelName, ToolCall, Usage, Violation};
use futures_util::{StreamExt as _, stream};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::ports::{
    ChatEnd, ChatEvent, ChatModel, ChatRequest, ChatStream, ModelError, ModelErrorKind,
};

/// Plays one script per request and records the requests. Without a script left, it refuses or
/// plays the fallback.
pub struct ScriptedModel {
    scripts: Mutex<VecDeque<Script>>,
    otherwise: OnceLock<Otherwise>,
    requests: watch::Sender<Vec<ChatRequest>>,
}

type Otherwise = Box<dyn Fn(&ChatRequest) -> Script + Send + Sync>;

impl ScriptedModel {
    /// The one provider that this model does not know.
    pub const UNKNOWN_PROVIDER: &str = "unknown";

    /// Plays these scripts in order.
    #[must_use]
    pub fn new(scripts: impl IntoIterator<Item = Script>) -> Self {
        Self {
            scripts: Mutex::new(scripts.into_iter().collect()),
            otherwise: OnceLock::new(),
            requests: watch::Sender::default(),
        }
    }

    /// Appends a script.
    pub fn add(&self, script: Script) {
        self.scripts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(script);
    }

    /// Sets the fallback; only the first call counts.
    pub fn otherwise(&self, play: impl Fn(&ChatRequest) -> Script + Send + Sync + 'static) {
        let _ = self.otherwise.set(Box::new(play));
    }

    /// The requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<ChatRequest> {
        self.requests.borrow().clone()
    }

    /// Waits for that many requests in total.
    pub async fn asked(&self, times: usize) {
        let mut requests = self.requests.subscribe();
        // Fails only without the sender, which `self` holds.
        let _ = requests.wait_for(|all| all.len() >= times).await;
    }
}

#[async_trait]
impl ChatModel for ScriptedModel {
    fn check(&self, model: &ModelName) -> Result<(), Violation> {
        if model.provider() == Self::UNKNOWN_PROVIDER {
            return Err(Violation::new("unknown_provider", "no such provider"));
        }
        Ok(())
    }

    async fn stream(&self, request: &ChatRequest) -> Result<ChatStream, ModelError> {
        self.requests.send_modify(|all| all.push(request.clone()));
        let script = self
            .scripts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        let script = script.or_else(|| Some(self.otherwise.get()?(request)));
        script.map_or_else(
            || Err(ModelError::new(ModelErrorKind::Refused, "no script left")),
            Script::play,
        )
    }
}

/// A model's behaviour for one request.
#[derive(Debug, Default)]
pub struct Script {
    refusal: Option<ModelError>,
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Yield(Result<ChatEvent, ModelError>),
    Await(Gate),
    Sleep(Duration),
    Hang,
}

impl Script {
    /// An empty script: the answer breaks off before it begins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A complete answer in one piece.
    #[must_use]
    pub fn answer(text: &str) -> Self {
        Self::new().text(text).end(FinishReason::Stop)
    }

    /// Fails before an answer begins.
    #[must_use]
    pub fn refusal(error: impl Into<ModelError>) -> Self {
        Self {
            refusal: Some(error.into()),
            steps: Vec::new(),
        }
    }

    /// Sends text.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.then(Step::Yield(Ok(ChatEvent::Text(text.to_owned()))))
    }

    /// Calls a tool.
    #[must_use]
    pub fn call(self, id: &str, name: &str, arguments: &str) -> Self {
        self.then(Step::Yield(Ok(ChatEvent::ToolCall(ToolCall {
            id: id.to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
            signature: None,
        }))))
    }

    /// Sends a keep-alive.
    #[must_use]
    pub fn progress(self) -> Self {
        self.then(Step::Yield(Ok(ChatEvent::Progress)))
    }

    /// Waits for the gate.
    #[must_use]
    pub fn wait(self, gate: &Gate) -> Self {
        self.then(Step::Await(gate.clone()))
    }

    /// Is silent for that long, in tokio's time.
    #[must_use]
    pub fn pause(self, length: Duration) -> Self {
        self.then(Step::Sleep(length))
    }

    /// Never answers.
    #[must_use]
    pub fn hang(self) -> Self {
        self.then(Step::Hang)
    }

    /// Ends the answer without usage.
    #[must_use]
    pub fn end(self, finish_reason: FinishReason) -> Self {
        self.end_with(finish_reason, None)
    }

    /// Ends the answer with that usage.
    #[must_use]
    pub fn end_with(self, finish_reason: FinishReason, usage: Option<Usage>) -> Self {
        self.then(Step::Yield(Ok(ChatEvent::End(ChatEnd {
            finish_reason,
            usage,
        }))))
    }

    /// Breaks the answer off.
    #[must_use]
    pub fn fail(self, error: impl Into<ModelError>) -> Self {
        self.then(Step::Yield(Err(error.into())))
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    fn play(self) -> Result<ChatStream, ModelError> {
        match self.refusal {
            Some(error) => Err(error),
            None => Ok(stream::iter(self.steps).filter_map(Step::take).boxed()),
        }
    }
}

impl Step {
    async fn take(self) -> Option<Result<ChatEvent, ModelError>> {
        match self {
            Self::Yield(event) => return Some(event),
            Self::Await(gate) => gate.opened().await,
            Self::Sleep(length) => sleep(length).await,
            Self::Hang => pending().await,
        }
        None
    }
}

/// Blocks waiters until the test opens it. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    is_open: watch::Sender<bool>,
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens it for good.
    pub fn open(&self) {
        self.is_open.send_replace(true);
    }

    /// Waits until it is open.
    pub async fn opened(&self) {
        // Fails only without the sender, which `self` holds.
        let _ = self.is_open.subscribe().wait_for(|is_open| *is_open).await;
    }
}
