//! What requests bring, read field by field: everything that is wrong is found at once and named
//! by its path.

mod arrival;
mod body;
mod fields;
mod form;
mod json;
mod multipart;
mod queries;
mod query;
mod values;

use utoipa::openapi::path::Parameter;

use crate::schema::BodySchema;

pub use body::{FormOrJson, JsonBody};
pub use fields::{Fields, Place};
pub use form::FileForm;
pub use queries::WithoutQuery;
pub use query::Query;
pub use values::{boolean, choice, decimal, list, object, text, whole_number};

/// Something that is read from the fields of a JSON object, a form or a query string.
pub trait Input {
    /// What it is read into.
    type Value;

    /// The value, or `None` after noting what is wrong with the input.
    fn read(fields: &mut Fields<'_>) -> Option<Self::Value>;
}

/// An [`Input`] that is a request's body, as the document describes it.
pub trait Body: Input {
    /// What the document calls it.
    const NAME: &str;

    /// The members that `read` asks for.
    fn schema() -> BodySchema;
}

/// An [`Input`] that is a query string, as the document describes it.
pub trait Parameters: Input {
    /// The parameters that `read` asks for.
    fn parameters() -> Vec<Parameter>;
}
