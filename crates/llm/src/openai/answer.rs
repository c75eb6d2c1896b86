//! From the events of a chat completion to those of the port.

use std::collections::VecDeque;
use std::time::Duration;

use colloquy_application::ports::{ChatEnd, ChatEvent, ChatStream, ModelError, ModelErrorKind};
use colloquy_domain::{FinishReason, Usage};
use futures_util::stream;
use reqwest::Response;
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout_at};

use super::calls::Calls;
use super::chunk::{self, Chunk};
use super::events::{Event, EventError, Events};
use super::halves::Halves;

use crate::failure::{self, broken};
use crate::reasons;
use crate::refusals::says_too_long;
use crate::secrets::Secrets;
use crate::text::without_nul;

/// What the data of the last event begins with.
const END_MARK: &str = "[DONE]";

/// Events that only keep a connection alive.
const KEEP_ALIVE: [&str; 4] = ["ping", "keepalive", "keep-alive", "heartbeat"];

/// How long the rest of an answer is waited for once the model has said why it stopped: for the
/// count of tokens and the end mark, which not every server sends.
const AFTER_REASON: Duration = Duration::from_secs(5);

/// Reads an answer of a model that was told of the tools with these names.
pub(super) fn decode(response: Response, secrets: Secrets, offered: Vec<String>) -> ChatStream {
    let answer = Answer {
        events: Events::new(response),
        secrets,
        finish_reason: None,
        until: None,
        usage: None,
        has_spoken: false,
        text: Halves::default(),
        reasoning: Halves::default(),
        calls: Calls::of(offered),
        ready: VecDeque::new(),
        failure: None,
    };
    Box::pin(stream::try_unfold(Some(answer), |answer| async move {
        let Some(mut answer) = answer else {
            return Ok(None);
        };
        let event = answer.next().await?;
        let more = (!matches!(event, ChatEvent::End(_))).then_some(answer);
        Ok(Some((event, more)))
    }))
}

/// An answer as far as it has come.
struct Answer {
    events: Events,
    secrets: Secrets,
    /// Once there is one, the answer is whole: whatever comes or breaks afterwards, it ends well.
    finish_reason: Option<FinishReason>,
    /// Until when the rest is waited for.
    until: Option<Instant>,
    usage: Option<Usage>,
    has_spoken: bool,
    text: Halves,
    reasoning: Halves,
    calls: Calls,
    /// What is to be handed out before more is read.
    ready: VecDeque<ChatEvent>,
    /// What broke the answer, to be told after that.
    failure: Option<ModelError>,
}

