//! The models available to assistants, and health checks of them.

use std::collections::{BTreeSet, VecDeque};
use std::error::Error as StdError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use colloquy_domain::{Actor, Configuration, ModelName, Violation};
use futures_util::StreamExt as _;
use tokio::time::timeout;

use crate::Error;
use crate::access::Access;
use crate::ports::{
    AssistantRepository, ChatMessage, ChatModel, ChatOptions, ChatRequest, Clock, ModelError,
    ModelErrorKind, ModelProvider,
};

/// Time limit for the first token of a check.
pub const CHECK_TIMEOUT: Duration = Duration::from_secs(20);
/// Checks per [`CHECK_WINDOW`], in this process.
pub const MAX_CHECKS: usize = 10;
/// See [`MAX_CHECKS`].
pub const CHECK_WINDOW: Duration = Duration::from_secs(60);
/// Maximum number of models in use that a list includes.
const MAX_USED_MODELS: u32 = 1_000;

/// Lists and checks models, for managers of assistants.
#[derive(Clone)]
pub struct Models {
    access: Access,
    models: Arc<dyn ChatModel>,
    assistants: Arc<dyn AssistantRepository>,
    default_model: Option<ModelName>,
    clock: Arc<dyn Clock>,
    /// Start times of the latest checks, oldest first.
    checks: Arc<Mutex<VecDeque<DateTime<Utc>>>>,
}

/// The models available to assistants.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCatalogue {
    /// For assistants that name none.
    pub default_model: Option<ModelName>,
    /// The providers, by name.
    pub providers: Vec<ModelProvider>,
    /// Models known of providers or used by assistants, by name.
    pub models: Vec<KnownModel>,
}

/// A model and whether its configuration allows calls.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownModel {
    /// Its name.
    pub name: ModelName,
    /// Why it cannot be called: see [`ChatModel::check`].
    pub violation: Option<Violation>,
}

impl Models {
    pub(crate) fn new(
        access: Access,
        models: Arc<dyn ChatModel>,
        assistants: Arc<dyn AssistantRepository>,
        default_model: Option<ModelName>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            access,
            models,
            assistants,
            default_model,
            clock,
            checks: Arc::default(),
        }
    }

    /// Lists the available models.
    ///
    /// # Errors
    /// The policy's refusal.
    pub async fn list(&self, actor: &Actor) -> Result<ModelCatalogue, Error> {
        self.require_manager(actor).await?;
        let providers = self.models.providers();
        let mut names: BTreeSet<ModelName> = self.default_model.iter().cloned().collect();
        names.extend(providers.iter().flat_map(|it| it.models.iter().cloned()));
        names.extend(self.assistants.models(MAX_USED_MODELS).await?);
        let known = |name: ModelName| KnownModel {
            violation: self.models.check(&name).err(),
            name,
        };
        Ok(ModelCatalogue {
            default_model: self.default_model.clone(),
            providers,
            models: names.into_iter().map(known).collect(),
        })
    }

    /// Sends the model a minimal request. Returns what is wrong unless it begins to answer.
    ///
    /// # Errors
    /// The policy's refusal, `TooManyModelChecks`.
    pub async fn check(
        &self,
        actor: &Actor,
        model: &ModelName,
    ) -> Result<Result<(), Violation>, Error> {
        self.require_manager(actor).await?;
        if let Err(violation) = self.models.check(model) {
            return Ok(Err(violation));
        }
        self.note_check()?;
        Ok(match timeout(CHECK_TIMEOUT, self.ask(model)).await {
            Ok(answered) => answered,
            Err(_elapsed) => Err(violation(ModelErrorKind::TimedOut)),
        })
    }

    async fn require_manager(&self, actor: &Actor) -> Result<(), Error> {
        let decision = self.access.policy().manage_assistants(actor).await;
        decision.require_of(actor, "manage_assistants")
    }

    fn note_check(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let window = TimeDelta::from_std(CHECK_WINDOW).unwrap_or_default();
        let mut checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        checks.retain(|begun| now - *begun < window);
        match checks.front() {
            Some(oldest) if checks.len() >= MAX_CHECKS => {
                let wait = *oldest + window - now;
                Err(Error::TooManyModelChecks {
                    retry_after: wait.to_std().unwrap_or(CHECK_WINDOW),
                })
            }
            _ => {
                checks.push_back(now);
                Ok(())
            }
        }
    }

    async fn ask(&self, model: &ModelName) -> Result<(), Violation> {
        let request = ChatRequest {
            model: model.clone(),
            instructions: None,
            messages: vec![ChatMessage::User("Say OK.".to_owned())],
            configuration: Configuration::default(),
            options: ChatOptions::default(),
            tools: Vec::new(),
            may_call_tools: false,
            output_schema: None,
        };
        let mut answer = self
            .models
            .stream(&request)
            .await
            .map_err(|error| failed(&error))?;
        match answer.next().await {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(failed(&error)),
            None => Err(violation(ModelErrorKind::Broken)),
        }
    }
}

fn failed(error: &ModelError) -> Violation {
    let cause = error as &dyn StdError;
    tracing::warn!(error = cause, "model check failed");
    violation(error.kind)
}

fn violation(kind: ModelErrorKind) -> Violation {
    let sentence = match kind {
        ModelErrorKind::Unreachable => "the provider cannot be reached",
        ModelErrorKind::Unavailable => "the provider is unavailable",
        ModelErrorKind::RateLimited => "the provider is rate limiting requests",
        ModelErrorKind::TimedOut => "the model did not begin to answer in time",
        ModelErrorKind::NotConfigured => "the provider refuses the API key",
        ModelErrorKind::ContextTooLong => "the model's context is too short for any message",
        ModelErrorKind::Refused => {
            "the provider refuses the request and may not have this model, or its certificate is not \
             to be trusted"
        }
        ModelErrorKind::Broken => {
            "the answer is not that of a chat model; base URL or kind may be wrong"
        }
    };
    Violation::new(kind.as_str(), sentence)
}
