//! From the events of a chat completion to those of the port.

use colloquy_application::ports::{ChatEnd, ChatEvent, ChatStream, ModelError, ModelErrorKind};
use colloquy_domain::{FinishReason, Usage};
use futures_util::stream;
use reqwest::Response;

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
    };
    Box::pin(stream::try_unfold(Some(answer), |answer| async move {
        let Some(mut answer) = answer else {
            return Ok(None);
        };
        let event = answer.next().await?;
        let more = matches!(event, ChatEvent::Text(_)).then_some(answer);
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
}

impl Answer {
    async fn next(&mut self) -> Result<ChatEvent, ModelError> {
        loop {
            let data = match self.events.next().await {
                Ok(Some(event)) => data_of(event)?,
                Ok(None) => return self.end("the answer was cut"),
                Err(error) => return self.break_off(error),
            };
            if data == END_MARK {
                return self.end_at_mark();
            }
            let text = without_nul(self.take(&data)?);
            if !text.is_empty() {
                self.has_spoken = true;
                return Ok(ChatEvent::Text(text));
            }
        }
    }

    /// Takes an event in; returns the text that it adds.
    fn take(&mut self, data: &str) -> Result<String, ModelError> {
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
        choice.map_or_else(|| Ok(String::new()), |choice| self.choose(choice))
    }

    fn choose(&mut self, choice: Choice) -> Result<String, ModelError> {
        // Some servers send an empty reason with every piece.
        if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
            self.finish_reason.get_or_insert(finish_reason(&reason)?);
        }
        let Some(delta) = choice.delta else {
            return Ok(String::new());
        };
        let text = delta.content.map(Content::into_text);
        let refusal = delta.refusal.filter(|refusal| !refusal.is_empty());
        if refusal.is_some() {
            self.finish_reason = Some(FinishReason::ContentFilter);
        }
        Ok(text.into_iter().chain(refusal).collect())
    }

    /// The end mark alone ends an answer only if there is one.
    fn end_at_mark(&mut self) -> Result<ChatEvent, ModelError> {
        if self.has_spoken {
            self.finish_reason.get_or_insert(FinishReason::Stop);
        }
        self.end("the provider ended without an answer")
    }

    fn end(&self, otherwise: &str) -> Result<ChatEvent, ModelError> {
        let finish_reason = self.finish_reason.ok_or_else(|| broken(otherwise))?;
        Ok(ChatEvent::End(ChatEnd {
            finish_reason,
            usage: self.usage,
        }))
    }

    /// Once the model has said why it stopped the answer is whole, however the rest is lost.
    fn break_off(&self, error: EventError) -> Result<ChatEvent, ModelError> {
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
        "stop" | "eos" | "eos_token" | "end_turn" | "stop_sequence" => Ok(FinishReason::Stop),
        "length" | "max_tokens" | "model_length" => Ok(FinishReason::Length),
        "content_filter" | "refusal" | "safety" => Ok(FinishReason::ContentFilter),
        other => Err(broken(format!("the model stopped for {other:?}"))),
    }
}

fn usage(count: &TokenCount) -> Option<Usage> {
    Some(Usage {
        input_tokens: count.prompt_tokens?,
        output_tokens: count.completion_tokens?,
    })
}
