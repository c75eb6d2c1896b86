//! The providers whose wires the crate `genai` speaks.

mod answer;
mod failures;
mod request;

use std::sync::Arc;

use colloquy_application::ports::{ChatEvent, ChatRequest, ChatStream, Clock, ModelError};
use futures_util::{StreamExt, stream};
use genai::adapter::AdapterKind;
use genai::resolver::{AuthData, Endpoint};
use genai::{ModelIden, ServiceTarget};

use self::answer::Answer;
use self::failures::Failures;
use crate::{ProviderKind, ProviderSettings, SettingsError};

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
        let options = request::options(request, self.adapter);
        let response = self
            .client
            .exec_chat_stream(self.target(request), request::chat(request), Some(&options))
            .await
            .map_err(|error| self.failures.translate(error, false))?;
        let mut answer = Answer::new(response.stream, self.failures.clone());
        let first = answer.next().await?;
        let rest = (!matches!(first, ChatEvent::End(_))).then_some(answer);
        let rest = stream::try_unfold(rest, |answer| async move {
            let Some(mut answer) = answer else {
                return Ok(None);
            };
            let event = answer.next().await?;
            let more = (!matches!(event, ChatEvent::End(_))).then_some(answer);
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
