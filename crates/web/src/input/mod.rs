//! What requests bring, read field by field: everything that is wrong is found at once and named
//! by its path.

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

/// Something that is read from the fields of a JSON object, a form or a query string.
pub trait Input {
    /// What it is read into.
    type Value;

    /// What becomes of fields that `read` does not ask for.
    const UNKNOWN_FIELDS: UnknownFields = UnknownFields::Refused;

    /// The value, or `None` after noting what is wrong with the input. It asks for every field
    /// before it gives up: what it asks for is also how the document describes the input.
    fn read(fields: &mut Fields<'_>) -> Option<Self::Value>;
}

/// What becomes of fields that nobody has asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownFields {
    /// Each is an error that names it.
    Refused,
    /// They are an error without their names, where a secret could stand in a name's field.
    RefusedUnnamed,
    /// They are passed over.
    Ignored,
}

/// An [`Input`] that is a request's body.
pub trait Body: Input {
    /// What the document calls it.
    const NAME: &str;
    /// What the document says of it.
    const DESCRIPTION: &str;

    /// A body that a client may send as it stands.
    fn example() -> Value;
}
