//! Query strings.

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::fields::{Unknown, read_pairs, read_whole};
use super::{Input, Parameters};
use crate::problem::Problem;

/// What the query string says. Parameters that are not known or repeated are refused.
pub struct Query<T: Input>(pub T::Value);

impl<T: Input> Query<T> {
    /// Reads the query string of that address.
    pub fn read(uri: &Uri) -> Result<Self, Problem> {
        let encoded = uri.query().unwrap_or_default().as_bytes();
        let input = read_whole(|place| read_pairs(encoded, place, Unknown::Named, T::read))?;
        Ok(Self(input))
    }
}

impl<T: Input, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Self::read(&parts.uri)
    }
}

impl<T: Parameters> utoipa::IntoParams for Query<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        T::parameters()
    }
}