impl Answer {
    async fn next(&mut self) -> Result<ChatEvent, ModelError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.has_spoken = true;
                return Ok(event);
            }
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            let taken = match self.next_event().await {
                Ok(Some(event)) => self.take(&event),
                Ok(None) => return self.end("the answer was cut"),
                Err(error) => Err(self.broken_off(error)),
            };
            match taken {
                Ok(false) => {}
                Ok(true) => return self.end_at_mark(),
                Err(_) if self.finish_reason.is_some() => return self.end("the answer was cut"),
                Err(error) => self.failure = Some(error),
            }
        }
    }

    async fn next_event(&mut self) -> Result<Option<Event>, EventError> {
        let next = self.events.next();
        match self.until {
            Some(until) => timeout_at(until, next).await.unwrap_or(Ok(None)),
            None => next.await,
        }
    }

    /// Takes an event in; whether it is the end mark.
    fn take(&mut self, event: &Event) -> Result<bool, ModelError> {
        let data = event.data.as_deref().unwrap_or_default().trim();
        if data.starts_with(END_MARK) {
            return Ok(true);
        }
        if data.is_empty() || event.name.as_deref().is_some_and(is_keep_alive) {
            return Ok(false);
        }
        let chunk = Chunk::parse(data);
        let chunk = chunk.map_err(|error| ModelError::new(ModelErrorKind::Broken, error))?;
        if let Some(error) = chunk.error() {
            return Err(self.error(error));
        }
        // Chat completions have no kinds of events; one with a name may be something else.
        if let Some(name) = event.name.as_deref().filter(|name| !is_usual(name))
            && !chunk.has_choices()
        {
            return Err(broken(format!("an event named {name:?}")));
        }
        self.usage = chunk.usage().or(self.usage);
        match chunk.choice() {
            Some(choice) => self.choose(choice, chunk.has_halves)?,
            None => tracing::trace!("an event that adds nothing to the answer"),
        }
        Ok(false)
    }

    fn error(&self, error: &Value) -> ModelError {
        let said = self.secrets.redact(&error.to_string());
        let kind = if !self.has_spoken && says_too_long(&said) {
            ModelErrorKind::ContextTooLong
        } else {
            ModelErrorKind::Broken
        };
        ModelError::new(kind, format!("the provider broke off: {said}"))
    }

    fn choose(&mut self, choice: &Map<String, Value>, has_halves: bool) -> Result<(), ModelError> {
        let before = self.ready.len();
        // What is beside the reason belongs to the answer too.
        let delta = chunk::delta(choice).filter(|_| self.adds(choice));
        if let Some(delta) = delta {
            self.add(delta, has_halves)?;
        }
        if let Some(reason) = chunk::finish_reason(choice) {
            let reason = reasons::finish_reason(reason)?;
            self.finish_reason.get_or_insert(reason);
            self.until.get_or_insert(Instant::now() + AFTER_REASON);
        }
        // Some servers give a reason with every piece: the answer goes on.
        if self.until.is_some() && self.ready.len() > before {
            self.until = Some(Instant::now() + AFTER_REASON);
        }
        Ok(())
    }

    /// Whether the choice adds to the answer: a whole message at the end repeats it.
    fn adds(&self, choice: &Map<String, Value>) -> bool {
        !self.has_spoken || choice.get("delta").is_some_and(Value::is_object)
    }

    fn add(&mut self, delta: &Map<String, Value>, has_halves: bool) -> Result<(), ModelError> {
        let said = chunk::said(delta);
        let mut is_alive = !said.text.is_empty() || !said.reasoning.is_empty();
        for piece in chunk::call_pieces(delta) {
            self.calls.take(piece, has_halves)?;
            is_alive = true;
        }
        if !said.refusal.is_empty() && self.finish_reason.is_none() {
            self.finish_reason = Some(FinishReason::ContentFilter);
        }
        let before = self.ready.len();
        let reasoning = self.reasoning.join(said.reasoning, has_halves);
        self.hand_out(reasoning, ChatEvent::Reasoning);
        let text = self.text.join(said.text + &said.refusal, has_halves);
        self.hand_out(text, ChatEvent::Text);
        if is_alive && self.ready.len() == before {
            self.ready.push_back(ChatEvent::Progress);
        }
        Ok(())
    }

    fn hand_out(&mut self, text: String, as_event: fn(String) -> ChatEvent) {
        if !text.is_empty() {
            self.ready.push_back(as_event(without_nul(text)));
        }
    }

    /// The end mark alone ends an answer only if there is one.
    fn end_at_mark(&mut self) -> Result<ChatEvent, ModelError> {
        if self.has_spoken {
            self.finish_reason.get_or_insert(FinishReason::Stop);
        }
        self.end("the provider ended without an answer")
    }

    /// The first event of the end: the calls go before it.
    fn end(&mut self, otherwise: &str) -> Result<ChatEvent, ModelError> {
        let finish_reason = self.finish_reason.ok_or_else(|| broken(otherwise))?;
        let rest = self.text.end();
        self.hand_out(rest.to_owned(), ChatEvent::Text);
        let calls = std::mem::take(&mut self.calls).into_calls();
        self.ready.extend(calls.map(ChatEvent::ToolCall));
        let end = ChatEvent::End(ChatEnd {
            finish_reason,
            usage: self.usage,
        });
        self.ready.push_back(end.clone());
        Ok(self.ready.pop_front().unwrap_or(end))
    }

    fn broken_off(&self, error: EventError) -> ModelError {
        match error {
            EventError::Connection(error) => failure::connection(error, self.has_spoken),
            error => ModelError::new(ModelErrorKind::Broken, error),
        }
    }
}

fn is_usual(name: &str) -> bool {
    matches!(name.trim(), "" | "message")
}

fn is_keep_alive(name: &str) -> bool {
    KEEP_ALIVE.contains(&name.trim())
}
