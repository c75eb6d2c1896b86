//! The providers whose wires the crate `genai` speaks.

use std::future::poll_fn;
use std::sync::Arc;

use colloquy_application::ports::{
    ChatEnd, ChatEvent, ChatRequest, ChatRole, ChatStream, Clock, ModelError, ModelErrorKind,
};
use colloquy_domain::{
    Configuration, FinishReason, FrequencyPenalty, PresencePenalty, Temperature, TokenLimit, TopP,
    Usage,
};
use futures_util::{StreamExt, stream};
use genai::adapter::AdapterKind;
use genai::chat::{ChatMessage, ChatOptions, ChatStreamEvent, StopReason, StreamEnd};
use genai::resolver::{AuthData, Endpoint};
use genai::{ModelIden, ServiceTarget};
use serde_json::{Value, json};
use tracing::Dispatch;
use tracing::dispatcher::with_default;

use crate::failure::{self, StatusError, broken};
use crate::text::without_nul;
use crate::{ApiKey, ProviderKind, ProviderSettings, SettingsError};

/// A provider behind `genai`.
pub(crate) struct Translated {
    client: genai::Client,
    adapter: AdapterKind,
    endpoint: Endpoint,
    failures: Failures,
}

impl Translated {
    pub(crate) fn new(
        settings: &ProviderSettings,
        client: reqwest::Client,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SettingsError> {
        let client = genai::Client::builder().with_reqwest(client).build();
        Ok(Self {
            client: client.map_err(|error| SettingsError::Client(error.into()))?,
            adapter: match settings.kind {
                ProviderKind::Gemini => AdapterKind::Gemini,
                _ => AdapterKind::Anthropic,
            },
            endpoint: Endpoint::from_owned(settings.address()?.as_str()),
            failures: Failures {
                api_key: settings.api_key.clone(),
                clock,
            },
        })
    }

    /// `genai` sends the request only when the answer is awaited, so the first event is.
    pub(crate) async fn stream(&self, request: &ChatRequest) -> Result<ChatStream, ModelError> {
        let options = options(&request.configuration, self.adapter);
        let response = self
            .client
            .exec_chat_stream(self.target(request), chat(request), Some(&options))
            .await
            .map_err(|error| self.failures.translate(error, false))?;
        let mut answer = Answer {
            events: response.stream,
            failures: self.failures.clone(),
            has_spoken: false,
        };
        let first = answer.next().await?;
        let rest = matches!(first, ChatEvent::Text(_)).then_some(answer);
        let rest = stream::try_unfold(rest, |answer| async move {
            let Some(mut answer) = answer else {
                return Ok(None);
            };
            let event = answer.next().await?;
            let more = matches!(event, ChatEvent::Text(_)).then_some(answer);
            Ok(Some((event, more)))
        });
        Ok(stream::iter([Ok(first)]).chain(rest).boxed())
    }

    fn target(&self, request: &ChatRequest) -> ServiceTarget {
        let key = self.failures.api_key.as_ref();
        ServiceTarget {
            endpoint: self.endpoint.clone(),
            auth: key.map_or(AuthData::None, |key| AuthData::from_single(key.as_str())),
            model: ModelIden::new(self.adapter, request.model.name()),
        }
    }
}

/// An answer as far as it has come.
struct Answer {
    events: genai::chat::ChatStream,
    failures: Failures,
    has_spoken: bool,
}

impl Answer {
    async fn next(&mut self) -> Result<ChatEvent, ModelError> {
        while let Some(event) = self.next_event().await {
            let event = event.map_err(|error| self.failures.translate(error, self.has_spoken))?;
            match event {
                ChatStreamEvent::Chunk(chunk) if !chunk.content.is_empty() => {
                    self.has_spoken = true;
                    return Ok(ChatEvent::Text(without_nul(chunk.content)));
                }
                ChatStreamEvent::End(end) => return self::end(&end).map(ChatEvent::End),
                _ => {}
            }
        }
        Err(broken("the answer was cut"))
    }

