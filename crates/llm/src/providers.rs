use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use colloquy_application::ports::{
    ChatModel, ChatRequest, ChatStream, Clock, Embedder, ModelError, ModelErrorKind, ModelProvider,
};
use colloquy_domain::{ModelName, Violation};
use reqwest::Client;

use crate::failure::StatusError;
use crate::openai::ChatCompletions;
use crate::settings::Missing;
use crate::translated::Translated;
use crate::{ProviderKind, ProviderSettings, SettingsError, client, echo};

/// The chat models of every provider that is known here, by the prefix of their names.
///
/// `openai`, `anthropic`, `gemini` and `mistral` are known and need an API key, `ollama` stands at
/// its usual local address, `echo` has the one model `echo::echo`. Settings replace a built-in
/// provider of the same name, or add one.
pub struct ModelProviders {
    providers: BTreeMap<String, Provider>,
}

enum Provider {
    Echo,
    ChatCompletions(ChatCompletions),
    Anthropic(Translated),
    Gemini {
        chat: Translated,
        /// Google takes what OpenAI's clients send too.
        embeddings: ChatCompletions,
    },
    /// Known, but it cannot be asked.
    Incomplete(Missing),
}

impl ModelProviders {
    /// Sets up one HTTP client for all of them; does no I/O but reading the machine's certificate
    /// authorities. `connect_timeout` covers the name, the connection and TLS; `clock` turns the
    /// dates in `Retry-After` into waits.
    ///
    /// # Errors
    /// The first of the settings that cannot be meant. A key or an address that is missing is no
    /// error here: [`check`](ChatModel::check) tells.
    pub fn new(
        settings: Vec<ProviderSettings>,
        connect_timeout: Duration,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, SettingsError> {
        let client = client::http_client(connect_timeout).map_err(SettingsError::Client)?;
        let mut known: BTreeMap<_, _> = ProviderKind::built_in()
            .map(|settings| (settings.name.clone(), settings))
            .collect();
        known.extend(named(settings)?);
        let mut providers = BTreeMap::from([(echo::PROVIDER.to_owned(), Provider::Echo)]);
        for (name, settings) in known {
            providers.insert(name, Provider::new(&settings, &client, clock)?);
        }
        Ok(Self { providers })
    }

    /// The embedding model of that name.
    ///
    /// # Errors
    /// A `Violation` with the code `unknown_provider` or `provider_not_configured`, or
    /// `no_embeddings` for a provider that has none here.
    pub fn embedder(&self, model: &ModelName) -> Result<Arc<dyn Embedder>, Violation> {
        let name = model.provider();
        match self.providers.get(name) {
            Some(
                Provider::ChatCompletions(wire)
                | Provider::Gemini {
                    embeddings: wire, ..
                },
            ) => Ok(Arc::new(wire.embeddings(model))),
            Some(Provider::Incomplete(missing)) => Err(not_configured(name, *missing)),
            Some(Provider::Echo | Provider::Anthropic(_)) => Err(Violation::new(
                "no_embeddings",
                format!("the model provider `{name}` gives no embeddings here"),
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
        let sentence = format!("there is no model provider `{name}` here, only {known}");
        Violation::new("unknown_provider", sentence)
    }

    async fn ask(&self, request: &ChatRequest) -> Result<ChatStream, ModelError> {
        let provider = self.find(&request.model);
        let provider =
            provider.map_err(|why| ModelError::new(ModelErrorKind::NotConfigured, why))?;
        match provider {
            Provider::Echo => Ok(echo::answer(request)),
            Provider::ChatCompletions(wire) => wire.stream(request).await,
            Provider::Anthropic(wire) | Provider::Gemini { chat: wire, .. } => {
                wire.stream(request).await
            }
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
            "asked a model"
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
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, SettingsError> {
        if let Some(missing) = settings.missing() {
            return Ok(Self::Incomplete(missing));
        }
        let (client, clock) = (client.clone(), Arc::clone(clock));
        Ok(match settings.kind {
            ProviderKind::OpenAi | ProviderKind::Mistral | ProviderKind::Ollama => {
                Self::ChatCompletions(ChatCompletions::new(settings, client, clock)?)
            }
            ProviderKind::Anthropic => Self::Anthropic(Translated::new(settings, client, clock)?),
            ProviderKind::Gemini => Self::Gemini {
                embeddings: ChatCompletions::new(
                    &settings.as_openai()?,
                    client.clone(),
                    Arc::clone(&clock),
                )?,
                chat: Translated::new(settings, client, clock)?,
            },
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
    let sentence = format!("the model provider `{name}` has no {missing} on this service");
    Violation::new("provider_not_configured", sentence)
}

fn status_of(error: &ModelError) -> Option<u16> {
    let source = error.source.as_ref()?.downcast_ref::<StatusError>()?;
    Some(source.status.as_u16())
}
