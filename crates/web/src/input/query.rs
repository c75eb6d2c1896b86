//! Query strings.

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::Input;
use super::fields::{Fields, read_pairs, read_whole};
use crate::problem::Problem;

/// The query string; unknown and repeated parameters are rejected.
pub struct Query<T: Input>(pub T::Value);

impl<T: Input> Query<T> {
    /// Reads a URI's query string.
    pub fn read(uri: &Uri) -> Result<Self, Problem> {
        let encoded = uri.query().unwrap_or_default().as_bytes();
        let input = read_whole(|field| read_pairs::<T>(encoded, field))?;
        Ok(Self(input))
    }
}

impl<T: Input, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Self::read(&parts.uri)
    }
}

impl<T: Input> utoipa::IntoParams for Query<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        Fields::describe::<T>().parameters()
    }
}
