//! Assistants.

mod available;
mod changes;
mod in_code;
mod stored_from_code;
mod tool_list;

use std::sync::Arc;

use colloquy_domain::{Actor, Assistant, AssistantId, AssistantRef, ModelName, Slug};

use self::available::check_names_of;
pub use self::changes::{
    AssistantChanges, BudgetChanges, CachingChanges, ConfigurationChanges, Expected, NewAssistant,
};
pub use self::in_code::{CodeAssistant, CodeAssistantError, CodeAssistants, RequestContext};
pub use self::tool_list::ListedTool;
use crate::Error;
use crate::access::{Access, AssistantAction};
use crate::audit;
use crate::avatars::AvatarBlobs;
use crate::ports::{
    AnswerCache, AssistantRepository, AssistantScope, ChatModel, Clock, Constraint, IdGenerator,
    OffsetList, OffsetPage, PortError,
};
use crate::schemas::SchemaChecker;
use crate::tools::Toolbox;

/// Manages and shows assistants.
#[derive(Clone)]
pub struct Assistants {
    pub(crate) access: Access,
    pub(crate) assistants: Arc<dyn AssistantRepository>,
    pub(crate) avatars: AvatarBlobs,
    pub(crate) answers: Arc<dyn AnswerCache>,
    pub(crate) models: Arc<dyn ChatModel>,
    /// For assistants that name none.
    pub(crate) default_model: Option<ModelName>,
    pub(crate) toolbox: Toolbox,
    pub(crate) schemas: SchemaChecker,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdGenerator>,
}

/// An assistant as shown to a reader.
#[derive(Debug, Clone, PartialEq)]
pub struct AssistantView {
    /// Possibly shared with other readers.
    pub assistant: Arc<Assistant>,
    /// Whether the reader manages assistants. Others do not see instructions, model and settings.
    pub can_manage: bool,
    /// Whether it is defined in code and so cannot be changed over the API.
    pub is_defined_in_code: bool,
}

/// A page of assistants as shown to a reader.
#[derive(Debug, Clone, PartialEq)]
pub struct AssistantPage {
    /// Possibly shared with other readers.
    pub list: Arc<OffsetList<Assistant>>,
    /// See [`AssistantView::can_manage`].
    pub can_manage: bool,
    /// The assistants of the page that are defined in code.
    pub defined_in_code: Vec<AssistantId>,
}

/// Derived slugs to try: `name`, `name-2`, ...
const MAX_SLUG_ATTEMPTS: u32 = 10_000;

impl Assistants {
    /// A page of the assistants that the actor may see, by name, then ID.
    ///
    /// # Errors
    /// Only the store's.
    pub async fn list(&self, actor: &Actor, page: OffsetPage) -> Result<AssistantPage, Error> {
        let scope = self.access.policy().assistant_scope(actor).await;
        let list = self.assistants.list(&scope, page).await?;
        let in_code = list.items.iter().filter(|it| self.is_defined_in_code(it));
        Ok(AssistantPage {
            defined_in_code: in_code.map(|it| it.id).collect(),
            list,
            can_manage: self.can_manage(actor).await,
        })
    }

