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

/// Give an assistant a picture, in place of the one that it has.
///
/// The file is a PNG, JPEG, WebP or GIF (its first frame) of at most 5 MiB and 4096 x 4096 pixels.
/// What is kept is a picture made from it of at most 512 x 512 pixels, without any metadata.
#[utoipa::path(
    post,
    path = "/assistants/{assistant_id}/avatar",
    tag = "assistants",
    security(("bearer" = [])),
    params(("assistant_id" = String, Path, description = "Id or slug")),
    request_body(content = FileForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The assistant with its picture", body = AssistantView, headers(
            ("ETag" = String, description = "Names the assistant's revision"),
        )),
        (status = 400, description = "The body is not a multipart form, or did not arrive whole"),
        (status = 403, description = "The caller is no administrator"),
        (status = 412, description = "Others changed the assistant all the while"),
        (status = 413, description = "The file has more than 5 MiB"),
        (status = 422, description = "There is not one `file`, or it is no image that is taken"),
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
    // Files have places of their own, and are slow.
    permit.pause();
    // Who may not is told before the file is taken in.
    let upload = avatars.upload(&caller.actor, &reference).await?;
    let file = form.file().await?;
    permit.pause();
    let assistant = upload.finish(file).await?;
    Ok(tagged(&assistants, &assistant))
}
