//! OpenAI-compatible chat completions and embeddings.

mod calls;
mod choices;
mod chunk;
mod decoder;
mod embeddings;
mod extras;
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
use crate::endpoint::Endpoint;
use crate::{ApiKey, ProviderKind, ProviderSettings, SettingsError, answer, options};

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
        let (answer, accepted) = options::send(
            self.learned.options(request),
            |options| self.attempt(request, options),
            |asked, reduced| self.learned.note_refused(request, asked, reduced),
        )
        .await?;
        self.learned.note_accepted(request, accepted);
        Ok(answer)
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
        Ok(answer::read(response, decoder, &self.endpoint))
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
