//! Multipart forms whose file is read as a stream.

use std::borrow::Cow;
use std::marker::PhantomData;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use colloquy_domain::{FieldError, ValidationError, Violation};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::Body;
use super::arrival::{Arriving, check_announced_length, refuse_encoded};
use super::fields::{Fields, read_texts, read_whole};
use super::form::boundary_of;
use super::multipart_stream::{Decoder, Malformed, Step};
use crate::problem::Problem;
use crate::schema;

/// The field of the file.
const FILE: &str = "file";
/// Maximum number of fields before the file.
const MAX_FIELDS: usize = 16;
/// Maximum size of their values together.
const MAX_FIELD_BYTES: usize = 16 * 1024;
/// Allowance for everything but the file.
const FRAME_BYTES: u64 = 64 * 1024;

/// A multipart form with the fields of `T`, then one file. The body is not read until requested.
pub struct UploadForm<T> {
    boundary: String,
    request: Request,
    fields: PhantomData<fn() -> T>,
}

/// The file of a form, to be read to its end.
pub struct UploadedFile {
    form: Form,
    name: Option<String>,
}

/// A form that is being read.
struct Form {
    body: Arriving,
    decoder: Decoder,
}

impl<T, S: Sync> FromRequest<S> for UploadForm<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        refuse_encoded(request.headers())?;
        Ok(Self {
            boundary: boundary_of(request.headers())?,
            request,
            fields: PhantomData,
        })
    }
}

impl<T: Body> UploadForm<T> {
    /// Refuses a body that announces more than a file of this size takes.
    ///
    /// # Errors
    /// `payload_too_large`.
    pub fn check_length(&self, max_file_bytes: u64) -> Result<(), Problem> {
        check_announced_length(self.request.headers(), max_file_bytes + FRAME_BYTES)
    }

    /// Reads up to the beginning of the file. Gives up the request's slot: how long the rest takes
    /// is up to the client, down to the rate below which it counts as stalled.
    ///
    /// # Errors
    /// If the fields are invalid, or there is no file.
    pub async fn open(self, max_file_bytes: u64) -> Result<(T::Value, UploadedFile), Problem> {
        let mut form = Form {
            body: Arriving::new(self.request, max_file_bytes + FRAME_BYTES)?,
            decoder: Decoder::new(&self.boundary),
        };
        let (fields, name) = form.before_file().await?;
        let fields = read_whole(|field| read_texts::<T>(fields, field))?;
        Ok((fields, UploadedFile { form, name }))
    }
}

impl UploadedFile {
    /// The name that the client gives the file.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// More of the file; `None` at its end, once the whole form has arrived.
    ///
    /// # Errors
    /// If the form is malformed, incomplete or late, or does not end with the file.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            match self.form.step().await? {
                Step::Content(bytes) => return Ok(Some(bytes)),
                Step::PartEnd | Step::NeedMore => {}
                Step::Part(part) if part.name == FILE => {
                    return Err(invalid(FILE, "too_many", "must be sent once"));
                }
                Step::Part(part) => {
                    let message = "must come before the file";
                    return Err(invalid(&part.name, "misplaced", message));
                }
                Step::End => {
                    while self.form.body.next().await?.is_some() {}
                    return Ok(None);
                }
            }
        }
    }
}

impl Form {
    /// The fields before the file, and its name.
    async fn before_file(&mut self) -> Result<(Vec<(String, String)>, Option<String>), Problem> {
        let mut fields = Vec::new();
        let mut room = MAX_FIELD_BYTES;
        loop {
            match self.step().await? {
                Step::Part(part) if part.name == FILE => return Ok((fields, part.file_name)),
                Step::Part(_) if fields.len() >= MAX_FIELDS => {
                    return Err(invalid("", "too_many", "has too many fields"));
                }
                Step::Part(part) => {
                    let value = self.value(&mut room).await?;
                    let value = value.ok_or_else(|| {
                        invalid(&part.name, "invalid_format", "must be short text in UTF-8")
                    })?;
                    fields.push((part.name, value));
                }
                Step::End => return Err(invalid(FILE, "required", "is required")),
                Step::Content(_) | Step::PartEnd | Step::NeedMore => {}
            }
        }
    }

    /// The value of a field, which takes some of the room; `None` if it is no text or too long.
    async fn value(&mut self, room: &mut usize) -> Result<Option<String>, Problem> {
        let mut value = Vec::new();
        loop {
            match self.step().await? {
                Step::Content(bytes) if bytes.len() > *room => return Ok(None),
                Step::Content(bytes) => {
                    *room -= bytes.len();
                    value.extend_from_slice(&bytes);
                }
                Step::PartEnd => return Ok(String::from_utf8(value).ok()),
                Step::Part(_) | Step::End | Step::NeedMore => {}
            }
        }
    }

    /// The next step that needs no more of the body.
    async fn step(&mut self) -> Result<Step, Problem> {
        loop {
            match self.decoder.step() {
                Ok(Step::NeedMore) => {
                    let more = self.body.next().await?;
                    self.decoder.feed(&more.ok_or_else(incomplete)?);
                }
                Ok(step) => return Ok(step),
                Err(Malformed) => return Err(incomplete()),
            }
        }
    }
}

pub(super) fn incomplete() -> Problem {
    Problem::malformed("The body is not a complete multipart form.")
}

pub(super) fn invalid(field: &str, code: &'static str, message: &'static str) -> Problem {
    let error: FieldError = Violation::new(code, message).at(field);
    ValidationError::from(error).into()
}

impl<T: Body> ToSchema for UploadForm<T> {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed(T::NAME)
    }
}

impl<T: Body> PartialSchema for UploadForm<T> {
    fn schema() -> RefOr<Schema> {
        Fields::describe::<T>()
            .object()
            .description(Some(T::DESCRIPTION))
            .property(FILE, schema::binary())
            .required(FILE)
            .into()
    }
}
