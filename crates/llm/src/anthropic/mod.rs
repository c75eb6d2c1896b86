//! Anthropic's Messages API.

mod decoder;
mod request;

use colloquy_application::ports::{ChatRequest, ChatStream, ModelError};
use reqwest::Client;
use url::Url;

use self::decoder::MessageDecoder;
use self::request::Options;
use crate::endpoint::Endpoint;
use crate::{ApiKey, ProviderSettings, SettingsError, answer, options};

const VERSION: &str = "2023-06-01";

pub(crate) struct Messages {
    client: Client,
    url: Url,
    api_key: Option<ApiKey>,
    endpoint: Endpoint,
}

impl Messages {
    pub(crate) fn new(
        settings: &ProviderSettings,
        client: Client,
        endpoint: Endpoint,
    ) -> Result<Self, SettingsError> {
        Ok(Self {
            client,
            url: settings.url("messages")?,
            api_key: settings.api_key.clone(),
            endpoint,
        })
    }

    /// Retries without the options that the provider refuses.
    pub(crate) async fn stream(&self, request: &ChatRequest) -> Result<ChatStream, ModelError> {
        let attempt = |options| self.attempt(request, options);
        let sent = options::send(Options::of(request), attempt, |_, _| ()).await;
        sent.map(|(answer, _)| answer)
    }

    async fn attempt(
        &self,
        request: &ChatRequest,
        options: Options,
    ) -> Result<ChatStream, ModelError> {
        let call = self.client.post(self.url.clone());
        let call = call.header("anthropic-version", VERSION);
        let call = match &self.api_key {
            Some(key) => call.header("x-api-key", key.expose()),
            None => call,
        };
        let body = request::body(request, options).to_string();
        let response = self.endpoint.send(call, body.into()).await?;
        let decoder = MessageDecoder::default();
        Ok(answer::read(response, decoder, &self.endpoint))
    }
}
