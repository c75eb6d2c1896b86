//! `POST /assistants/{id}/avatar`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use colloquy_application::assistants::Assistants;
use colloquy_application::avatars::Avatars;
use colloquy_web::concurrency_limit::Permit;
use colloquy_web::input::FileForm;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;

use crate::assistants::AssistantPath;
use crate::assistants::{AssistantView, tagged};

/// Upload an assistant's avatar, replacing any previous one.
///
/// The file is a PNG, JPEG, WebP or GIF (first frame) of at most 5 MiB and 4096 x 4096 pixels. It
/// is shrunk to at most 512 x 512 pixels and stored without metadata.
#[utoipa::path(
    post,
    path = "/assistants/{assistant_id}/avatar",
    tag = "assistants",
    security(("bearer" = [])),
    params(("assistant_id" = String, Path, description = "ID or slug")),
    request_body(content = FileForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The updated assistant", body = AssistantView, headers(
            ("ETag" = String, description = "The assistant's revision"),
        )),
        (status = 400, description = "The body is not a multipart form, or incomplete"),
        (status = 403, description = "The caller is not an administrator"),
        (status = 412, description = "The assistant was changed concurrently"),
        (status = 413, description = "The file exceeds 5 MiB"),
        (status = 422, description = "There is not exactly one `file`, or it is not a supported image"),
    ),
)]
pub(crate) async fn upload_avatar(
    caller: SignedIn,
    State(avatars): State<Arc<Avatars>>,
    State(assistants): State<Arc<Assistants>>,
    AssistantPath(reference): AssistantPath,
    permit: Permit,
    form: FileForm,
) -> Result<Response, Problem> {
    // Uploads have their own, slow queue.
    permit.pause();
    // Authorizes before reading the file.
    let upload = avatars.upload(&caller.actor, &reference).await?;
    let file = form.file().await?;
    permit.pause();
    let assistant = upload.finish(file).await?;
    Ok(tagged(&assistants, &assistant))
}