    /// Keeps quiet what `genai` would log, at every level: it repeats the provider's words.
    async fn next_event(&mut self) -> Option<genai::Result<ChatStreamEvent>> {
        poll_fn(|cx| with_default(&Dispatch::none(), || self.events.poll_next_unpin(cx))).await
    }
}

/// `genai` makes up an end for some streams that have none; then the model gave no reason.
fn end(end: &StreamEnd) -> Result<ChatEnd, ModelError> {
    let finish_reason = match &end.captured_stop_reason {
        Some(StopReason::Completed(_) | StopReason::StopSequence(_)) => FinishReason::Stop,
        Some(StopReason::MaxTokens(_)) => FinishReason::Length,
        Some(StopReason::ContentFilter(_)) => FinishReason::ContentFilter,
        Some(other) => return Err(broken(format!("the model stopped for {:?}", other.raw()))),
        None => return Err(broken("the answer was cut")),
    };
    let usage = end.captured_usage.as_ref();
    Ok(ChatEnd {
        finish_reason,
        usage: usage.and_then(|usage| {
            Some(Usage {
                input_tokens: usage.prompt_tokens?.try_into().ok()?,
                output_tokens: usage.completion_tokens?.try_into().ok()?,
            })
        }),
    })
}

fn chat(request: &ChatRequest) -> genai::chat::ChatRequest {
    let messages = request.messages.iter().map(|message| match message.role {
        ChatRole::User => ChatMessage::user(message.content.as_str()),
        ChatRole::Assistant => ChatMessage::assistant(message.content.as_str()),
    });
    let chat = genai::chat::ChatRequest::from_messages(messages.collect());
    match &request.instructions {
        Some(instructions) => chat.with_system(instructions),
        None => chat,
    }
}

fn options(settings: &Configuration, adapter: AdapterKind) -> ChatOptions {
    let mut options = ChatOptions::default().with_capture_usage(true);
    options.temperature = settings.temperature.map(Temperature::get);
    options.top_p = settings.top_p.map(TopP::get);
    options.max_tokens = settings.max_output_tokens.map(TokenLimit::get);
    options.extra_body = penalties(settings, adapter);
    options
}

/// Anthropic has no penalties. `genai` does not know Gemini's, and whoever adds a member to
/// Gemini's generation settings replaces them all.
fn penalties(settings: &Configuration, adapter: AdapterKind) -> Option<Value> {
    let presence = settings.presence_penalty.map(PresencePenalty::get);
    let frequency = settings.frequency_penalty.map(FrequencyPenalty::get);
    if adapter != AdapterKind::Gemini || presence.or(frequency).is_none() {
        return None;
    }
    let mut generation = json!({
        "temperature": settings.temperature.map(Temperature::get),
        "topP": settings.top_p.map(TopP::get),
        "maxOutputTokens": settings.max_output_tokens.map(TokenLimit::get),
        "presencePenalty": presence,
        "frequencyPenalty": frequency,
    });
    let members = generation.as_object_mut()?;
    members.retain(|_, value| !value.is_null());
    Some(json!({ "generationConfig": generation }))
}

/// Reads what `genai` says went wrong.
#[derive(Clone)]
struct Failures {
    api_key: Option<ApiKey>,
    clock: Arc<dyn Clock>,
}

impl Failures {
    fn translate(&self, error: genai::Error, has_spoken: bool) -> ModelError {
        let genai::Error::WebStream { error, .. } = error else {
            return self.broken(&error);
        };
        let error = match error.downcast::<reqwest::Error>() {
            Ok(error) => return failure::connection(*error, has_spoken),
            Err(error) => error,
        };
        match error.downcast::<genai::Error>().map(|error| *error) {
            Ok(genai::Error::HttpError {
                status,
                body,
                headers,
                ..
            }) => {
                let body = self.redact(&body);
                StatusError { status, body }.into_error(&headers, self.clock.now())
            }
            Ok(error) => self.broken(&error),
            Err(error) => ModelError::new(ModelErrorKind::Broken, error),
        }
    }

    fn broken(&self, error: &genai::Error) -> ModelError {
        broken(self.redact(&error.to_string()))
    }

    fn redact(&self, text: &str) -> String {
        let key = self.api_key.as_ref();
        key.map_or_else(|| text.to_owned(), |key| key.redact(text))
    }
}
