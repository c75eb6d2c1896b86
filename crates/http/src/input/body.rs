use std::borrow::Cow;
use std::pin::pin;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use bytes::Bytes;
use futures_util::future::poll_immediate;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::time::timeout;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::fields::{read_pairs, read_whole};
use super::{Body, Input, json, object};
use crate::problem::{Problem, ProblemCode};
use crate::turns::Turn;

/// The largest JSON body.
const MAX_JSON_BYTES: usize = 1024 * 1024;
/// The largest form; what is sent before anybody has signed in is kept small.
const MAX_FORM_BYTES: usize = 16 * 1024;
/// How long a body may take to arrive.
pub(super) const ARRIVAL: Duration = Duration::from_secs(30);

/// What a JSON body says; it must be an object.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: Input, S: Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        match media_type(request.headers()) {
            Some(MediaType::Json) => {
                let body = arrived(request, MAX_JSON_BYTES).await?;
                read_json(&body).map(Self)
            }
            _ => Err(unsupported("The body must be `application/json`.")),
        }
    }
}

/// What a short form, or a JSON body of the same fields, says.
pub(crate) struct FormOrJson<T>(pub(crate) T);

impl<T: Input, S: Sync> FromRequest<S> for FormOrJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let media_type = media_type(request.headers()).ok_or_else(|| {
            unsupported(
                "The body must be `application/x-www-form-urlencoded` or `application/json`.",
            )
        })?;
        let body = arrived(request, MAX_FORM_BYTES).await?;
        let input = match media_type {
            MediaType::Json => read_json(&body)?,
            MediaType::Form => read_whole(|place| read_pairs(&body, place, T::read))?,
        };
        Ok(Self(input))
    }
}

/// Both stand in the document for what they take.
macro_rules! documented {
    ($($extractor:ident),+) => {$(
        impl<T: Body> ToSchema for $extractor<T> {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(T::NAME)
            }
        }

        impl<T: Body> PartialSchema for $extractor<T> {
            fn schema() -> RefOr<Schema> {
                T::schema().into()
            }
        }
    )+};
}

documented!(JsonBody, FormOrJson);

enum MediaType {
    Json,
    Form,
}

fn media_type(headers: &HeaderMap) -> Option<MediaType> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = text.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Some(MediaType::Json)
    } else if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        Some(MediaType::Form)
    } else {
        None
    }
}

fn read_json<T: Input>(body: &[u8]) -> Result<T, Problem> {
    let value = json::parse(body)?;
    Ok(read_whole(|place| object(T::read)(value, place))?)
}

/// The whole body. Nothing beyond the limit is held, whatever length was announced.
async fn arrived(request: Request, limit: usize) -> Result<Bytes, Problem> {
    if announced_length(request.headers()).is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let turn = Turn::of(request.extensions());
    let mut body = pin!(timeout(
        ARRIVAL,
        Limited::new(request.into_body(), limit).collect()
    ));
    let arrived = match poll_immediate(&mut body).await {
        Some(arrived) => arrived,
        // The client takes its time.
        None => {
            turn.pause();
            let arrived = body.await;
            turn.resume().await;
            arrived
        }
    };
    match arrived {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Problem::malformed("The body broke off.")),
        Err(_) => Err(Problem::malformed("The body did not arrive in time.")),
    }
}

pub(super) fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

pub(super) fn too_large() -> Problem {
    Problem::new(ProblemCode::PayloadTooLarge, "The body is too large.")
}

pub(super) fn unsupported(detail: &'static str) -> Problem {
    Problem::new(ProblemCode::UnsupportedMediaType, detail)
}
