//! How a client wants to be answered.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::http::request::Parts;
use colloquy_web::headers::{PREFER, members, quality};
use colloquy_web::schema;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

/// The preference for a response without waiting.
pub(crate) const RESPOND_ASYNC: &str = "respond-async";

const EVENT_STREAM: &str = "text/event-stream";

/// How the answer is returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerForm {
    /// At once, when complete.
    Whole,
    /// As a stream of events.
    Events,
    /// Later: only the run is returned.
    Later,
}

impl AnswerForm {
    fn asked(headers: &HeaderMap) -> Self {
        let accepted = |types: &[&str]| quality(headers.get_all(ACCEPT), types);
        let events = accepted(&[EVENT_STREAM]);
        let json = accepted(&["application/json", "application/*", "*/*"]);
        if events > 0.0 && events >= json {
            Self::Events
        } else if members(headers.get_all(PREFER)).any(prefers_later) {
            Self::Later
        } else {
            Self::Whole
        }
    }
}

impl<S: Sync> FromRequestParts<S> for AnswerForm {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::asked(&parts.headers))
    }
}

impl IntoParams for AnswerForm {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "`respond-async` returns without waiting for the answer. `Accept: text/event-stream` takes precedence.";
        vec![schema::header_parameter(
            "Prefer",
            schema::string(),
            description,
        )]
    }
}

fn prefers_later(member: &str) -> bool {
    let preference = member.split([';', '=']).next().unwrap_or_default();
    preference.trim().eq_ignore_ascii_case(RESPOND_ASYNC)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use axum::http::header::ACCEPT;

    use super::AnswerForm;
    use colloquy_web::headers::PREFER;

    fn asked(accept: Option<&'static str>, prefer: Option<&'static str>) -> AnswerForm {
        let headers = [(ACCEPT, accept), (PREFER, prefer)];
        let headers = headers.into_iter().filter_map(|(name, value)| {
            let value = axum::http::HeaderValue::from_static(value?);
            Some((name, value))
        });
        AnswerForm::asked(&headers.collect::<HeaderMap>())
    }

    #[test]
    fn events_are_sent_to_those_who_name_them_and_want_nothing_more() {
        for accept in [
            "text/event-stream",
            "TEXT/Event-Stream; charset=utf-8",
            "text/event-stream, */*",
            "application/json, text/event-stream",
            "application/json;q=0.5, text/event-stream;q=0.9",
            "*/*;q=0.1, text/event-stream; q=0.5",
        ] {
            assert_eq!(asked(Some(accept), None), AnswerForm::Events, "{accept}");
            let both = asked(Some(accept), Some("respond-async"));
            assert_eq!(both, AnswerForm::Events, "{accept}");
        }
    }

    #[test]
    fn everybody_else_is_answered_at_once_when_they_can_be() {
        assert_eq!(asked(None, None), AnswerForm::Whole);
        for accept in [
            "",
            "*/*",
            "text/*",
            "application/json",
            "text/event-stream;q=0",
            "text/event-stream;q=high",
            "text/event-stream;q=0.5, application/json",
            "text/event-stream;q=0.5, */*",
            "text/event-streams",
        ] {
            assert_eq!(asked(Some(accept), None), AnswerForm::Whole, "{accept}");
        }
    }

    #[test]
    fn who_prefers_not_to_wait_does_not() {
        for prefer in [
            "respond-async",
            "Respond-Async",
            "handling=lenient, respond-async; x=1",
            "respond-async, wait=10",
        ] {
            assert_eq!(asked(None, Some(prefer)), AnswerForm::Later, "{prefer}");
        }
        for prefer in ["", "wait=10", "respond-asynchronously", "x=respond-async"] {
            assert_eq!(asked(None, Some(prefer)), AnswerForm::Whole, "{prefer}");
        }
    }
}
