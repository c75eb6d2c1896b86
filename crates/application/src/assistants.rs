//! The catalogue of assistants.

use std::sync::Arc;

use colloquy_domain::{
    Actor, AnswerCaching, AnswerLifetime, Assistant, AssistantId, AssistantName, AssistantRef,
    Avatar, CacheScope, Configuration, Description, FieldError, FrequencyPenalty, HistoryLimit,
    Instructions, ModelName, OutputSchema, PresencePenalty, SimilarityThreshold, Slug, Tag,
    Temperature, TokenLimit, ToolConcurrency, ToolRef, ToolRounds, TopP, ValidationError,
    Violation,
};

use crate::Error;
use crate::access::{Access, AssistantAction};
use crate::audit;
use crate::avatars::{AvatarBlobs, AvatarChanges};
use crate::ports::{
    AnswerCache, AssistantRepository, AssistantScope, ChatModel, Clock, Constraint, IdGenerator,
    OffsetList, OffsetPage, PortError,
};
use crate::schemas::Schema;
use crate::tools::Toolbox;

/// Defines, shows and removes assistants.
#[derive(Clone)]
pub struct Assistants {
    /// Guards every read and decides who manages.
    pub access: Access,
    /// Where they are kept.
    pub assistants: Arc<dyn AssistantRepository>,
    /// Where their pictures are kept.
    pub avatars: AvatarBlobs,
    /// Where their answers are kept.
    pub answers: Arc<dyn AnswerCache>,
    /// Says which models can be asked here.
    pub models: Arc<dyn ChatModel>,
    /// The model of an assistant that names none.
    pub default_model: Option<ModelName>,
    /// Says which tools there are.
    pub toolbox: Toolbox,
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
    /// What the model may use.
    pub tools: Vec<ToolRef>,
    /// How many tools at once.
    pub tool_max_concurrency: ToolConcurrency,
    /// How often in one run.
    pub max_tool_rounds: ToolRounds,
    /// What the answers keep to.
    pub output_schema: Option<OutputSchema>,
    /// Private: only for signed-in users.
    pub user_authentication: bool,
    /// How its answers are shared.
    pub caching: AnswerCaching,
    /// Whether people see and run it.
    pub is_enabled: bool,
    /// How it looks, where that is not as usual.
    pub avatar: AvatarChanges,
}

impl NewAssistant {
    /// A public, enabled assistant of that name, with the default of every other field.
    #[must_use]
    pub fn new(name: AssistantName) -> Self {
        Self {
            name,
            slug: None,
            description: None,
            instructions: Instructions::default(),
            model: None,
            configuration: Configuration::default(),
            tools: Vec::new(),
            tool_max_concurrency: ToolConcurrency::default(),
            max_tool_rounds: ToolRounds::default(),
            output_schema: None,
            caching: AnswerCaching::default(),
            user_authentication: false,
            is_enabled: true,
            avatar: AvatarChanges::default(),
        }
    }
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
    /// Other tools.
    pub tools: Option<Vec<ToolRef>>,
    /// Another number of tools at once.
    pub tool_max_concurrency: Option<ToolConcurrency>,
    /// Another number of rounds.
    pub max_tool_rounds: Option<ToolRounds>,
    /// Another output schema, or none.
    pub output_schema: Option<Option<OutputSchema>>,
    /// Private or public.
    pub user_authentication: Option<bool>,
    /// Other ways to share its answers.
    pub caching: CachingChanges,
    /// Enabled or not.
    pub is_enabled: Option<bool>,
    /// How it looks.
    pub avatar: AvatarChanges,
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
            tools: self.tools.unwrap_or(old.tools),
            tool_max_concurrency: self
                .tool_max_concurrency
                .unwrap_or(old.tool_max_concurrency),
            max_tool_rounds: self.max_tool_rounds.unwrap_or(old.max_tool_rounds),
            output_schema: self.output_schema.unwrap_or(old.output_schema),
            user_authentication: self.user_authentication.unwrap_or(old.user_authentication),
            caching: self.caching.applied_to(old.caching),
            is_enabled: self.is_enabled.unwrap_or(old.is_enabled),
            avatar: self.avatar.applied_to(old.avatar),
            ..old
        }
    }
}

/// On which revisions of an assistant a change may be based.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Expected {
    /// On whichever it has.
    #[default]
    Any,
    /// On one of these.
    Revisions(Vec<u32>),
}

