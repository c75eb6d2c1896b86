//! JSON bodies and forms.

use std::borrow::Cow;

use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::arrival::{Incoming, refuse_encoded};
use super::fields::{Fields, read_pairs, read_whole};
use super::values::{Kind as _, object};
use super::{Body, Input, json};
use crate::problem::{Problem, ProblemCode};

const MAX_JSON_BYTES: usize = 1024 * 1024;
/// Small: forms are accepted before sign-in.
const MAX_FORM_BYTES: usize = 16 * 1024;

/// A JSON object.
pub struct JsonBody<T: Input>(pub T::Value);

impl<T: Input, S: Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        refuse_encoded(request.headers())?;
        match media_type(request.headers()) {
            Some(MediaType::Json) => {
                let body = Incoming::new(request, MAX_JSON_BYTES)?.whole().await?;
                read_json::<T>(&body).map(Self)
            }
            _ => Err(unsupported("The body must be `application/json`.")),
        }
    }
}

/// A URL-encoded form or a JSON object with the same fields.
pub struct FormOrJson<T: Input>(pub T::Value);

impl<T: Input, S: Sync> FromRequest<S> for FormOrJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        refuse_encoded(request.headers())?;
        let media_type = media_type(request.headers()).ok_or_else(|| {
            unsupported(
                "The body must be `application/x-www-form-urlencoded` or `application/json`.",
            )
        })?;
        let body = Incoming::new(request, MAX_FORM_BYTES)?.whole().await?;
        let input = match media_type {
            MediaType::Json => read_json::<T>(&body)?,
            MediaType::Form => read_whole(|field| read_pairs::<T>(&body, field))?,
        };
        Ok(Self(input))
    }
}

macro_rules! documented {
    ($($extractor:ident),+) => {$(
        impl<T: Body> ToSchema for $extractor<T> {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(T::NAME)
            }
        }

        impl<T: Body> PartialSchema for $extractor<T> {
            fn schema() -> RefOr<Schema> {
                let object = Fields::describe::<T>().object();
                let object = object.description(Some(T::DESCRIPTION));
                object.examples([T::example()]).into()
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

fn read_json<T: Input>(body: &[u8]) -> Result<T::Value, Problem> {
    let value = json::parse(body)?;
    Ok(read_whole(|field| object::<T>().read(value, field))?)
}

pub(super) fn unsupported(detail: &'static str) -> Problem {
    Problem::new(ProblemCode::UnsupportedMediaType, detail)
}
