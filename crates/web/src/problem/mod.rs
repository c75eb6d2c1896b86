//! Every error answer, as problem details (RFC 9457).
//!
//! A handler's `Err` is a [`Problem`]. It travels in the response's extensions to [`render`], which
//! knows the request's id, writes the body and logs the cause of what is the service's fault.

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

/// The media type of problem details.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request was not answered as asked.
#[derive(Debug, Clone)]
pub struct Problem {
    code: ProblemCode,
    /// For people; never upstream text, SQL or paths.
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    run: Option<Box<RunOfProblem>>,
    /// Whether to say which encodings are taken.
    is_encoded: bool,
    /// For the operator's log only.
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

/// The run that failed, where one did.
#[derive(Debug, Clone)]
struct RunOfProblem {
    id: Uuid,
    thread_id: Uuid,
}

impl Problem {
    /// A problem of this kind, with a sentence for people.
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

    /// There is no such thing, or the caller may not know of it: always the same bytes.
    pub fn not_found() -> Self {
        Self::new(
            ProblemCode::EntityNotFound,
            "There is no such thing, or you may not see it.",
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

    /// The route has no such method.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(
            ProblemCode::MethodNotAllowed,
            "The resource does not know this method; `Allow` lists those that it knows.",
        )
    }

    /// The request cannot be read.
    #[must_use]
    pub fn malformed(detail: &'static str) -> Self {
        Self::new(ProblemCode::MalformedRequest, detail)
    }

    /// The body is compressed, or encoded in another way.
    pub fn encoded() -> Self {
        let detail = "The body must not be encoded: send it without `Content-Encoding`.";
        let mut problem = Self::new(ProblemCode::UnsupportedMediaType, detail);
        problem.is_encoded = true;
        problem
    }

    /// Try again later.
    #[must_use]
    pub fn unavailable(detail: &'static str) -> Self {
        Self::new(ProblemCode::ServiceUnavailable, detail)
    }

    /// Fields of the request break rules.
    #[must_use]
    pub fn invalid(error: ValidationError) -> Self {
        let mut problem = Self::new(
            ProblemCode::ValidationError,
            "The request breaks rules; `errors` names each field.",
        );
        problem.errors = error.errors;
        problem
    }

    /// A fault of ours: the caller learns only that there was one.
    pub fn internal(cause: impl StdError + Send + Sync + 'static) -> Self {
        Self::new(
            ProblemCode::InternalError,
            "Something went wrong here. The request id helps the operator find out what.",
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

    /// Names the run, whose message is kept though the run failed.
    pub fn with_run(mut self, run: &Run) -> Self {
        self.run = Some(Box::new(RunOfProblem {
            id: run.id.as_uuid(),
            thread_id: run.thread_id.as_uuid(),
        }));
        self
    }
}
