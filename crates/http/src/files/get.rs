//! `GET /files/{id}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use colloquy_application::files::Files;
use colloquy_domain::FileId;
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;

use super::view::FileView;

/// Get a file, without its bytes.
#[utoipa::path(
    get,
    path = "/files/{file_id}",
    tag = "files",
    security(("bearer" = [])),
    params(("file_id" = uuid::Uuid, Path)),
    responses((status = 200, description = "The file", body = FileView)),
)]
pub(crate) async fn get_file(
    caller: SignedIn,
    State(files): State<Arc<Files>>,
    Ids(id): Ids<FileId>,
) -> Result<Json<FileView>, Problem> {
    let file = files.get(&caller.actor, id).await?;
    Ok(Json(FileView::from(file)))
}
