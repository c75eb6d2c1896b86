//! The catalogue of assistants.

mod available;
mod changes;
mod in_code;
mod stored_from_code;

use std::sync::Arc;

use colloquy_domain::{Actor, Assistant, AssistantId, AssistantRef, ModelName, Slug};

pub use self::changes::{
    AssistantChanges, BudgetChanges, CachingChanges, ConfigurationChanges, Expected, NewAssistant,
};
pub use self::in_code::{CodeAssistant, CodeAssistantError, CodeAssistants, RequestContext};
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

/// Defines, shows and removes assistants.
#[derive(Clone)]
pub struct Assistants {
    /// Guards every read and decides who manages.
    pub(crate) access: Access,
    /// Where they are kept.
    pub(crate) assistants: Arc<dyn AssistantRepository>,
    /// Where their pictures are kept.
    pub(crate) avatars: AvatarBlobs,
    /// Where their answers are kept.
    pub(crate) answers: Arc<dyn AnswerCache>,
    /// Says which models can be asked here.
    pub(crate) models: Arc<dyn ChatModel>,
    /// The model of an assistant that names none.
    pub(crate) default_model: Option<ModelName>,
    /// Says which tools there are.
    pub(crate) toolbox: Toolbox,
    /// Reads their output schemas.
    pub(crate) schemas: SchemaChecker,
    /// Tells the time of changes.
    pub(crate) clock: Arc<dyn Clock>,
    /// Makes the ids.
    pub(crate) ids: Arc<dyn IdGenerator>,
}

/// An assistant, and how much of it the reader may be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct AssistantView {
    /// The assistant. It may be one that others were given too.
    pub assistant: Arc<Assistant>,
    /// Whether the reader manages assistants. Others are not shown the instructions, the model
    /// and its settings.
    pub can_manage: bool,
    /// Whether it is defined in code, and so cannot be changed over the API.
    pub is_defined_in_code: bool,
}

/// A page of assistants, and how much of them the reader may be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct AssistantPage {
    /// The page. It may be one that others were given too.
    pub list: Arc<OffsetList<Assistant>>,
    /// See [`AssistantView::can_manage`].
    pub can_manage: bool,
    /// Those of the page that are defined in code.
    pub defined_in_code: Vec<AssistantId>,
}

/// How many derived slugs are tried: `name`, `name-2`, ...
const MAX_SLUG_ATTEMPTS: u32 = 10_000;

impl Assistants {
    /// A page of the assistants that the actor may see, by name, then id.
    ///
    /// # Errors
    /// Only the store's own.
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
            is_defined_in_code: self.is_defined_in_code(&assistant),
            assistant,
            can_manage: self.can_manage(actor).await,
        })
    }

    /// Makes an assistant.
    ///
    /// # Errors
    /// The policy's refusal; `Invalid` when there is no model, or it or a tool is not to be had
    /// here; `Duplicate("slug")` for a slug that was given.
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
        let model = self.check_new(&new).await?;
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

    /// Changes an assistant, if it is as expected. Two changes at once that expect nothing are
    /// both kept, one after the other.
    ///
    /// # Errors
    /// The policy's refusal, `NotFound`, `DefinedInCode`, `RevisionConflict` when it is not as expected, `Invalid`
    /// when the new model or a tool is not to be had here, `Duplicate("slug")`.
    pub async fn update(
        &self,
        actor: &Actor,
        reference: &AssistantRef,
        changes: AssistantChanges,
        expected: &Expected,
    ) -> Result<Assistant, Error> {
        self.editable(actor, reference).await?;
        if let Some(model) = &changes.model {
            self.check_model(model)?;
        }
        self.check_tools(changes.tools.as_deref().unwrap_or_default())
            .await?;
        let schema = changes.output_schema.as_ref().and_then(Option::as_ref);
        self.check_schema(schema).await?;
        let change = |old| changes.clone().applied_to(old);
        let (_, assistant) = self.rewrite(actor, reference, expected, change).await?;
        Ok(assistant)
    }

    /// Writes what `change` makes of an assistant that is as expected; how it was before, and how
    /// it is now.
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

    /// Removes an assistant and its picture; the threads opened for it stay.
    ///
    /// # Errors
    /// The policy's refusal, `NotFound`, `DefinedInCode`.
    pub async fn delete(&self, actor: &Actor, reference: &AssistantRef) -> Result<(), Error> {
        let assistant = self.editable(actor, reference).await?;
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
    ) -> Result<Arc<Assistant>, Error> {
        self.require_manager(actor).await?;
        self.access
            .assistant(actor, reference, AssistantAction::View)
            .await
    }

    /// The assistant, for somebody who manages assistants, unless its definition is in code.
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
