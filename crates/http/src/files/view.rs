//! A file and its bytes in responses.

use colloquy_domain::{File, UserId};
use colloquy_web::schema;
use colloquy_web::timestamp::Timestamp;
use serde::Serialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

/// An uploaded file.
#[derive(Serialize, ToSchema)]
#[schema(as = File)]
pub(crate) struct FileView {
    /// ID.
    id: Uuid,
    /// The owner; `null` if it is the service's own.
    #[schema(required = true)]
    owner_id: Option<Uuid>,
    /// Display name.
    name: String,
    /// What it is for: `assistants`, `user_data` or `vision`.
    purpose: &'static str,
    /// Size in bytes.
    bytes: u64,
    /// SHA-256 of its bytes, in hexadecimal digits.
    sha256: String,
    /// Always `uploaded`.
    status: &'static str,
    /// Time of the upload.
    created_at: Timestamp,
    /// When it is deleted, if ever.
    #[schema(required = true)]
    expires_at: Option<Timestamp>,
}

impl From<File> for FileView {
    fn from(file: File) -> Self {
        Self {
            id: file.id.as_uuid(),
            owner_id: file.owner_id.map(UserId::as_uuid),
            name: file.name.into_string(),
            purpose: file.purpose.as_str(),
            bytes: file.bytes,
            sha256: file.sha256.to_string(),
            status: "uploaded",
            created_at: file.created_at.into(),
            expires_at: file.expires_at.map(Into::into),
        }
    }
}

/// The bytes of a file.
pub(super) struct Content;

impl PartialSchema for Content {
    fn schema() -> RefOr<Schema> {
        schema::binary().into()
    }
}

impl ToSchema for Content {}
