//! The catalogue of assistants.

use std::sync::Arc;

use colloquy_domain::{
    Actor, AnswerCaching, AnswerLifetime, Assistant, AssistantId, AssistantName, AssistantRef,
    CacheScope, Configuration, Description, FrequencyPenalty, HistoryLimit, Instructions,
    ModelName, PresencePenalty, SimilarityThreshold, Slug, Tag, Temperature, TokenLimit, TopP,
    Violation,
};

use crate::Error;
use crate::access::{Access, AssistantAction};
use crate::ports::{
    AnswerCache, AssistantRepository, AssistantScope, ChatModel, Clock, Constraint, IdGenerator,
    OffsetList, OffsetPage, PortError,
};

/// Defines, shows and removes assistants.
#[derive(Clone)]
pub struct Assistants {
    /// Guards every read and decides who manages.
    pub access: Access,
    /// Where they are kept.
    pub assistants: Arc<dyn AssistantRepository>,
    /// Where their answers are kept.
    pub answers: Arc<dyn AnswerCache>,
    /// Says which models can be asked here.
    pub models: Arc<dyn ChatModel>,
    /// The model of an assistant that names none.
    pub default_model: Option<ModelName>,
    /// Tells the time of changes.
    pub clock: Arc<dyn Clock>,
    /// Makes the ids.
    pub ids: Arc<dyn IdGenerator>,
}

/// What a new assistant is made from.
#[derive(Debug, Clone)]
pub struct NewAssistant {
    /// Its name as people see it.
    pub name: AssistantName,
    /// Derived from the name when `None`.
    pub slug: Option<Slug>,
    /// What it is good for.
    pub description: Option<Description>,
    /// What the model is told first.
    pub instructions: Instructions,
    /// The service's default model when `None`.
    pub model: Option<ModelName>,
    /// How the model is run.
    pub configuration: Configuration,
    /// Private: only for signed-in users.
    pub user_authentication: bool,
    /// How its answers are shared.
    pub caching: AnswerCaching,
    /// Whether people see and run it.
    pub is_enabled: bool,
}

/// What to change of an assistant; `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct AssistantChanges {
    /// Another name; the slug stays.
    pub name: Option<AssistantName>,
    /// Another slug.
    pub slug: Option<Slug>,
    /// Another description, or none.
    pub description: Option<Option<Description>>,
    /// Other instructions.
    pub instructions: Option<Instructions>,
    /// Another model.
    pub model: Option<ModelName>,
    /// Other generation settings.
    pub configuration: ConfigurationChanges,
    /// Private or public.
    pub user_authentication: Option<bool>,
    /// Other ways to share its answers.
    pub caching: CachingChanges,
    /// Enabled or not.
    pub is_enabled: Option<bool>,
}

/// What to change of the generation settings; `None` stays, `Some(None)` clears.
#[derive(Debug, Clone, Default)]
pub struct ConfigurationChanges {
    /// See [`Configuration::temperature`].
    pub temperature: Option<Option<Temperature>>,
    /// See [`Configuration::top_p`].
    pub top_p: Option<Option<TopP>>,
    /// See [`Configuration::presence_penalty`].
    pub presence_penalty: Option<Option<PresencePenalty>>,
    /// See [`Configuration::frequency_penalty`].
    pub frequency_penalty: Option<Option<FrequencyPenalty>>,
    /// See [`Configuration::max_output_tokens`].
    pub max_output_tokens: Option<Option<TokenLimit>>,
    /// See [`Configuration::history_max_messages`].
    pub history_max_messages: Option<Option<HistoryLimit>>,
    /// See [`Configuration::history_max_tokens`].
    pub history_max_tokens: Option<Option<TokenLimit>>,
    /// See [`Configuration::tags`].
    pub tags: Option<Option<Vec<Tag>>>,
}

impl ConfigurationChanges {
    /// The settings with these changes.
    #[must_use]
    pub fn applied_to(self, old: Configuration) -> Configuration {
        Configuration {
            temperature: self.temperature.unwrap_or(old.temperature),
            top_p: self.top_p.unwrap_or(old.top_p),
            presence_penalty: self.presence_penalty.unwrap_or(old.presence_penalty),
            frequency_penalty: self.frequency_penalty.unwrap_or(old.frequency_penalty),
            max_output_tokens: self.max_output_tokens.unwrap_or(old.max_output_tokens),
            history_max_messages: self
                .history_max_messages
                .unwrap_or(old.history_max_messages),
            history_max_tokens: self.history_max_tokens.unwrap_or(old.history_max_tokens),
            tags: self.tags.unwrap_or(old.tags),
        }
    }
}

