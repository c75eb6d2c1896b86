use std::sync::Arc;

use async_trait::async_trait;
use colloquy_domain::{Assistant, AssistantId, AssistantRef, AvatarImage, ModelName};

use super::{OffsetList, OffsetPage, PortError};

/// Keeps the assistants.
#[async_trait]
pub trait AssistantRepository: Send + Sync {
    /// Stores a new assistant.
    ///
    /// # Errors
    /// `Conflict(AssistantSlug)`.
    async fn add(&self, assistant: &Assistant) -> Result<(), PortError>;

    /// The assistant of that id or slug, if it is in `scope`; else `None`, after the same work
    /// whether it is absent or out of scope. Who keeps copies gives the same one out again and
    /// again.
    async fn get(
        &self,
        reference: &AssistantRef,
        scope: &AssistantScope,
    ) -> Result<Option<Arc<Assistant>>, PortError>;

    /// A page of the assistants in `scope`, by name in the order of code points, then by id. It
    /// ends early before it has more than [`MAX_PAGE_BYTES`](super::MAX_PAGE_BYTES) of text, but
    /// not before its first assistant. Who keeps copies gives the same one out again and again.
    async fn list(
        &self,
        scope: &AssistantScope,
        page: OffsetPage,
    ) -> Result<Arc<OffsetList<Assistant>>, PortError>;

    /// Writes what `change` makes of the stored assistant, never of a copy; how it was before, and
    /// how it is then. Of many changes at once each is made of what the one before has written.
    /// Neither the id nor the generation of answers changes.
    ///
    /// # Errors
    /// `NotFound`, `Conflict(AssistantRevision)` when `change` refuses, `Conflict(AssistantSlug)`.
    async fn update(
        &self,
        id: AssistantId,
        change: &AssistantChange<'_>,
    ) -> Result<(Assistant, Assistant), PortError>;

    /// Begins a new generation of the assistant's answers, so that none of the earlier ones is
    /// served again; nothing else of the assistant changes. Of many calls each begins one.
    ///
    /// # Errors
    /// `NotFound`.
    async fn void_answers(&self, id: AssistantId) -> Result<(), PortError>;

    /// Removes the assistant. Threads opened for it stay, without an assistant; messages and
    /// runs keep its id.
    ///
    /// # Errors
    /// `NotFound`.
    async fn delete(&self, id: AssistantId) -> Result<(), PortError>;

    /// At most `limit` of the models that assistants have, each once.
    async fn models(&self, limit: u32) -> Result<Vec<ModelName>, PortError>;

    /// The first `limit` of the assistants behind `after` that have a picture, by id. Always as they
    /// are, also where other methods answer from copies.
    async fn avatars(
        &self,
        after: Option<AssistantId>,
        limit: u32,
    ) -> Result<Vec<(AssistantId, AvatarImage)>, PortError>;
}

/// How many bytes of longer text an assistant has: what the bound of a page counts.
#[must_use]
pub fn assistant_bytes(assistant: &Assistant) -> u64 {
    let schema = assistant.output_schema.as_ref();
    let schema = schema.map_or(0, |schema| schema.as_value().to_string().len());
    let description = assistant.description.as_ref();
    let description = description.map_or(0, |text| text.as_str().len());
    (assistant.instructions.as_str().len() + description + schema) as u64
}

/// Makes an assistant out of what is stored, or refuses what it is not based on. It may be called
/// several times.
pub type AssistantChange<'a> = dyn Fn(&Assistant) -> Option<Assistant> + Send + Sync + 'a;

/// Which assistants somebody may see; part of the query.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AssistantScope {
    /// Every one.
    All,
    /// The enabled ones.
    Enabled,
    /// The enabled ones that need no sign-in.
    Public,
    /// Those with these ids.
    Only(Vec<AssistantId>),
}

impl AssistantScope {
    /// Whether the scope takes in this assistant: what a store's filter must agree with.
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
