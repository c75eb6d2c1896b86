//! Multipart forms with a file.

use std::borrow::Cow;

use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;
use colloquy_application::ports::MAX_IMAGE_BYTES;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::arrival::{Incoming, refuse_encoded, too_large};
use super::body::unsupported;
use super::multipart::{Part, boundary, parts};
use super::upload::{incomplete, invalid};
use crate::problem::Problem;
use crate::schema;

const FILE: &str = "file";
const FRAME_BYTES: usize = 16 * 1024;

/// A multipart form with one file, read on demand.
pub struct FileForm {
    boundary: String,
    body: Incoming,
}

impl<S: Sync> FromRequest<S> for FileForm {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        refuse_encoded(request.headers())?;
        let boundary = boundary_of(request.headers())?;
        let body = Incoming::new(request, MAX_IMAGE_BYTES + FRAME_BYTES)?;
        Ok(Self { boundary, body })
    }
}

/// The boundary of a multipart form.
pub(super) fn boundary_of(headers: &HeaderMap) -> Result<String, Problem> {
    let content_type = headers.get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let (essence, parameters) = content_type
        .unwrap_or_default()
        .split_once(';')
        .unwrap_or((content_type.unwrap_or_default(), ""));
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Err(unsupported("The body must be `multipart/form-data`."));
    }
    boundary(parameters)
        .ok_or_else(|| Problem::malformed("The form needs a boundary of 1 to 70 plain characters."))
}

impl FileForm {
    /// Reads the body and returns the file.
    pub async fn file(self) -> Result<Bytes, Problem> {
        let body = self.body.whole().await?;
        let file = find_file(&body, &self.boundary)?;
        if file.len() > MAX_IMAGE_BYTES {
            return Err(too_large());
        }
        Ok(file)
    }
}

/// Stops at the first error: there may be very many parts.
fn find_file(body: &Bytes, boundary: &str) -> Result<Bytes, Problem> {
    let mut file = None;
    for part in parts(body, boundary) {
        let Some(Part { name, content }) = part else {
            return Err(incomplete());
        };
        if name != FILE {
            let message = "has an unknown field";
            return Err(invalid("", "unknown_field", message));
        }
        if file.replace(body.slice_ref(content)).is_some() {
            return Err(invalid(FILE, "too_many", "must be sent once"));
        }
    }
    file.ok_or_else(|| invalid(FILE, "required", "is required"))
}

impl ToSchema for FileForm {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("FileForm")
    }
}

impl PartialSchema for FileForm {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("A form with a file."))
            .additional_properties(Some(AdditionalProperties::FreeForm(false)))
            .property(FILE, schema::binary())
            .required(FILE)
            .into()
    }
}
