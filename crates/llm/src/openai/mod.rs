//! OpenAI's chat completions, as OpenAI and many other servers speak them.

mod answer;
mod calls;
mod chunk;
mod embeddings;
mod events;
mod halves;
mod learned;
mod strict;
mod wire;

use std::sync::Arc;

use colloquy_application::ports::{
    ChatRequest, ChatStream, Clock, ModelError, ModelErrorKind, ToolDefinition,
};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, Response};
use url::Url;

use self::learned::{Learned, Wishes};
use crate::failure::{self, StatusError};
use crate::secrets::Secrets;
use crate::{ApiKey, ProviderKind, ProviderSettings, SettingsError};

/// The most that is read of what a provider says instead of an answer.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// A provider that speaks chat completions.
pub(crate) struct ChatCompletions {
    client: Client,
    endpoint: Url,
    api_key: Option<ApiKey>,
    secrets: Secrets,
    clock: Arc<dyn Clock>,
    /// Which rules of the conversation's form the server has.
    kind: ProviderKind,
    /// What the server has refused before.
    learned: Arc<Learned>,
}

impl ChatCompletions {
    pub(crate) fn new(
        settings: &ProviderSettings,
        client: Client,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SettingsError> {
        let endpoint = endpoint(settings)?;
        Ok(Self {
            client,
            api_key: settings.api_key.clone(),
            secrets: Secrets::of(settings),
            clock,
            kind: settings.kind,
            learned: Arc::new(Learned::new(settings.kind, endpoint.host_str())),
            endpoint,
        })
    }

    /// Sends the request; again without what the server refuses of it, where that is a wish only,
    /// or by another name. What it refuses is remembered.
    pub(crate) async fn stream(&self, request: &ChatRequest) -> Result<ChatStream, ModelError> {
        let mut wishes = self.learned.wishes(request);
        loop {
            let error = match self.attempt(request, wishes).await {
                Ok(answer) => {
                    self.learned.note_taken(request, wishes);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let said = refusal_of(&error).map(|said| said.body.as_str());
            let Some(fewer) = said.and_then(|said| wishes.without_refused(said)) else {
                return Err(error);
            };
            tracing::info!(
                ?wishes,
                ?fewer,
                "the provider refuses a part of the request"
            );
            self.learned.note_refused(request, wishes, fewer);
            wishes = fewer;
        }
    }

    async fn attempt(
        &self,
        request: &ChatRequest,
        wishes: Wishes,
    ) -> Result<ChatStream, ModelError> {
        let body = wire::body(request, wishes, self.kind)
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
        let offered = request.tools.iter().map(name_of).collect();
        Ok(answer::decode(response, self.secrets.clone(), offered))
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
            body: self.secrets.redact(&body),
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

/// What the server said, if it may be about a part of the request: some servers call that an
/// internal error.
fn refusal_of(error: &ModelError) -> Option<&StatusError> {
    let said = error.source.as_ref()?.downcast_ref::<StatusError>()?;
    let is_refusal = error.kind == ModelErrorKind::Refused || said.status.as_u16() == 500;
    is_refusal.then_some(said)
}

fn name_of(tool: &ToolDefinition) -> String {
    tool.name.as_str().to_owned()
}
