//! A thread in responses.

use colloquy_domain::Thread;
use colloquy_web::timestamp::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A conversation of one user with assistants.
#[derive(Serialize, ToSchema)]
#[schema(as = Thread)]
pub(crate) struct ThreadView {
    /// ID.
    id: Uuid,
    /// Display name.
    name: String,
    /// The owner; `null` once the account is deleted.
    #[schema(required = true)]
    owner_id: Option<Uuid>,
    /// Its default assistant, if any.
    #[schema(required = true)]
    assistant_id: Option<Uuid>,
    /// Creation time.
    created_at: Timestamp,
    /// Time of the last change to its fields or of its newest message.
    updated_at: Timestamp,
    /// Time of the newest message, or of creation.
    last_message_at: Timestamp,
}

impl From<Thread> for ThreadView {
    fn from(thread: Thread) -> Self {
        Self {
            id: thread.id.as_uuid(),
            name: thread.name.into_string(),
            owner_id: thread.owner_id.map(colloquy_domain::UserId::as_uuid),
            assistant_id: thread
                .assistant_id
                .map(colloquy_domain::AssistantId::as_uuid),
            created_at: thread.created_at.into(),
            updated_at: thread.updated_at.into(),
            last_message_at: thread.last_message_at.into(),
        }
    }
}
