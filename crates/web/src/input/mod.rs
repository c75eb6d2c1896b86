//! Reads requests field by field, collecting all errors with their paths.

mod arrival;
mod body;
mod description;
mod fields;
mod form;
mod json;
mod multipart;
mod queries;
mod query;
mod values;

use serde_json::Value;

pub use body::{FormOrJson, JsonBody};
pub use fields::{Field, Fields};
pub use form::FileForm;
pub use queries::WithoutQuery;
pub(crate) use queries::refuse_query_layer;
pub use query::Query;
pub use values::{
    Kind, boolean, choice, decimal, json_value, list, object, text, up_to, whole_number,
};

/// Something read from the fields of a JSON object, form or query string.
pub trait Input {
    /// The resulting type.
    type Value;

    /// How unknown fields are handled.
    const UNKNOWN_FIELDS: UnknownFields = UnknownFields::Refused;

    /// The value, or `None` after recording what is wrong. Must read every field before it returns:
    /// the fields it reads are also the input's description.
    fn read(fields: &mut Fields<'_>) -> Option<Self::Value>;
}

/// How unknown fields are handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownFields {
    /// Each is an error that names it.
    Refused,
    /// An error without names, where a secret could be a name.
    RefusedUnnamed,
    /// They are ignored.
    Ignored,
}

/// An [`Input`] used as request body.
pub trait Body: Input {
    /// Schema name in the OpenAPI document.
    const NAME: &str;
    /// Description in the OpenAPI document.
    const DESCRIPTION: &str;

    /// A valid example.
    fn example() -> Value;
}
