//! Entity tags of assistants, derived from revisions.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::IF_MATCH;
use axum::http::request::Parts;
use colloquy_application::assistants::Expected;
use colloquy_web::headers::members;
use colloquy_web::schema;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

/// The tag of a revision. Administrators get a different representation, hence a different tag.
pub(crate) fn tag(revision: u32, is_whole: bool) -> String {
    let suffix = if is_whole { "" } else { "-public" };
    format!("\"{revision}{suffix}\"")
}

/// `If-Match`: the revisions that a change may be based on.
pub(crate) struct IfMatch(pub(crate) Expected);

impl IfMatch {
    fn asked(headers: &HeaderMap) -> Expected {
        if !headers.contains_key(IF_MATCH) {
            return Expected::Any;
        }
        if members(headers.get_all(IF_MATCH)).any(|member| member == "*") {
            return Expected::Any;
        }
        // Foreign and weak tags match nothing.
        Expected::Revisions(
            members(headers.get_all(IF_MATCH))
                .filter_map(revision)
                .collect(),
        )
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(Self::asked(&parts.headers)))
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description =
            "`ETag` that the change is based on. If it is not the current one, nothing is changed.";
        vec![schema::header_parameter(
            "If-Match",
            schema::string(),
            description,
        )]
    }
}

/// The revision in one of our tags.
fn revision(tag: &str) -> Option<u32> {
    let inner = tag.strip_prefix('"')?.strip_suffix('"')?;
    let number = inner.strip_suffix("-public").unwrap_or(inner);
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::header::IF_MATCH;
    use axum::http::{HeaderMap, HeaderValue};
    use colloquy_application::assistants::Expected;

    use super::IfMatch;

    #[test]
    fn only_our_own_strong_tags_name_revisions() {
        let asked = |value: &'static str| {
            let value = HeaderValue::from_static(value);
            IfMatch::asked(&HeaderMap::from_iter([(IF_MATCH, value)]))
        };
        let revisions = |numbers: &[u32]| Expected::Revisions(numbers.to_vec());
        assert_eq!(IfMatch::asked(&HeaderMap::new()), Expected::Any);
        assert_eq!(asked("*"), Expected::Any);
        assert_eq!(asked("\"7\""), revisions(&[7]));
        assert_eq!(asked("\"7-public\", \"8\""), revisions(&[7, 8]));
        for other in ["", "7", "W/\"7\"", "\"x\"", "\"-7\"", "\"99999999999\""] {
            assert_eq!(asked(other), revisions(&[]), "{other}");
        }
    }
}
