use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde_json::{Map, Value};
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::fields::{Unknown, read_members, read_whole};
use super::{Input, Parameters};
use crate::problem::Problem;

/// What the query string says. Parameters that are not known are ignored; of one that is repeated
/// the last counts.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: Input, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let pairs = pairs(parts.uri.query().unwrap_or_default().as_bytes());
        let input = read_whole(|place| read_members(pairs, place, Unknown::Ignored, T::read))?;
        Ok(Self(input))
    }
}

impl<T: Parameters> utoipa::IntoParams for Query<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        T::parameters()
    }
}

/// The pairs of a query string or a form.
pub(super) fn pairs(encoded: &[u8]) -> Map<String, Value> {
    form_urlencoded::parse(encoded)
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect()
}
