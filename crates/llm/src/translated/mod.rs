//! The providers whose wires the crate `genai` speaks.

mod answer;
mod end;
mod failures;
mod request;

use std::sync::Arc;

use colloquy_application::ports::{
    ChatEvent, ChatRequest, ChatStream, Clock, ModelError, ModelErrorKind,
};
use futures_util::{StreamExt, stream};
use genai::adapter::AdapterKind;
use genai::resolver::{AuthData, Endpoint};
use genai::{ModelIden, ServiceTarget};

use self::answer::Answer;
use self::end::EndSeen;
use self::failures::Failures;
use crate::failure::StatusError;
use crate::refusals::is_about_schema;
use crate::secrets::Secrets;
use crate::{ApiKey, ProviderKind, ProviderSettings, SettingsError};

/// A provider behind `genai`.
pub(crate) struct Translated {
    client: genai::Client,
    kind: ProviderKind,
    adapter: AdapterKind,
    endpoint: Endpoint,
    api_key: Option<ApiKey>,
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
            kind: settings.kind,
            adapter: match settings.kind {
                ProviderKind::Gemini => AdapterKind::Gemini,
                _ => AdapterKind::Anthropic,
            },
            endpoint: Endpoint::from_owned(settings.address()?.as_str()),
            api_key: settings.api_key.clone(),
            failures: Failures {
                secrets: Secrets::of(settings),
                clock,
            },
        })
    }

    /// Sends the request; once more without the output schema where the provider refuses that.
    pub(crate) async fn stream(&self, request: &ChatRequest) -> Result<ChatStream, ModelError> {
        let error = match self.attempt(request, true).await {
            Err(error) if request.output_schema.is_some() && refuses_schema(&error) => error,
            answer => return answer,
        };
        tracing::info!(?error.kind, "the provider does not take the output schema; asked without it");
        self.attempt(request, false).await
    }

    /// `genai` sends the request only when the answer is awaited, so the first event is.
    async fn attempt(
        &self,
        request: &ChatRequest,
        with_schema: bool,
    ) -> Result<ChatStream, ModelError> {
        let end = EndSeen::default();
        let options = request::options(request, self.adapter, with_schema);
        let options = options.with_raw_frame_sink_arc(end.sink());
        let chat = request::chat(request, self.kind);
        let response = self
            .client
            .exec_chat_stream(self.target(request), chat, Some(&options))
            .await
            .map_err(|error| self.failures.translate(error, false))?;
        let mut answer = Answer::new(response.stream, self.failures.clone(), end);
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
        let key = self.api_key.as_ref();
        ServiceTarget {
            endpoint: self.endpoint.clone(),
            auth: key.map_or(AuthData::None, |key| AuthData::from_single(key.as_str())),
            model: ModelIden::new(self.adapter, request.model.name()),
        }
    }
}

fn refuses_schema(error: &ModelError) -> bool {
    let source = error.source.as_ref();
    let said = source.and_then(|source| source.downcast_ref::<StatusError>());
    error.kind == ModelErrorKind::Refused && said.is_some_and(|said| is_about_schema(&said.body))
}