    /// One assistant.
    ///
    /// # Errors
    /// `NotFound`; `Unauthenticated` for a guest and a private one.
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
            is_defined_in_code: self.is_defined_in_code(&assistant),
            assistant,
            can_manage: self.can_manage(actor).await,
        })
    }

    /// Creates an assistant.
    ///
    /// # Errors
    /// The policy's refusal; `Invalid` for a missing or unavailable model or tool;
    /// `Duplicate("slug")` for a given slug.
    pub async fn create(&self, actor: &Actor, new: NewAssistant) -> Result<Assistant, Error> {
        self.require_manager(actor).await?;
        let assistant = self.define(new).await?;
        audit::assistant_created(actor.into(), assistant.id);
        Ok(assistant)
    }

    /// Creates an assistant without a permission check, for the operator.
    ///
    /// # Errors
    /// Those of [`Assistants::create`] except the policy's.
    pub async fn define(&self, new: NewAssistant) -> Result<Assistant, Error> {
        let model = self.check_new(&new).await?;
        match new.slug.clone() {
            Some(slug) => Ok(self.add(new, slug, model).await?),
            None => self.add_with_derived_slug(new, model).await,
        }
    }

    /// Whether there are no assistants. No permission check, for the operator.
    ///
    /// # Errors
    /// Only the store's.
    pub async fn is_empty(&self) -> Result<bool, Error> {
        let page = OffsetPage { skip: 0, limit: 1 };
        Ok(self
            .assistants
            .list(&AssistantScope::All, page)
            .await?
            .total
            == 0)
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
        let id = AssistantId::from_uuid(self.ids.next_id());
        let assistant = new.into_assistant(id, slug, model, self.clock.now());
        self.assistants.add(&assistant).await?;
        Ok(assistant)
    }

    /// Changes an assistant if its revision is expected. Serialises concurrent changes that accept
    /// any revision.
    ///
    /// # Errors
    /// The policy's refusal, `NotFound`, `DefinedInCode`, `RevisionConflict`, `Invalid` for an
    /// unavailable model or tool, `Duplicate("slug")`.
    pub async fn update(
        &self,
        actor: &Actor,
        reference: &AssistantRef,
        changes: AssistantChanges,
        expected: &Expected,
    ) -> Result<Assistant, Error> {
        let current = self.editable(actor, reference).await?;
        if let Some(model) = &changes.model {
            self.check_model(model)?;
        }
        self.check_tools(changes.tools.as_deref().unwrap_or_default())
            .await?;
        let functions = changes.functions.as_deref().unwrap_or_default();
        self.check_functions(actor, functions).await?;
        check_names_of(&changes.clone().applied_to((*current).clone()))?;
        let schema = changes.output_schema.as_ref().and_then(Option::as_ref);
        self.check_schema(actor, schema).await?;
        let change = |old| changes.clone().applied_to(old);
        let (_, assistant) = self.rewrite(actor, reference, expected, change).await?;
        Ok(assistant)
    }

    /// Applies `change` if the revision is expected. Returns the assistant before and after.
    pub(crate) async fn rewrite(
        &self,
        actor: &Actor,
        reference: &AssistantRef,
        expected: &Expected,
        change: impl Fn(Assistant) -> Assistant + Send + Sync,
    ) -> Result<(Assistant, Assistant), Error> {
        let action = AssistantAction::View;
        let id = self.access.assistant(actor, reference, action).await?.id;
        let now = self.clock.now();
        let change = |old: &Assistant| {
            expected.admits(old.revision).then(|| Assistant {
                revision: old.revision.saturating_add(1),
                updated_at: now,
                ..change(old.clone())
            })
        };
        let written = self.assistants.update(id, &change).await?;
        audit::assistant_changed(actor.into(), id);
        Ok(written)
    }

    /// Deletes an assistant and its picture. Threads opened for it stay.
    ///
    /// # Errors
    /// The policy's refusal, `NotFound`, `DefinedInCode`.
    pub async fn delete(&self, actor: &Actor, reference: &AssistantRef) -> Result<(), Error> {
        let assistant = self.editable(actor, reference).await?;
        self.assistants.delete(assistant.id).await?;
        audit::assistant_deleted(actor.into(), assistant.id);
        self.avatars.discard_all(assistant.id).await;
        // Answers of a deleted assistant are never looked up, so failures are only logged.
        if let Err(error) = self.answers.purge(assistant.id).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "cached answers not removed");
        }
        Ok(())
    }

    /// Invalidates the assistant's cached answers on all instances. Returns how many this instance
    /// held.
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

    pub(crate) async fn managed(
        &self,
        actor: &Actor,
        reference: &AssistantRef,
    ) -> Result<Arc<Assistant>, Error> {
        self.require_manager(actor).await?;
        self.access
            .assistant(actor, reference, AssistantAction::View)
            .await
    }

    /// The assistant, if the actor manages assistants and it is not defined in code.
    async fn editable(
        &self,
        actor: &Actor,
        reference: &AssistantRef,
    ) -> Result<Arc<Assistant>, Error> {
        let assistant = self.managed(actor, reference).await?;
        if self.is_defined_in_code(&assistant) {
            return Err(Error::DefinedInCode);
        }
        Ok(assistant)
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
