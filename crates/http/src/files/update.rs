//! `PATCH /files/{id}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use colloquy_application::files::Files;
use colloquy_domain::{FileId, FileName};
use colloquy_web::input::{Body, Fields, Input, JsonBody};
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;
use serde_json::{Value, json};

use super::view::FileView;
use super::{READ_ONLY, name};

/// A new name, if given.
pub(crate) struct UpdateFileFields(Option<FileName>);

type UpdateFile = JsonBody<UpdateFileFields>;

impl Input for UpdateFileFields {
    type Value = Self;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.ignore(&READ_ONLY);
        Some(Self(fields.optional("name", name())))
    }
}

impl Body for UpdateFileFields {
    const NAME: &str = "UpdateFile";
    const DESCRIPTION: &str = "Changes to a file. Omitted fields are unchanged.";

    fn example() -> Value {
        json!({"name": "handbook.pdf"})
    }
}

/// Rename a file.
#[utoipa::path(
    patch,
    path = "/files/{file_id}",
    tag = "files",
    security(("bearer" = [])),
    params(("file_id" = uuid::Uuid, Path)),
    request_body = UpdateFile,
    responses((status = 200, description = "The updated file", body = FileView)),
)]
pub(crate) async fn update_file(
    caller: SignedIn,
    State(files): State<Arc<Files>>,
    Ids(id): Ids<FileId>,
    JsonBody(UpdateFileFields(name)): UpdateFile,
) -> Result<Json<FileView>, Problem> {
    let file = files.rename(&caller.actor, id, name.as_ref()).await?;
    Ok(Json(FileView::from(file)))
}
