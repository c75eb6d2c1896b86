use colloquy_domain::Thread;
use colloquy_web::timestamp::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A conversation of one user with assistants.
#[derive(Serialize, ToSchema)]
#[schema(as = Thread)]
pub(crate) struct ThreadView {
    /// The thread's id.
    id: Uuid,
    /// What it is called.
    name: String,
    /// Whose it is; `null` once the owner's account is deleted.
    #[schema(required = true)]
    owner_id: Option<Uuid>,
    /// The assistant it was opened for, if any.
    #[schema(required = true)]
    assistant_id: Option<Uuid>,
    /// When it was opened.
    created_at: Timestamp,
    /// When its fields last changed or a message was added.
    updated_at: Timestamp,
    /// When the newest message was added; when it was opened, while there was none.
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