/// What to change of how answers are shared; `None` stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct CachingChanges {
    /// See [`AnswerCaching::is_on`].
    pub is_on: Option<bool>,
    /// See [`AnswerCaching::threshold`].
    pub threshold: Option<SimilarityThreshold>,
    /// See [`AnswerCaching::lifetime`].
    pub lifetime: Option<AnswerLifetime>,
    /// See [`AnswerCaching::scope`].
    pub scope: Option<CacheScope>,
}

impl CachingChanges {
    /// The settings with these changes.
    #[must_use]
    pub fn applied_to(self, old: AnswerCaching) -> AnswerCaching {
        AnswerCaching {
            is_on: self.is_on.unwrap_or(old.is_on),
            threshold: self.threshold.unwrap_or(old.threshold),
            lifetime: self.lifetime.unwrap_or(old.lifetime),
            scope: self.scope.unwrap_or(old.scope),
            generation: old.generation,
        }
    }
}

impl AssistantChanges {
    fn applied_to(self, old: Assistant) -> Assistant {
        Assistant {
            name: self.name.unwrap_or(old.name),
            slug: self.slug.unwrap_or(old.slug),
            description: self.description.unwrap_or(old.description),
            instructions: self.instructions.unwrap_or(old.instructions),
            model: self.model.unwrap_or(old.model),
            configuration: self.configuration.applied_to(old.configuration),
            user_authentication: self.user_authentication.unwrap_or(old.user_authentication),
            caching: self.caching.applied_to(old.caching),
            is_enabled: self.is_enabled.unwrap_or(old.is_enabled),
            ..old
        }
    }
}

/// An assistant, and how much of it the reader may be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct AssistantView {
    /// The assistant.
    pub assistant: Assistant,
    /// Whether the reader manages assistants. Others are not shown the instructions, the model
    /// and its settings.
    pub can_manage: bool,
}

/// How often a write starts over that others' writes have overtaken.
const MAX_WRITE_ATTEMPTS: u32 = 100;
/// How many derived slugs are tried: `name`, `name-2`, ...
const MAX_SLUG_ATTEMPTS: u32 = 10_000;

