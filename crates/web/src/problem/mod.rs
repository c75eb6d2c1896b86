//! Error responses as problem details (RFC 9457).
//!
//! Handlers return `Err(Problem)`, which travels in the response's extensions to `render`: it knows
//! the request ID, writes the body and logs internal errors.

mod body;
mod code;
mod mapping;
mod render;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use colloquy_domain::{FieldError, Run, ValidationError};
use uuid::Uuid;

pub use body::ProblemBody;
pub use code::ProblemCode;
pub(crate) use render::layer;

/// Media type of problem details.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// An error response.
#[derive(Debug, Clone)]
pub struct Problem {
    code: ProblemCode,
    /// Never upstream text, SQL or paths.
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    run: Option<Box<RunOfProblem>>,
    /// Whether to send `Accept-Encoding`.
    is_encoded: bool,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

#[derive(Debug, Clone)]
struct RunOfProblem {
    id: Uuid,
    thread_id: Uuid,
}

impl Problem {
    /// `detail` is for people.
    pub fn new(code: ProblemCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
            run: None,
            is_encoded: false,
            cause: None,
        }
    }

    /// Absent or hidden: always the same bytes.
    pub fn not_found() -> Self {
        Self::new(
            ProblemCode::EntityNotFound,
            "Not found, or hidden from you.",
        )
    }

    /// The caller must sign in.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(
            ProblemCode::AuthenticationRequired,
            "Sign in and send the token as `Authorization: Bearer <token>`.",
        )
    }

    /// The route does not support the method.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(
            ProblemCode::MethodNotAllowed,
            "The resource does not support this method; `Allow` lists those that it supports.",
        )
    }

    /// Unparseable request.
    #[must_use]
    pub fn malformed(detail: &'static str) -> Self {
        Self::new(ProblemCode::MalformedRequest, detail)
    }

    /// Compressed or otherwise encoded body.
    pub fn encoded() -> Self {
        let detail = "The body must not be encoded: send it without `Content-Encoding`, and with \
                      no `Transfer-Encoding` but `chunked`.";
        let mut problem = Self::new(ProblemCode::UnsupportedMediaType, detail);
        problem.is_encoded = true;
        problem
    }

    /// Temporarily unavailable.
    #[must_use]
    pub fn unavailable(detail: &'static str) -> Self {
        Self::new(ProblemCode::ServiceUnavailable, detail)
    }

    /// Invalid fields.
    #[must_use]
    pub fn invalid(error: ValidationError) -> Self {
        let mut problem = Self::new(
            ProblemCode::ValidationError,
            "The request is invalid; `errors` names each field.",
        );
        problem.errors = error.errors;
        problem
    }

    /// Internal error; the cause goes to the log only.
    pub fn internal(cause: impl StdError + Send + Sync + 'static) -> Self {
        Self::new(
            ProblemCode::InternalError,
            "Internal error. Give the operator the request ID.",
        )
        .caused_by(cause)
    }

    fn caused_by(mut self, cause: impl StdError + Send + Sync + 'static) -> Self {
        self.cause = Some(Arc::new(cause));
        self
    }

    fn after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// Names the run that the problem is about.
    pub fn with_run(mut self, run: &Run) -> Self {
        self.run = Some(Box::new(RunOfProblem {
            id: run.id.as_uuid(),
            thread_id: run.thread_id.as_uuid(),
        }));
        self
    }
}
