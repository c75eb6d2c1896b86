//! Reads requests field by field and reports all errors with their paths.

mod arrival;
mod body;
mod description;
mod either;
mod fields;
mod form;
mod json;
mod multipart;
mod multipart_stream;
mod queries;
mod query;
mod upload;
mod values;

use serde_json::Value;

pub use body::{FormOrJson, JsonBody};
pub use either::name_or;
pub use fields::{Field, Fields};
pub use form::FileForm;
pub use queries::WithoutQuery;
pub(crate) use queries::refuse_query_layer;
pub use query::Query;
pub use upload::{UploadForm, UploadedFile};
pub use values::{
    Kind, boolean, choice, decimal, integer, json_value, list, object, text, up_to, whole_number,
};

/// Readable from a JSON object, form or query string.
pub trait Input {
    /// The resulting type.
    type Value;

    /// Treatment of unknown fields.
    const UNKNOWN_FIELDS: UnknownFields = UnknownFields::Refused;

    /// `None` after recording errors. Must read every field: they are also the description.
    fn read(fields: &mut Fields<'_>) -> Option<Self::Value>;
}

/// Treatment of unknown fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownFields {
    /// An error names each.
    Refused,
    /// An error without names: a name could be a misplaced secret.
    RefusedUnnamed,
    /// Skipped.
    Ignored,
}

/// An [`Input`] used as a request body.
pub trait Body: Input {
    /// Schema name in OpenAPI.
    const NAME: &str;
    /// Description in OpenAPI.
    const DESCRIPTION: &str;

    /// A valid example.
    fn example() -> Value;
}
