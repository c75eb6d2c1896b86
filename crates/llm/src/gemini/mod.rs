//! Google's Gemini API.

mod decoder;
mod request;

use colloquy_application::ports::{ChatRequest, ChatStream, ModelError};
use reqwest::Client;
use url::Url;

use self::decoder::ContentDecoder;
use crate::draft::Draft;
use crate::endpoint::Endpoint;
use crate::failure::{broken, refusal};
use crate::refusals::is_about_schema;
use crate::{ApiKey, ProviderSettings, SettingsError, answer};

/// A provider that speaks the Gemini API.
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

    /// Sends the request, again without the output schema if the provider refuses that.
    pub(crate) async fn stream(&self, request: &ChatRequest) -> Result<ChatStream, ModelError> {
        // Not every model supports a schema beside tools; the instructions state it as well.
        let with_schema = request.output_schema.is_some() && request.tools.is_empty();
        let error = match self.attempt(request, with_schema).await {
            Err(error) if with_schema => error,
            answer => return answer,
        };
        if !refusal(&error).is_some_and(|said| is_about_schema(&said.body)) {
            return Err(error);
        }
        tracing::info!("provider refuses the output schema; retrying without it");
        self.attempt(request, false).await
    }

    async fn attempt(
        &self,
        request: &ChatRequest,
        with_schema: bool,
    ) -> Result<ChatStream, ModelError> {
        let call = self.client.post(self.url(request.model.name())?);
        let call = match &self.api_key {
            Some(key) => call.header("x-goog-api-key", key.expose()),
            None => call,
        };
        let body = request::body(request, with_schema).to_string();
        let response = self.endpoint.send(call, body.into()).await?;
        let decoder = ContentDecoder::default();
        Ok(answer::read(
            response,
            Draft::default(),
            decoder,
            &self.endpoint,
        ))
    }

    fn url(&self, model: &str) -> Result<Url, ModelError> {
        let mut url = self.base_url.clone();
        // `tunedModels/x` and `models/x` are resources themselves.
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
