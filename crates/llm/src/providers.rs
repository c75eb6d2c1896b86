//! Routes calls to a model's provider.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use colloquy_application::ports::{
    ChatModel, ChatRequest, ChatStream, Clock, Embedder, ModelError, ModelErrorKind, ModelProvider,
};
use colloquy_domain::{ModelName, Violation};
use reqwest::Client;

use crate::anthropic::Messages;
use crate::endpoint::Endpoint;
use crate::failure::StatusError;
use crate::gemini::GenerateContent;
use crate::openai::ChatCompletions;
use crate::redaction::Redaction;
use crate::settings::Missing;
use crate::{ProviderKind, ProviderSettings, SettingsError, client, echo};

/// All providers' models, selected by the prefix of the model's name.
///
/// `openai`, `anthropic`, `gemini` and `mistral` are built in and need an API key, `ollama` has its
/// usual local address, and `echo` one model, `echo::echo`. Settings add or replace a provider.
pub struct ModelProviders {
    providers: BTreeMap<String, Provider>,
}

enum Provider {
    Echo,
    ChatCompletions(ChatCompletions),
    Anthropic(Messages),
    Gemini {
        chat: GenerateContent,
        /// Google's OpenAI-compatible API.
        embeddings: ChatCompletions,
    },
    Incomplete(Missing),
}

/// Time limits of provider requests.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Name resolution, connection and TLS.
    pub connect: Duration,
    /// The caller's limit between events; a complete answer waits less for its token counts.
    pub idle: Duration,
}

/// Wait of a complete answer for token counts and end mark, unless `idle` is short.
const TRAILER_TIMEOUT: Duration = Duration::from_secs(5);

impl Timeouts {
    fn trailer(self) -> Duration {
        TRAILER_TIMEOUT.min(self.idle / 2)
    }
}

impl ModelProviders {
    /// Does no I/O but reading the system's certificate authorities.
    ///
    /// # Errors
    /// Invalid settings. [`check`](ChatModel::check) reports a missing key or address.
    pub fn new(
        settings: Vec<ProviderSettings>,
        timeouts: Timeouts,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, SettingsError> {
        let client = client::http_client(timeouts.connect).map_err(SettingsError::Client)?;
        let mut known: BTreeMap<_, _> = ProviderKind::built_in()
            .map(|settings| (settings.name.clone(), settings))
            .collect();
        known.extend(named(settings)?);
        let mut providers = BTreeMap::from([(echo::PROVIDER.to_owned(), Provider::Echo)]);
        for (name, settings) in known {
            let endpoint = Endpoint {
                redaction: Redaction::of(&settings),
                clock: Arc::clone(clock),
                trailer_timeout: timeouts.trailer(),
            };
            providers.insert(name, Provider::new(&settings, &client, endpoint)?);
        }
        Ok(Self { providers })
    }

    /// The named embedding model.
    ///
    /// # Errors
    /// A `Violation` with the code `unknown_provider`, `provider_not_configured` or `no_embeddings`.
    pub fn embedder(&self, model: &ModelName) -> Result<Arc<dyn Embedder>, Violation> {
        let name = model.provider();
        match self.providers.get(name) {
            Some(
                Provider::ChatCompletions(provider)
                | Provider::Gemini {
                    embeddings: provider,
                    ..
                },
            ) => Ok(Arc::new(provider.embeddings(model))),
            Some(Provider::Incomplete(missing)) => Err(not_configured(name, *missing)),
            Some(Provider::Echo | Provider::Anthropic(_)) => Err(Violation::new(
                "no_embeddings",
                format!("the model provider `{name}` has no embeddings"),
            )),
            None => Err(self.unknown(name)),
        }
    }

    fn find(&self, model: &ModelName) -> Result<&Provider, Violation> {
        let name = model.provider();
        match self.providers.get(name) {
            None => Err(self.unknown(name)),
            Some(Provider::Echo) if model.name() != echo::MODEL => Err(Violation::new(
                "unknown_provider",
                "the provider `echo` has one model, `echo::echo`",
            )),
            Some(Provider::Incomplete(missing)) => Err(not_configured(name, *missing)),
            Some(provider) => Ok(provider),
        }
    }

    fn unknown(&self, name: &str) -> Violation {
        let known: Vec<_> = self.providers.keys().map(String::as_str).collect();
        let known = known.join(", ");
        let sentence = format!("unknown model provider `{name}`; known are {known}");
        Violation::new("unknown_provider", sentence)
    }

    async fn ask(&self, request: &ChatRequest) -> Result<ChatStream, ModelError> {
        let provider = self.find(&request.model);
        let provider =
            provider.map_err(|why| ModelError::new(ModelErrorKind::NotConfigured, why))?;
        match provider {
            Provider::Echo => Ok(echo::answer(request)),
            Provider::ChatCompletions(chat) => chat.stream(request).await,
            Provider::Anthropic(messages) => messages.stream(request).await,
            Provider::Gemini { chat, .. } => chat.stream(request).await,
            Provider::Incomplete(_) => Err(ModelErrorKind::NotConfigured.into()),
        }
    }
}

#[async_trait]
impl ChatModel for ModelProviders {
    fn check(&self, model: &ModelName) -> Result<(), Violation> {
        self.find(model).map(drop)
    }

