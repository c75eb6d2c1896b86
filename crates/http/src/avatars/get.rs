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

/// For how long everybody may keep a picture that guests may see; so long it may still be shown
/// where it was kept after the assistant has become private.
const PUBLIC: &str = "public, max-age=60";
/// Whoever keeps another picture has to ask each time whether they still may show it.
const PRIVATE: &str = "private, no-cache";
/// Should anybody take the picture for a page: it may do and load nothing.
const POLICY: &str = "default-src 'none'; sandbox";

/// `v` of the addresses that the service gives: another one for each picture, so that no cache shows
/// an old one. What is served is the current picture all the same.
pub(super) struct PictureVersion;

impl Input for PictureVersion {
    type Value = Self;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let version = text(Ok, schema::string)
            .describe("Which picture it was when the address was given; no matter here.");
        fields.optional("v", version);
        Some(Self)
    }
}

/// An assistant's picture. There is none for whoever may not see the assistant.
#[utoipa::path(
    get,
    path = "/assistants/{assistant_id}/avatar",
    tag = "assistants",
    security((), ("bearer" = [])),
    params(
        ("assistant_id" = String, Path, description = "Id or slug"),
        Query<PictureVersion>,
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of a picture at hand"),
    ),
    responses(
        (
            status = 200,
            description = "The picture, at most 512 x 512 pixels",
            content(
                (Picture = "image/png"),
                (Picture = "image/jpeg"),
                (Picture = "image/webp"),
            ),
            headers(
                ("ETag" = String, description = "Tells pictures apart"),
                ("Cache-Control" = String, description = "Whether and how long to keep it"),
            ),
        ),
        (status = 304, description = "The caller has the picture", headers(
            ("ETag" = String, description = "Tells pictures apart"),
            ("Cache-Control" = String, description = "Whether and how long to keep it"),
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
