//! Schema of avatar bytes.

use colloquy_web::schema;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The bytes of an avatar.
pub(super) struct Picture;

impl PartialSchema for Picture {
    fn schema() -> RefOr<Schema> {
        schema::binary().into()
    }
}

impl ToSchema for Picture {}
