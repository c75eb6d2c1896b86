//! OpenAI's chat completions, as OpenAI and many other servers speak them.

mod answer;
mod calls;
mod embeddings;
mod events;
mod strict;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use colloquy_application::ports::{ChatRequest, ChatStream, Clock, ModelError, ModelErrorKind};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, Response};
use url::Url;

use crate::failure::{self, StatusError};
use crate::{ApiKey, ProviderKind, ProviderSettings, SettingsError};

/// The most that is read of what a provider says instead of an answer.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// A provider that speaks chat completions.
pub(crate) struct ChatCompletions {
    client: Client,
    endpoint: Url,
    api_key: Option<ApiKey>,
    clock: Arc<dyn Clock>,
    /// Whether to ask for the count of tokens; given up when the server does not know the wish.
    asks_usage: AtomicBool,
}

/// What is asked for beyond an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wishes {
    usage: bool,
    schema: bool,
}

impl ChatCompletions {
    pub(crate) fn new(
        settings: &ProviderSettings,
        client: Client,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SettingsError> {
        Ok(Self {
            client,
            endpoint: endpoint(settings)?,
            api_key: settings.api_key.clone(),
            clock,
            // Mistral counts unasked and refuses wishes it does not know.
            asks_usage: AtomicBool::new(settings.kind != ProviderKind::Mistral),
        })
    }

    /// Sends the request; once more without what the server refuses of it, where that is a wish
    /// only. That it does not count tokens is remembered; of schemas it may take others.
    pub(crate) async fn stream(&self, request: &ChatRequest) -> Result<ChatStream, ModelError> {
        let mut wishes = Wishes {
            usage: self.asks_usage.load(Ordering::Relaxed),
            schema: request.output_schema.is_some(),
        };
        loop {
            let error = match self.attempt(request, wishes).await {
                Err(error) if error.kind == ModelErrorKind::Refused => error,
                answer => return answer,
            };
            if wishes.usage && names(&error, "stream_options") {
                self.asks_usage.store(false, Ordering::Relaxed);
                wishes.usage = false;
            } else if wishes.schema && names(&error, "response_format") {
                tracing::info!("the provider does not take the output schema; asked without it");
                wishes.schema = false;
            } else {
                return Err(error);
            }
        }
    }

    async fn attempt(
        &self,
        request: &ChatRequest,
        wishes: Wishes,
    ) -> Result<ChatStream, ModelError> {
        let body = wire::body(request, wishes, &self.endpoint)
            .map_err(|error| ModelError::new(ModelErrorKind::Refused, error))?;
        let response = self
            .post(body)
            .send()
            .await
            .map_err(|error| failure::connection(error, false))?;
        if !response.status().is_success() {
            return Err(self.refusal(response).await);
        }
        if let Some(other) = not_an_event_stream(response.headers()) {
            return Err(failure::broken(format!("an answer of type {other:?}")));
        }
        Ok(answer::decode(response, self.api_key.clone()))
    }

    fn post(&self, body: Vec<u8>) -> RequestBuilder {
        let call = self.client.post(self.endpoint.clone());
        let call = call.header(CONTENT_TYPE, "application/json").body(body);
        match &self.api_key {
            Some(key) => call.bearer_auth(key.as_str()),
            None => call,
        }
    }

    async fn refusal(&self, mut response: Response) -> ModelError {
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await
            && body.len() < MAX_ERROR_BYTES
        {
            body.extend_from_slice(&chunk);
        }
        body.truncate(MAX_ERROR_BYTES);
        let body = String::from_utf8_lossy(&body);
        let error = StatusError {
            status: response.status(),
            body: redacted(&body, self.api_key.as_ref()),
        };
        error.into_error(response.headers(), self.clock.now())
    }
}

fn endpoint(settings: &ProviderSettings) -> Result<Url, SettingsError> {
    let address = settings.address()?;
    let is_root = settings.kind == ProviderKind::Ollama && !address.path().ends_with("/v1/");
    let path = if is_root {
        "v1/chat/completions"
    } else {
        "chat/completions"
    };
    let joined = address.join(path);
    let mut endpoint = joined.map_err(|error| SettingsError::Client(error.into()))?;
    endpoint.set_query(address.query());
    Ok(endpoint)
}

/// The answer's type, unless it is an event stream or not said.
fn not_an_event_stream(headers: &HeaderMap) -> Option<&HeaderValue> {
    let found = headers.get(CONTENT_TYPE)?;
    let is_stream = found.to_str().is_ok_and(|text| {
        text.trim_start()
            .to_ascii_lowercase()
            .starts_with("text/event-stream")
    });
    (!is_stream).then_some(found)
}

/// Whether the server's refusal is about that member of the request.
fn names(error: &ModelError, member: &str) -> bool {
    let source = error.source.as_ref();
    let said = source.and_then(|source| source.downcast_ref::<StatusError>());
    said.is_some_and(|said| said.body.contains(member))
}

fn redacted(text: &str, api_key: Option<&ApiKey>) -> String {
    api_key.map_or_else(|| text.to_owned(), |key| key.redact(text))
}
