//! OpenAI-compatible chat completions and embeddings.

mod calls;
mod choices;
mod chunk;
mod decoder;
mod embeddings;
mod learned;
mod request;
mod signature;
mod strict;

use std::sync::Arc;

use colloquy_application::ports::{ChatRequest, ChatStream, ModelError, ModelErrorKind};
use reqwest::{Client, RequestBuilder};
use url::Url;

use self::decoder::CompletionDecoder;
use self::learned::{Learned, Options};
use crate::draft::Draft;
use crate::endpoint::Endpoint;
use crate::failure::refusal;
use crate::{ApiKey, ProviderKind, ProviderSettings, SettingsError, answer};

#[derive(Clone)]
pub(crate) struct ChatCompletions {
    client: Client,
    url: Url,
    embeddings_url: Url,
    api_key: Option<ApiKey>,
    endpoint: Endpoint,
    kind: ProviderKind,
    learned: Arc<Learned>,
}

impl ChatCompletions {
    pub(crate) fn new(
        settings: &ProviderSettings,
        client: Client,
        endpoint: Endpoint,
    ) -> Result<Self, SettingsError> {
        let url = url(settings, "chat/completions")?;
        Ok(Self {
            client,
            embeddings_url: self::url(settings, "embeddings")?,
            api_key: settings.api_key.clone(),
            endpoint,
            kind: settings.kind,
            learned: Arc::new(Learned::new(settings.kind, url.host_str())),
            url,
        })
    }

    /// Retries without the options that the server refuses, and remembers those.
    pub(crate) async fn stream(&self, request: &ChatRequest) -> Result<ChatStream, ModelError> {
        let mut options = self.learned.options(request);
        loop {
            let error = match self.attempt(request, options).await {
                Ok(answer) => {
                    self.learned.note_accepted(request, options);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let reduced = refusal(&error).and_then(|said| options.without_refused(&said.body));
            let Some(reduced) = reduced else {
                return Err(error);
            };
            tracing::info!(
                ?options,
                ?reduced,
                "provider refuses part of the request; retrying"
            );
            self.learned.note_refused(request, options, reduced);
            options = reduced;
        }
    }

    async fn attempt(
        &self,
        request: &ChatRequest,
        options: Options,
    ) -> Result<ChatStream, ModelError> {
        let body = request::body(request, options, self.kind)
            .map_err(|error| ModelError::new(ModelErrorKind::Refused, error))?;
        let response = self.endpoint.send(self.post(&self.url), body).await?;
        let offered = request.tools.iter().map(|tool| tool.name.to_string());
        let decoder = CompletionDecoder::new(offered.collect());
        let draft = Draft::with_think_tags();
        Ok(answer::read(response, draft, decoder, &self.endpoint))
    }

    fn post(&self, url: &Url) -> RequestBuilder {
        let call = self.client.post(url.clone());
        match &self.api_key {
            Some(key) => call.bearer_auth(key.expose()),
            None => call,
        }
    }
}

/// Ollama serves this API at `v1` below its root.
fn url(settings: &ProviderSettings, path: &str) -> Result<Url, SettingsError> {
    let is_root =
        settings.kind == ProviderKind::Ollama && !settings.address()?.path().ends_with("/v1/");
    if is_root {
        settings.url(&format!("v1/{path}"))
    } else {
        settings.url(path)
    }
}