impl Assistants {
    /// A page of the assistants that the actor may see, by name, then id.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn list(
        &self,
        actor: &Actor,
        page: OffsetPage,
    ) -> Result<OffsetList<AssistantView>, Error> {
        let scope = self.access.policy().assistant_scope(actor).await;
        let can_manage = self.can_manage(actor).await;
        let list = self.assistants.list(&scope, page).await?;
        let view = |assistant| AssistantView {
            assistant,
            can_manage,
        };
        Ok(OffsetList {
            items: list.items.into_iter().map(view).collect(),
            total: list.total,
        })
    }

    /// One assistant.
    ///
    /// # Errors
    /// `NotFound`, `Unauthenticated` for a guest and a private one.
    pub async fn get(
        &self,
        actor: &Actor,
        reference: &AssistantRef,
    ) -> Result<AssistantView, Error> {
        let assistant = self
            .access
            .assistant(actor, reference, AssistantAction::View)
            .await?;
        Ok(AssistantView {
            assistant,
            can_manage: self.can_manage(actor).await,
        })
    }

    /// Makes an assistant.
    ///
    /// # Errors
    /// The policy's refusal; `Invalid` when there is no model or it cannot be asked here;
    /// `Duplicate("slug")` for a slug that was given.
    pub async fn create(&self, actor: &Actor, new: NewAssistant) -> Result<Assistant, Error> {
        self.require_manager(actor).await?;
        let assistant = self.define(new).await?;
        audit(actor, assistant.id, "assistant created");
        Ok(assistant)
    }

    /// Makes an assistant, without the question who asks: for the machine's operator.
    ///
    /// # Errors
    /// Those of [`Assistants::create`] but the policy's.
    pub async fn define(&self, new: NewAssistant) -> Result<Assistant, Error> {
        let model = self.model_or_default(new.model.clone())?;
        match new.slug.clone() {
            Some(slug) => Ok(self.add(new, slug, model).await?),
            None => self.add_with_derived_slug(new, model).await,
        }
    }

    /// Whether there is no assistant at all, without the question who asks: for the machine's
    /// operator.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn is_empty(&self) -> Result<bool, Error> {
        let page = OffsetPage { skip: 0, limit: 1 };
        Ok(self
            .assistants
            .list(&AssistantScope::All, page)
            .await?
            .total
            == 0)
    }

    fn model_or_default(&self, model: Option<ModelName>) -> Result<ModelName, Error> {
        let model = model
            .or_else(|| self.default_model.clone())
            .ok_or_else(|| Violation::new("required", "is required").at("model"))?;
        self.check_model(&model)?;
        Ok(model)
    }

    fn check_model(&self, model: &ModelName) -> Result<(), Error> {
        Ok(self.models.check(model).map_err(|v| v.at("model"))?)
    }

    async fn add_with_derived_slug(
        &self,
        new: NewAssistant,
        model: ModelName,
    ) -> Result<Assistant, Error> {
        for attempt in 1..=MAX_SLUG_ATTEMPTS {
            let slug = Slug::derive(new.name.as_str(), attempt);
            match self.add(new.clone(), slug, model.clone()).await {
                Err(PortError::Conflict(Constraint::AssistantSlug)) => {}
                added => return Ok(added?),
            }
        }
        Err(Error::Duplicate("slug"))
    }

    async fn add(
        &self,
        new: NewAssistant,
        slug: Slug,
        model: ModelName,
    ) -> Result<Assistant, PortError> {
        let now = self.clock.now();
        let assistant = Assistant {
            id: AssistantId::from_uuid(self.ids.next_id()),
            slug,
            name: new.name,
            description: new.description,
            instructions: new.instructions,
            model,
            configuration: new.configuration,
            user_authentication: new.user_authentication,
            caching: new.caching,
            is_enabled: new.is_enabled,
            revision: 1,
            created_at: now,
            updated_at: now,
        };
        self.assistants.add(&assistant).await?;
        Ok(assistant)
    }

    /// Changes an assistant. Two changes at once are both kept, one after the other.
    ///
    /// # Errors
    /// The policy's refusal, `NotFound`, `Invalid` when the new model cannot be asked here,
    /// `Duplicate("slug")`.
    pub async fn update(
        &self,
        actor: &Actor,
        reference: &AssistantRef,
        changes: AssistantChanges,
    ) -> Result<Assistant, Error> {
        self.require_manager(actor).await?;
        if let Some(model) = &changes.model {
            self.check_model(model)?;
        }
        // By id after the first read: the slug itself may be what changes.
        let mut reference = reference.clone();
        for _ in 0..MAX_WRITE_ATTEMPTS {
            let old = self
                .access
                .assistant(actor, &reference, AssistantAction::View)
                .await?;
            reference = AssistantRef::Id(old.id);
            let revision = old.revision.saturating_add(1);
            let mut assistant = changes.clone().applied_to(old);
            assistant.revision = revision;
            assistant.updated_at = self.clock.now();
            match self.assistants.update(&assistant).await {
                Err(PortError::Conflict(Constraint::AssistantRevision)) => {}
                Err(error) => return Err(error.into()),
                Ok(()) => {
                    audit(actor, assistant.id, "assistant changed");
                    return Ok(assistant);
                }
            }
        }
        Err(Error::RevisionConflict)
    }

    /// Removes an assistant; the threads opened for it stay.
    ///
    /// # Errors
    /// The policy's refusal, `NotFound`.
    pub async fn delete(&self, actor: &Actor, reference: &AssistantRef) -> Result<(), Error> {
        self.require_manager(actor).await?;
        let assistant = self
            .access
            .assistant(actor, reference, AssistantAction::View)
            .await?;
        self.assistants.delete(assistant.id).await?;
        audit(actor, assistant.id, "assistant deleted");
        // The assistant is gone, whatever becomes of answers that nobody will ask for.
        if let Err(error) = self.answers.purge(assistant.id).await {
            tracing::warn!(
                error = &error as &(dyn std::error::Error + 'static),
                "answers are left"
            );
        }
        Ok(())
    }

    /// Forgets the answers that the assistant has given: none of them is served again, on any
    /// instance. Gives the number of those that were kept on this one.
    ///
    /// # Errors
    /// The policy's refusal, `NotFound`.
    pub async fn purge_answers(
        &self,
        actor: &Actor,
        reference: &AssistantRef,
    ) -> Result<u64, Error> {
        self.require_manager(actor).await?;
        let assistant = self
            .access
            .assistant(actor, reference, AssistantAction::View)
            .await?;
        self.assistants.void_answers(assistant.id).await?;
        let count = self.answers.purge(assistant.id).await?;
        audit(actor, assistant.id, "answers purged");
        Ok(count)
    }

    async fn can_manage(&self, actor: &Actor) -> bool {
        let decision = self.access.policy().manage_assistants(actor).await;
        decision.is_allowed()
    }

    async fn require_manager(&self, actor: &Actor) -> Result<(), Error> {
        let decision = self.access.policy().manage_assistants(actor).await;
        decision.require()
    }
}

fn audit(actor: &Actor, assistant: AssistantId, what: &'static str) {
    let user = actor.user_id().map(tracing::field::display);
    tracing::info!(user.id = user, assistant.id = %assistant, "{what}");
}
