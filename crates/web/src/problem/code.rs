//! Problem codes and their statuses.

use axum::http::StatusCode;
use colloquy_domain::RunErrorCode;

macro_rules! problem_codes {
    ($($variant:ident = $text:literal, $status:ident;)+) => {
        /// Machine-readable kind of a problem.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ProblemCode {
            $(#[doc = concat!("`", $text, "`")] $variant,)+
        }

        impl ProblemCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// As in the body.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Response status.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }
        }
    };
}

problem_codes! {
    MalformedRequest = "malformed_request", BAD_REQUEST;
    AuthenticationRequired = "authentication_required", UNAUTHORIZED;
    InvalidCredentials = "invalid_credentials", UNAUTHORIZED;
    Forbidden = "forbidden", FORBIDDEN;
    EntityNotFound = "entity_not_found", NOT_FOUND;
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED;
    ThreadBusy = "thread_busy", CONFLICT;
    RunNotPaused = "run_not_paused", CONFLICT;
    RunExpired = "run_expired", CONFLICT;
    DefinedInCode = "defined_in_code", CONFLICT;
    LastAdministrator = "last_administrator", CONFLICT;
    TooManyApiKeys = "too_many_api_keys", CONFLICT;
    QuotaExceeded = "quota_exceeded", CONFLICT;
    IdempotencyMismatch = "idempotency_mismatch", UNPROCESSABLE_ENTITY;
    DuplicateResource = "duplicate_resource", CONFLICT;
    RevisionConflict = "revision_conflict", PRECONDITION_FAILED;
    RangeNotSatisfiable = "range_not_satisfiable", RANGE_NOT_SATISFIABLE;
    PayloadTooLarge = "payload_too_large", PAYLOAD_TOO_LARGE;
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE;
    ValidationError = "validation_error", UNPROCESSABLE_ENTITY;
    RateLimitExceeded = "rate_limit_exceeded", TOO_MANY_REQUESTS;
    InternalError = "internal_error", INTERNAL_SERVER_ERROR;
    ServiceUnavailable = "service_unavailable", SERVICE_UNAVAILABLE;
    ModelError = "model_error", BAD_GATEWAY;
    OutputInvalid = "output_invalid", BAD_GATEWAY;
    ModelNotConfigured = "model_not_configured", BAD_GATEWAY;
    ModelRateLimited = "model_rate_limited", SERVICE_UNAVAILABLE;
    ModelTimeout = "model_timeout", GATEWAY_TIMEOUT;
    ContextTooLong = "context_too_long", UNPROCESSABLE_ENTITY;
    BudgetExhausted = "budget_exhausted", UNPROCESSABLE_ENTITY;
    AccessRevoked = "access_revoked", FORBIDDEN;
    Interrupted = "interrupted", SERVICE_UNAVAILABLE;
    RunCancelled = "run_cancelled", CONFLICT;
}

impl ProblemCode {
    /// `functional` if the caller can fix it, else `technical`.
    pub fn category(self) -> &'static str {
        if self.status().is_server_error() {
            "technical"
        } else {
            "functional"
        }
    }
}

impl From<RunErrorCode> for ProblemCode {
    fn from(code: RunErrorCode) -> Self {
        match code {
            RunErrorCode::ModelError => Self::ModelError,
            RunErrorCode::OutputInvalid => Self::OutputInvalid,
            RunErrorCode::ModelNotConfigured => Self::ModelNotConfigured,
            RunErrorCode::ModelRateLimited => Self::ModelRateLimited,
            RunErrorCode::ModelTimeout => Self::ModelTimeout,
            RunErrorCode::ContextTooLong => Self::ContextTooLong,
            RunErrorCode::BudgetExhausted => Self::BudgetExhausted,
            RunErrorCode::AccessRevoked => Self::AccessRevoked,
            RunErrorCode::Interrupted => Self::Interrupted,
            RunErrorCode::RunCancelled => Self::RunCancelled,
            // The enum may grow; an unmapped code is a bug.
            _ => Self::InternalError,
        }
    }
}

#[cfg(test)]
mod tests {
    use colloquy_domain::RunErrorCode;

    use super::ProblemCode;

    #[test]
    fn every_run_error_is_a_problem_of_the_same_name() {
        for code in RunErrorCode::ALL {
            assert_eq!(ProblemCode::from(*code).as_str(), code.as_str());
        }
    }
}
