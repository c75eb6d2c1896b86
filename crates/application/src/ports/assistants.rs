//! Port: assistants.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use colloquy_domain::{Assistant, AssistantId, AssistantRef, AvatarImage, Function, ModelName};

use super::{OffsetList, OffsetPage, PortError};

/// How long a replaced revision stays without a run. Far exceeds the time from reading an
/// assistant, perhaps from a cache, to storing a run of it.
pub const REVISION_GRACE: TimeDelta = TimeDelta::hours(1);

/// Stores assistants.
#[async_trait]
pub trait AssistantRepository: Send + Sync {
    /// Stores a new assistant.
    ///
    /// # Errors
    /// `Conflict(AssistantSlug)`.
    async fn add(&self, assistant: &Assistant) -> Result<(), PortError>;

    /// The assistant with that ID or slug, if in `scope`. Missing and out of scope take the same
    /// time. A cache returns the same `Arc` again.
    async fn get(
        &self,
        reference: &AssistantRef,
        scope: &AssistantScope,
    ) -> Result<Option<Arc<Assistant>>, PortError>;

    /// A page of the assistants in `scope`, by name in code point order, then ID. Ends before
    /// [`MAX_PAGE_BYTES`](super::MAX_PAGE_BYTES) of text, but not before the first assistant. A
    /// cache returns the same `Arc` again.
    async fn list(
        &self,
        scope: &AssistantScope,
        page: OffsetPage,
    ) -> Result<Arc<OffsetList<Assistant>>, PortError>;

    /// Replaces the stored assistant, never a cached copy, by the result of `change`. Returns both.
    /// Serialises concurrent changes. ID and answer generation never change.
    ///
    /// # Errors
    /// `NotFound`, `Conflict(AssistantRevision)` if `change` refuses, `Conflict(AssistantSlug)`.
    async fn update(
        &self,
        id: AssistantId,
        change: &AssistantChange<'_>,
    ) -> Result<(Assistant, Assistant), PortError>;

    /// The assistant as saved with that revision, with default avatar and answer generation; `None`
    /// if missing. The current revision and those of runs stay, even after the assistant's
    /// deletion. An update may remove others, [`REVISION_GRACE`] after their replacement at the
    /// earliest.
    async fn revision(
        &self,
        id: AssistantId,
        revision: u32,
    ) -> Result<Option<Assistant>, PortError>;

    /// Invalidates the assistant's answers by incrementing their generation, once per call.
    ///
    /// # Errors
    /// `NotFound`.
    async fn void_answers(&self, id: AssistantId) -> Result<(), PortError>;

    /// Deletes the assistant. Its threads stay, without an assistant; messages and runs keep its
    /// ID.
    ///
    /// # Errors
    /// `NotFound`.
    async fn delete(&self, id: AssistantId) -> Result<(), PortError>;

    /// The distinct models of assistants, at most `limit`.
    async fn models(&self, limit: u32) -> Result<Vec<ModelName>, PortError>;

    /// Up to `limit` assistants with a picture after `after`, by ID. Never cached.
    async fn avatars(
        &self,
        after: Option<AssistantId>,
        limit: u32,
    ) -> Result<Vec<(AssistantId, AvatarImage)>, PortError>;
}

/// Text bytes of an assistant, for page bounds.
#[must_use]
pub fn assistant_bytes(assistant: &Assistant) -> u64 {
    let schema = assistant.output_schema.as_ref();
    let schema = schema.map_or(0, |schema| schema.as_value().to_string().len());
    let description = assistant.description.as_ref();
    let description = description.map_or(0, |text| text.as_str().len());
    let functions: usize = assistant.functions.iter().map(Function::bytes).sum();
    (assistant.instructions.as_str().len() + description + schema + functions) as u64
}

/// Derives the new assistant from the stored one, or refuses. May be called repeatedly.
pub type AssistantChange<'a> = dyn Fn(&Assistant) -> Option<Assistant> + Send + Sync + 'a;

/// The assistants that an actor may see; part of the query.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AssistantScope {
    /// All.
    All,
    /// Enabled ones.
    Enabled,
    /// Enabled ones that are not private.
    Public,
    /// Those with these IDs.
    Only(Vec<AssistantId>),
}

impl AssistantScope {
    /// Whether the assistant is in scope. Stores' filters must agree.
    #[must_use]
    pub fn contains(&self, assistant: &Assistant) -> bool {
        match self {
            Self::All => true,
            Self::Enabled => assistant.is_enabled,
            Self::Public => assistant.is_enabled && !assistant.user_authentication,
            Self::Only(ids) => ids.contains(&assistant.id),
        }
    }
}
