//! Google's Gemini API.

mod decoder;
mod request;

use colloquy_application::ports::{ChatRequest, ChatStream, ModelError};
use reqwest::Client;
use url::Url;

use self::decoder::ContentDecoder;
use self::request::Options;
use crate::endpoint::Endpoint;
use crate::failure::broken;
use crate::{ApiKey, ProviderSettings, SettingsError, answer, options};

pub(crate) struct GenerateContent {
    client: Client,
    base_url: Url,
    api_key: Option<ApiKey>,
    endpoint: Endpoint,
}

impl GenerateContent {
    pub(crate) fn new(
        settings: &ProviderSettings,
        client: Client,
        endpoint: Endpoint,
    ) -> Result<Self, SettingsError> {
        Ok(Self {
            client,
            base_url: settings.address()?,
            api_key: settings.api_key.clone(),
            endpoint,
        })
    }

    /// Retries without the output schema if the provider refuses it.
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
        let call = self.client.post(self.url(request.model.name())?);
        let call = match &self.api_key {
            Some(key) => call.header("x-goog-api-key", key.expose()),
            None => call,
        };
        let body = request::body(request, options).to_string();
        let response = self.endpoint.send(call, body.into()).await?;
        let decoder = ContentDecoder::default();
        Ok(answer::read(response, decoder, &self.endpoint))
    }

    fn url(&self, model: &str) -> Result<Url, ModelError> {
        let mut url = self.base_url.clone();
        // `tunedModels/x` and `models/x` are full resource names.
        let collection = (!model.contains('/')).then_some("models");
        let method = format!("{model}:streamGenerateContent");
        url.path_segments_mut()
            .map_err(|()| broken("the base URL has no path"))?
            .pop_if_empty()
            .extend(collection.into_iter().chain(method.split('/')));
        url.query_pairs_mut().append_pair("alt", "sse");
        Ok(url)
    }
}
