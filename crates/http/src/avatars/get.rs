//! `GET /assistants/{id}/avatar`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, VARY,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use colloquy_application::avatars::{Avatars, ShownAvatar};
use colloquy_domain::AvatarImage;
use colloquy_web::etag::IfNoneMatch;
use colloquy_web::input::{Fields, Input, Kind as _, Query, text};
use colloquy_web::problem::Problem;
use colloquy_web::schema;
use colloquy_web::sign_in::CurrentActor;

use super::picture::Picture;
use crate::assistants::AssistantPath;

/// How long anyone may cache a public avatar; it may be shown that long after the assistant became
/// private.
const PUBLIC: &str = "public, max-age=60";
/// Other avatars must be revalidated on each use.
const PRIVATE: &str = "private, no-cache";
/// If opened as a page, it can load and run nothing.
const POLICY: &str = "default-src 'none'; sandbox";

/// `v` in avatar paths; changes with the image to bypass caches. The current image is served
/// regardless.
pub(super) struct PictureVersion;

impl Input for PictureVersion {
    type Value = Self;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let version =
            text(Ok, schema::string).describe("Version of the avatar, for caches; ignored.");
        fields.optional("v", version);
        Some(Self)
    }
}

/// Get an assistant's avatar. Absent for callers who may not see the assistant.
#[utoipa::path(
    get,
    path = "/assistants/{assistant_id}/avatar",
    tag = "assistants",
    security((), ("bearer" = [])),
    params(
        ("assistant_id" = String, Path, description = "ID or slug"),
        Query<PictureVersion>,
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of the cached copy"),
    ),
    responses(
        (
            status = 200,
            description = "The avatar, at most 512 x 512 pixels",
            content(
                (Picture = "image/png"),
                (Picture = "image/jpeg"),
                (Picture = "image/webp"),
            ),
            headers(
                ("ETag" = String, description = "Identifies the avatar"),
                ("Cache-Control" = String, description = "Whether and how long to cache it"),
            ),
        ),
        (status = 304, description = "Not modified", headers(
            ("ETag" = String, description = "Identifies the avatar"),
            ("Cache-Control" = String, description = "Whether and how long to cache it"),
        )),
    ),
)]
pub(crate) async fn get_avatar(
    CurrentActor(actor): CurrentActor,
    State(avatars): State<Arc<Avatars>>,
    AssistantPath(reference): AssistantPath,
    Query(PictureVersion): Query<PictureVersion>,
    at_hand: IfNoneMatch,
) -> Result<Response, Problem> {
    let has = |image: &AvatarImage| at_hand.names(&tag(image));
    let shown = avatars.get(&actor, &reference, has).await?;
    Ok(response(shown))
}

fn response(shown: ShownAvatar) -> Response {
    let kept = if shown.is_public { PUBLIC } else { PRIVATE };
    let fixed = [
        (CACHE_CONTROL, HeaderValue::from_static(kept)),
        (VARY, HeaderValue::from_static("authorization")),
    ];
    let validity = ([(ETAG, tag(&shown.image))], fixed);
    let Some(bytes) = shown.bytes else {
        return (StatusCode::NOT_MODIFIED, validity).into_response();
    };
    let shape = [
        (CONTENT_TYPE, shown.image.kind.media_type()),
        (CONTENT_DISPOSITION, "inline"),
        (CONTENT_SECURITY_POLICY, POLICY),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)));
    (validity, shape, bytes).into_response()
}

/// The entity tag: the hash of the bytes.
fn tag(image: &AvatarImage) -> String {
    format!("\"{}\"", image.hash)
}