    fn providers(&self) -> Vec<ModelProvider> {
        self.providers
            .iter()
            .map(|(name, provider)| provider.described(name))
            .collect()
    }

    async fn stream(&self, request: &ChatRequest) -> Result<ChatStream, ModelError> {
        let answer = self.ask(request).await;
        let status = answer.as_ref().map_or_else(status_of, |_| Some(200));
        let failure = answer.as_ref().err().map(|error| error.kind);
        tracing::debug!(
            provider = request.model.provider(),
            model = request.model.name(),
            status,
            ?failure,
            "model request sent"
        );
        answer
    }
}

impl Provider {
    fn described(&self, name: &str) -> ModelProvider {
        let echo = || ModelName::parse(format!("{name}::{}", echo::MODEL)).ok();
        ModelProvider {
            name: name.to_owned(),
            violation: match self {
                Self::Incomplete(missing) => Some(not_configured(name, *missing)),
                _ => None,
            },
            models: match self {
                Self::Echo => echo().into_iter().collect(),
                _ => Vec::new(),
            },
        }
    }

    fn new(
        settings: &ProviderSettings,
        client: &Client,
        endpoint: Endpoint,
    ) -> Result<Self, SettingsError> {
        if let Some(missing) = settings.missing() {
            return Ok(Self::Incomplete(missing));
        }
        let client = client.clone();
        Ok(match settings.kind {
            ProviderKind::OpenAi | ProviderKind::Mistral | ProviderKind::Ollama => {
                Self::ChatCompletions(ChatCompletions::new(settings, client, endpoint)?)
            }
            ProviderKind::Anthropic => Self::Anthropic(Messages::new(settings, client, endpoint)?),
            ProviderKind::Gemini => {
                let compatible = settings.as_openai()?;
                Self::Gemini {
                    embeddings: ChatCompletions::new(
                        &compatible,
                        client.clone(),
                        endpoint.clone(),
                    )?,
                    chat: GenerateContent::new(settings, client, endpoint)?,
                }
            }
        })
    }
}

fn named(
    settings: Vec<ProviderSettings>,
) -> Result<BTreeMap<String, ProviderSettings>, SettingsError> {
    let mut named = BTreeMap::new();
    for settings in settings {
        settings.validate()?;
        let name = settings.name.clone();
        if name == echo::PROVIDER || named.insert(name.clone(), settings).is_some() {
            return Err(SettingsError::Name(name));
        }
    }
    Ok(named)
}

fn not_configured(name: &str, missing: Missing) -> Violation {
    let missing = match missing {
        Missing::ApiKey => "API key",
        Missing::BaseUrl => "base URL",
    };
    let sentence = format!("the model provider `{name}` has no {missing}");
    Violation::new("provider_not_configured", sentence)
}

fn status_of(error: &ModelError) -> Option<u16> {
    let source = error.source.as_ref()?.downcast_ref::<StatusError>()?;
    Some(source.status.as_u16())
}
