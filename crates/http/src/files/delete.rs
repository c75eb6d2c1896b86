//! `DELETE /files/{id}`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::NoContent;
use colloquy_application::files::Files;
use colloquy_domain::FileId;
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;

/// Delete a file.
#[utoipa::path(
    delete,
    path = "/files/{file_id}",
    tag = "files",
    security(("bearer" = [])),
    params(("file_id" = uuid::Uuid, Path)),
    responses((status = 204, description = "Deleted")),
)]
pub(crate) async fn delete_file(
    caller: SignedIn,
    State(files): State<Arc<Files>>,
    Ids(id): Ids<FileId>,
) -> Result<NoContent, Problem> {
    files.delete(&caller.actor, id).await?;
    Ok(NoContent)
}
