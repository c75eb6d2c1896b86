//! Writes a problem as a response.

use std::error::Error as StdError;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tower::layer::layer_fn;
use tower::{Layer, service_fn};
use tower_http::request_id::RequestId;

use super::{PROBLEM_JSON, Problem, ProblemBody};
use crate::http_service::HttpService;
use crate::request_id;

const RETRY_SOON: Duration = Duration::from_secs(1);

impl IntoResponse for Problem {
    /// Without body; `render` writes it.
    fn into_response(self) -> Response {
        let status = self.code.status();
        let mut response = status.into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::SERVICE_UNAVAILABLE,
        ]
        .contains(&status)
        {
            let wait = self.retry_after.unwrap_or(RETRY_SOON);
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        if self.is_encoded {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// A day. Providers may name any number.
const LONGEST_WAIT: u64 = 24 * 60 * 60;

fn whole_seconds(wait: Duration) -> u64 {
    let started = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs()
        .saturating_add(started)
        .clamp(1, LONGEST_WAIT)
}

pub(crate) fn layer<S: HttpService>() -> impl Layer<S, Service = impl HttpService> + Clone {
    layer_fn(|mut inner: S| {
        service_fn(move |request: Request| {
            let id = request_id::assigned(&request);
            let response = inner.call(request);
            async move {
                let mut response = response.await?;
                render(&mut response, id.as_ref());
                Ok(response)
            }
        })
    })
}

fn render(response: &mut Response, request_id: Option<&RequestId>) {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return;
    };
    problem.log();
    let body = serde_json::to_vec(&ProblemBody::new(&problem, request_id::text(request_id)));
    // Serializing these fields cannot fail; if it did, status and ID would still be sent.
    *response.body_mut() = Body::from(body.unwrap_or_default());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
}

impl Problem {
    fn log(&self) {
        let Some(cause) = &self.cause else { return };
        let cause: &(dyn StdError + 'static) = &**cause;
        let code = self.code.as_str();
        if self.code.status() == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(error = cause, code, "request failed");
        } else {
            tracing::warn!(error = cause, code, "request failed");
        }
    }
}
