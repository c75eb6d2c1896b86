//! `POST /files`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use colloquy_application::files::{Files, NewFile};
use colloquy_domain::{FileLifetime, FileName, FilePurpose, ValidationError, Violation};
use colloquy_web::concurrency_limit::Permit;
use colloquy_web::created::created;
use colloquy_web::input::{Body, Fields, Input, Kind, UploadForm, text};
use colloquy_web::problem::Problem;
use colloquy_web::schema;
use colloquy_web::sign_in::SignedIn;
use serde_json::{Value, json};

use super::purpose;
use super::view::FileView;
use crate::BASE;

/// The fields before the file.
pub(crate) struct CreateFileFields {
    purpose: FilePurpose,
    lifetime: Option<FileLifetime>,
}

type CreateFile = UploadForm<CreateFileFields>;

impl Input for CreateFileFields {
    type Value = Self;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let purpose = purpose()
            .default_is(FilePurpose::Assistants.as_str())
            .describe("What the file is for. Before the file.");
        let purpose = fields.optional("purpose", purpose);
        Some(Self {
            purpose: purpose.unwrap_or(FilePurpose::Assistants),
            lifetime: fields.optional("expires_in_seconds", lifetime()),
        })
    }
}

fn lifetime() -> impl Kind<Value = FileLifetime> {
    let parse = |text: String| {
        let seconds = text.parse::<u32>();
        let seconds = seconds.map_err(|error| match error.kind() {
            std::num::IntErrorKind::PosOverflow => out_of_range(),
            _ => Violation::new("wrong_type", "must be a whole number"),
        })?;
        FileLifetime::new(seconds)
    };
    text(parse, || schema::up_to(FileLifetime::MAX_SECONDS))
        .describe("Deletes the file after this time. Before the file.")
}

fn out_of_range() -> Violation {
    let message = format!("must be from 1 to {}", FileLifetime::MAX_SECONDS);
    Violation::new("out_of_range", message)
}

impl Body for CreateFileFields {
    const NAME: &str = "CreateFile";
    const DESCRIPTION: &str = "A form with a file, which comes last.";

    fn example() -> Value {
        json!({"purpose": "assistants"})
    }
}

/// Upload a file owned by the caller.
///
/// Its name is the file name in the form: 1 to 255 characters without control characters and
/// without a path.
#[utoipa::path(
    post,
    path = "/files",
    tag = "files",
    security(("bearer" = [])),
    request_body(content = CreateFile, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "The file", body = FileView, headers(
            ("Location" = String, description = "Path of the file"),
        )),
        (status = 400, description = "The body is not a multipart form, incomplete or late"),
        (status = 409, description = "`quota_exceeded`: `user_bytes` or `user_files` in `errors`"),
        (status = 413, description = "The file is too large"),
    ),
)]
pub(crate) async fn create_file(
    caller: SignedIn,
    State(files): State<Arc<Files>>,
    permit: Permit,
    form: CreateFile,
) -> Result<Response, Problem> {
    form.check_length(files.max_bytes())?;
    // Uploads have their own, slow queue.
    permit.pause();
    // Authorizes before reading the file.
    let place = files.admit(&caller.actor).await?;
    let (fields, mut file) = form.open(files.max_bytes()).await?;
    let new = NewFile {
        name: file_name(file.name())?,
        purpose: fields.purpose,
        lifetime: fields.lifetime,
    };
    let mut upload = place.begin(new).await?;
    while let Some(bytes) = file.next().await? {
        upload.write(bytes).await?;
    }
    let file = upload.finish().await?;
    let location = format!("{BASE}/files/{}", file.id);
    Ok(created(location, FileView::from(file)))
}

fn file_name(name: Option<&str>) -> Result<FileName, Problem> {
    let required = || Violation::new("required", "is required");
    let name = name.ok_or_else(required).and_then(FileName::parse);
    name.map_err(|violation| ValidationError::from(violation.at("file.name")).into())
}
