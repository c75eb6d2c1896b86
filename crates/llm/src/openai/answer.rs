//! From the events of a chat completion to those of the port.

use std::collections::VecDeque;

use colloquy_application::ports::{ChatEnd, ChatEvent, ChatStream, ModelError, ModelErrorKind};
use colloquy_domain::{FinishReason, Usage};
use futures_util::stream;
use reqwest::Response;
use serde_json::Value;

use super::calls::Calls;
use super::events::{Event, EventError, Events};
use super::redacted;
use super::wire::{Choice, Chunk, Content, TokenCount};
use crate::ApiKey;
use crate::failure::{self, broken};
use crate::text::without_nul;

/// The data of the last event.
const END_MARK: &str = "[DONE]";

pub(super) fn decode(response: Response, api_key: Option<ApiKey>) -> ChatStream {
    let answer = Answer {
        events: Events::new(response),
        api_key,
        finish_reason: None,
        usage: None,
        has_spoken: false,
        calls: Calls::default(),
        ready: VecDeque::new(),
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
    api_key: Option<ApiKey>,
    finish_reason: Option<FinishReason>,
    usage: Option<Usage>,
    has_spoken: bool,
    calls: Calls,
    /// What is to be handed out before more is read.
    ready: VecDeque<ChatEvent>,
}

impl Answer {
    async fn next(&mut self) -> Result<ChatEvent, ModelError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            let data = match self.events.next().await {
                Ok(Some(event)) => data_of(event)?,
                Ok(None) => return self.end("the answer was cut"),
                Err(error) => return self.break_off(error),
            };
            if data == END_MARK {
                return self.end_at_mark();
            }
            if let Some(event) = self.take(&data)? {
                self.has_spoken = true;
                return Ok(event);
            }
        }
    }

    /// Takes an event in; returns what it adds.
    fn take(&mut self, data: &str) -> Result<Option<ChatEvent>, ModelError> {
        let chunk: Chunk = serde_json::from_str(data)
            .map_err(|error| ModelError::new(ModelErrorKind::Broken, error))?;
        if let Some(error) = chunk.error {
            let said = redacted(&error.to_string(), self.api_key.as_ref());
            return Err(broken(format!("the provider broke off: {said}")));
        }
        if chunk.choices.is_none() && chunk.usage.is_none() {
            return Err(broken("an event that is not part of an answer"));
        }
        self.usage = chunk.usage.as_ref().and_then(usage).or(self.usage);
        let choice = chunk.choices.into_iter().flatten().next();
        choice.map_or(Ok(None), |choice| self.choose(choice))
    }

    fn choose(&mut self, choice: Choice) -> Result<Option<ChatEvent>, ModelError> {
        // Some servers send an empty reason with every piece.
        if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
            self.finish_reason.get_or_insert(finish_reason(&reason)?);
        }
        let Some(delta) = choice.delta else {
            return Ok(None);
        };
        let mut is_alive = is_thought(delta.reasoning) || is_thought(delta.reasoning_content);
        for piece in delta.tool_calls.into_iter().flatten() {
            self.calls.take(piece)?;
            is_alive = true;
        }
        let text = delta.content.map(Content::into_text);
        let refusal = delta.refusal.filter(|refusal| !refusal.is_empty());
        if refusal.is_some() {
            self.finish_reason = Some(FinishReason::ContentFilter);
        }
        let text = without_nul(text.into_iter().chain(refusal).collect());
        if text.is_empty() {
            return Ok(is_alive.then_some(ChatEvent::Progress));
        }
        Ok(Some(ChatEvent::Text(text)))
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
        let calls = std::mem::take(&mut self.calls).into_calls();
        self.ready.extend(calls.map(ChatEvent::ToolCall));
        let end = ChatEvent::End(ChatEnd {
            finish_reason,
            usage: self.usage,
        });
        self.ready.push_back(end.clone());
        Ok(self.ready.pop_front().unwrap_or(end))
    }

    /// Once the model has said why it stopped the answer is whole, however the rest is lost.
    fn break_off(&mut self, error: EventError) -> Result<ChatEvent, ModelError> {
        match error {
            EventError::Connection(error) if self.finish_reason.is_none() => {
                Err(failure::connection(error, self.has_spoken))
            }
            EventError::Connection(_) => self.end("the answer was cut"),
            error => Err(ModelError::new(ModelErrorKind::Broken, error)),
        }
    }
}

/// Chat completions have no kinds of events; one with a name is something else.
fn data_of(event: Event) -> Result<String, ModelError> {
    match event.name.as_deref() {
        None | Some("" | "message") => Ok(event.data.unwrap_or_default()),
        Some(name) => Err(broken(format!("an event named {name:?}"))),
    }
}

/// A reason that we do not know may stand for a cut, so it is not taken for an end.
fn finish_reason(reason: &str) -> Result<FinishReason, ModelError> {
    match reason {
        "stop" | "eos" | "eos_token" | "end_turn" | "stop_sequence" | "tool_calls"
        | "function_call" | "tool_use" => Ok(FinishReason::Stop),
        "length" | "max_tokens" | "model_length" => Ok(FinishReason::Length),
        "content_filter" | "refusal" | "safety" => Ok(FinishReason::ContentFilter),
        other => Err(broken(format!("the model stopped for {other:?}"))),
    }
}

/// Whether there is some reasoning: a text, or parts of one.
fn is_thought(reasoning: Option<Value>) -> bool {
    reasoning.is_some_and(|it| !matches!(it, Value::Null) && it != "")
}

fn usage(count: &TokenCount) -> Option<Usage> {
    Some(Usage {
        input_tokens: count.prompt_tokens?,
        output_tokens: count.completion_tokens?,
    })
}
