//! The position at which a stream resumes.

use std::num::IntErrorKind;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use colloquy_web::headers::LAST_EVENT_ID;
use colloquy_web::input::{Fields, Input, Kind as _, Query};
use colloquy_web::paging::number;
use colloquy_web::problem::Problem;
use colloquy_web::schema;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

/// Number of the event to resume after; 0 is the beginning.
pub(super) struct ResumeAfter(pub(super) u64);

impl Input for ResumeAfter {
    type Value = Self;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let after = number().describe("Same as the header, for clients that cannot send it.");
        Some(Self(fields.optional("after", after).unwrap_or(0)))
    }
}

impl<S: Sync> FromRequestParts<S> for ResumeAfter {
    type Rejection = Problem;

    /// From the header, which browsers keep current, else from the query.
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(after) = Query::<Self>::from_request_parts(parts, state).await?;
        let seen = last_event_id(&parts.headers)?;
        Ok(seen.map_or(after, Self))
    }
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let mut values = headers.get_all(LAST_EVENT_ID).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    match value.to_str().ok().and_then(event_number) {
        Some(number) if values.next().is_none() => Ok(Some(number)),
        _ => Err(Problem::malformed(
            "`Last-Event-ID` must be the number of an event.",
        )),
    }
}

/// An event number; 64 bits suffice for any log.
fn event_number(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if is_number => Some(number),
        Err(error) if is_number && *error.kind() == IntErrorKind::PosOverflow => Some(u64::MAX),
        _ => None,
    }
}

impl IntoParams for ResumeAfter {
    fn into_params(location: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let header = schema::header_parameter(
            "Last-Event-ID",
            schema::whole_number().minimum(Some(0)),
            "Number of the last event received.",
        );
        let query = Query::<Self>::into_params(location);
        [header].into_iter().chain(query).collect()
    }
}