impl Expected {
    fn admits(&self, revision: u32) -> bool {
        match self {
            Self::Any => true,
            Self::Revisions(revisions) => revisions.contains(&revision),
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
    /// The policy's refusal; `Invalid` when there is no model, or it or a tool is not to be had here;
    /// `Duplicate("slug")` for a slug that was given.
    pub async fn create(&self, actor: &Actor, new: NewAssistant) -> Result<Assistant, Error> {
        self.require_manager(actor).await?;
        let assistant = self.define(new).await?;
        audit::assistant_created(actor.into(), assistant.id);
        Ok(assistant)
    }

    /// Makes an assistant, without the question who asks: for the machine's operator.
    ///
    /// # Errors
    /// Those of [`Assistants::create`] but the policy's.
    pub async fn define(&self, new: NewAssistant) -> Result<Assistant, Error> {
        let model = self.model_or_default(new.model.clone())?;
        self.check_tools(&new.tools).await?;
        check_schema(new.output_schema.as_ref())?;
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

    /// Every tool must be there, and the model tells tools apart by their names.
    async fn check_tools(&self, tools: &[ToolRef]) -> Result<(), Error> {
        let mut errors: Vec<FieldError> = Vec::new();
        for (place, tool) in tools.iter().enumerate() {
            let violation = if !self.is_there(tool).await? {
                Violation::new("unknown_tool", "names no tool of this service")
            } else if tools[..place]
                .iter()
                .any(|other| other.tool_name() == tool.tool_name())
            {
                Violation::new("duplicate", "has the name of another tool of the list")
            } else {
                continue;
            };
            errors.push(violation.at(format!("tools[{place}]")));
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(ValidationError { errors }.into())
        }
    }

    async fn is_there(&self, tool: &ToolRef) -> Result<bool, Error> {
        match tool {
            ToolRef::Registered(name) => Ok(self.toolbox.get(name).is_some()),
            ToolRef::Assistant(slug) => {
                let reference = AssistantRef::Slug(slug.clone());
                Ok(self.assistants.get(&reference).await?.is_some())
            }
        }
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
            tools: new.tools,
            tool_max_concurrency: new.tool_max_concurrency,
            max_tool_rounds: new.max_tool_rounds,
            output_schema: new.output_schema,
            user_authentication: new.user_authentication,
            caching: new.caching,
            is_enabled: new.is_enabled,
            avatar: new.avatar.applied_to(Avatar::default()),
            revision: 1,
            created_at: now,
            updated_at: now,
        };
        self.assistants.add(&assistant).await?;
        Ok(assistant)
    }

    /// Changes an assistant, if it is as expected. Two changes at once that expect nothing are
    /// both kept, one after the other.
    ///
    /// # Errors
    /// The policy's refusal, `NotFound`, `RevisionConflict` when it is not as expected, `Invalid` when the new model or a tool is not to be had here,
    /// `Duplicate("slug")`.
    pub async fn update(
        &self,
        actor: &Actor,
        reference: &AssistantRef,
        changes: AssistantChanges,
        expected: &Expected,
    ) -> Result<Assistant, Error> {
        self.require_manager(actor).await?;
        if let Some(model) = &changes.model {
            self.check_model(model)?;
        }
        self.check_tools(changes.tools.as_deref().unwrap_or_default())
            .await?;
        check_schema(changes.output_schema.as_ref().and_then(Option::as_ref))?;
        let change = |old| changes.clone().applied_to(old);
        let (_, assistant) = self.rewrite(actor, reference, expected, change).await?;
        Ok(assistant)
    }

    /// Writes what `change` makes of an assistant that is as expected, from the start when others
    /// were faster; how it was before, and how it is now.
    pub(crate) async fn rewrite(
        &self,
        actor: &Actor,
        reference: &AssistantRef,
        expected: &Expected,
        change: impl Fn(Assistant) -> Assistant + Send + Sync,
    ) -> Result<(Assistant, Assistant), Error> {
        // By id after the first read: the slug itself may be what changes.
        let mut reference = reference.clone();
        for _ in 0..MAX_WRITE_ATTEMPTS {
            let old = self
                .access
                .assistant(actor, &reference, AssistantAction::View)
                .await?;
            reference = AssistantRef::Id(old.id);
            if !expected.admits(old.revision) {
                return Err(Error::RevisionConflict);
            }
            let mut assistant = change(old.clone());
            assistant.revision = old.revision.saturating_add(1);
            assistant.updated_at = self.clock.now();
            match self.assistants.update(&assistant).await {
                Err(PortError::Conflict(Constraint::AssistantRevision)) => {}
                Err(error) => return Err(error.into()),
                Ok(()) => {
                    audit::assistant_changed(actor.into(), assistant.id);
                    return Ok((old, assistant));
                }
            }
        }
        Err(Error::RevisionConflict)
    }

    /// Removes an assistant and its picture; the threads opened for it stay.
    ///
    /// # Errors
    /// The policy's refusal, `NotFound`.
    pub async fn delete(&self, actor: &Actor, reference: &AssistantRef) -> Result<(), Error> {
        let assistant = self.managed(actor, reference).await?;
        self.assistants.delete(assistant.id).await?;
        audit::assistant_deleted(actor.into(), assistant.id);
        self.avatars.discard_all(assistant.id).await;
        // The assistant is gone, whatever becomes of answers that nobody will ask for.
        if let Err(error) = self.answers.purge(assistant.id).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "answers are left");
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
        let assistant = self.managed(actor, reference).await?;
        self.assistants.void_answers(assistant.id).await?;
        let count = self.answers.purge(assistant.id).await?;
        audit::answers_purged(actor.into(), assistant.id);
        Ok(count)
    }

    /// The assistant, for somebody who manages assistants.
    pub(crate) async fn managed(
        &self,
        actor: &Actor,
        reference: &AssistantRef,
    ) -> Result<Assistant, Error> {
        self.require_manager(actor).await?;
        self.access
            .assistant(actor, reference, AssistantAction::View)
            .await
    }

    async fn can_manage(&self, actor: &Actor) -> bool {
        let decision = self.access.policy().manage_assistants(actor).await;
        decision.is_allowed()
    }

    async fn require_manager(&self, actor: &Actor) -> Result<(), Error> {
        let decision = self.access.policy().manage_assistants(actor).await;
        decision.require_of(actor, "manage_assistants")
    }
}

fn check_schema(schema: Option<&OutputSchema>) -> Result<(), Error> {
    if let Some(schema) = schema {
        Schema::compile(schema.as_value()).map_err(|violation| violation.at("output_schema"))?;
    }
    Ok(())
}
