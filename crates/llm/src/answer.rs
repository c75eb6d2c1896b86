//! Reads a provider's event stream with the decoder of its wire format.

use colloquy_application::ports::{ChatEvent, ChatStream, ModelError, ModelErrorKind};
use colloquy_domain::{FinishReason, ToolCall};
use futures_util::stream;
use reqwest::Response;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::draft::{Draft, Flow};
use crate::endpoint::Endpoint;
use crate::failure::{self, broken};
use crate::json;
use crate::refusals::is_about_length;
use crate::sse::{Event, EventError, Events};

/// Data prefix of the last event.
const END_MARK: &str = "[DONE]";

const KEEP_ALIVE: [&str; 4] = ["ping", "keepalive", "keep-alive", "heartbeat"];

pub(crate) trait Decoder: Send + 'static {
    /// Adds an event to the draft. Fails the answer on an error event or malformed data.
    fn decode(
        &mut self,
        name: Option<&str>,
        data: &Value,
        draft: &mut Draft,
    ) -> Result<Flow, ModelError>;

    fn calls(&mut self) -> Vec<ToolCall>;
}

pub(crate) fn read(response: Response, decoder: impl Decoder, endpoint: &Endpoint) -> ChatStream {
    let answer = Answer {
        events: Events::new(response),
        endpoint: endpoint.clone(),
        draft: Draft::default(),
        decoder,
        deadline: None,
        error: None,
        has_ended: false,
    };
    Box::pin(stream::try_unfold(answer, |mut answer| async move {
        let event = answer.next().await?;
        Ok(event.map(|event| (event, answer)))
    }))
}

struct Answer<D> {
    events: Events,
    endpoint: Endpoint,
    draft: Draft,
    decoder: D,
    /// For the trailer.
    deadline: Option<Instant>,
    /// Reported after the events before it.
    error: Option<ModelError>,
    has_ended: bool,
}

impl<D: Decoder> Answer<D> {
    async fn next(&mut self) -> Result<Option<ChatEvent>, ModelError> {
        loop {
            if let Some(event) = self.draft.next() {
                return Ok(Some(event));
            }
            if let Some(error) = self.error.take() {
                return Err(error);
            }
            if self.has_ended {
                return Ok(None);
            }
            self.advance().await?;
        }
    }

    async fn advance(&mut self) -> Result<(), ModelError> {
        let taken = match self.next_event().await {
            Ok(Some(event)) => self.take(&event),
            Ok(None) => return self.end("the answer was cut off"),
            Err(error) => Err(self.read_error(error)),
        };
        match taken {
            Ok(Flow::Continue) => Ok(()),
            Ok(Flow::End) => self.end_at_mark(),
            Ok(Flow::Cut) => {
                self.end_as(FinishReason::Length);
                Ok(())
            }
            Err(_) if self.draft.is_complete() => self.end("the answer was cut off"),
            Err(error) => {
                self.error = Some(error);
                Ok(())
            }
        }
    }

    async fn next_event(&mut self) -> Result<Option<Event>, EventError> {
        let next = self.events.next();
        match self.deadline {
            Some(deadline) => timeout_at(deadline, next).await.unwrap_or(Ok(None)),
            None => next.await,
        }
    }

    fn take(&mut self, event: &Event) -> Result<Flow, ModelError> {
        let data = event.data.as_deref().unwrap_or_default().trim();
        if data.starts_with(END_MARK) {
            return Ok(Flow::End);
        }
        let name = event.name.as_deref().map(str::trim);
        if data.is_empty() || name.is_some_and(|name| KEEP_ALIVE.contains(&name)) {
            return Ok(Flow::Continue);
        }
        let document = json::parse(data);
        let document = document.map_err(|error| ModelError::new(ModelErrorKind::Broken, error))?;
        self.draft.begin_event(document.has_surrogates);
        let flow = match &document.value {
            // Gemini without `alt=sse`.
            Value::Array(items) => self.decode_all(name, items),
            data => self.decode(name, data),
        };
        self.draft.end_event();
        // Some servers send a reason with every chunk.
        let has_grown = self.deadline.is_none() || self.draft.has_events();
        if self.draft.is_complete() && has_grown {
            self.deadline = Instant::now().checked_add(self.endpoint.trailer_timeout);
        }
        flow
    }

    fn decode_all(&mut self, name: Option<&str>, items: &[Value]) -> Result<Flow, ModelError> {
        for item in items {
            match self.decode(name, item)? {
                Flow::Continue => {}
                flow => return Ok(flow),
            }
        }
        Ok(Flow::Continue)
    }

    fn decode(&mut self, name: Option<&str>, data: &Value) -> Result<Flow, ModelError> {
        if let Some(error) = data.get("error").filter(|error| json::is_set(error)) {
            return Err(self.provider_error(error));
        }
        self.decoder.decode(name, data, &mut self.draft)
    }

    fn provider_error(&self, error: &Value) -> ModelError {
        let error = self.endpoint.redaction.apply(&error.to_string());
        let kind = if !self.draft.has_output() && is_about_length(&error) {
            ModelErrorKind::ContextTooLong
        } else {
            ModelErrorKind::Broken
        };
        ModelError::new(kind, format!("the provider sent an error: {error}"))
    }

    /// The end mark completes an answer unless it comes first.
    fn end_at_mark(&mut self) -> Result<(), ModelError> {
        if self.draft.has_output() {
            self.draft.stop(FinishReason::Stop);
        }
        self.end("the provider ended without an answer")
    }

    fn end(&mut self, otherwise: &str) -> Result<(), ModelError> {
        let reason = self.draft.finish_reason();
        self.end_as(reason.ok_or_else(|| broken(otherwise))?);
        Ok(())
    }

    fn end_as(&mut self, reason: FinishReason) {
        self.draft.end(reason, self.decoder.calls());
        self.has_ended = true;
    }

    fn read_error(&self, error: EventError) -> ModelError {
        match error {
            EventError::Connection(error) => failure::connection(error, self.draft.has_output()),
            error => ModelError::new(ModelErrorKind::Broken, error),
        }
    }
}
