//! From errors of use cases to problems.

use colloquy_application::ports::{MAX_API_KEYS, PortError};
use colloquy_application::{Error, RunFailure};
use colloquy_domain::{ValidationError, Violation};

use super::{Problem, ProblemCode};

/// The one place where what use cases refuse becomes a status and a code.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Unauthenticated => Self::unauthenticated(),
            Error::InvalidCredentials => Self::new(
                ProblemCode::InvalidCredentials,
                "The email or the password is wrong.",
            ),
            Error::TooManySignIns { retry_after } => Self::new(
                ProblemCode::RateLimitExceeded,
                "Too many wrong passwords of late. Wait before you try again.",
            )
            .after(Some(retry_after)),
            Error::TooManyModelChecks { retry_after } => Self::new(
                ProblemCode::RateLimitExceeded,
                "Too many checks of models of late. Wait before you try again.",
            )
            .after(Some(retry_after)),
            Error::TooManyWaiting => Self::new(
                ProblemCode::RateLimitExceeded,
                "Too many sign-ins wait for their turn. Try again in a moment.",
            ),
            Error::Forbidden(reason) => Self::new(ProblemCode::Forbidden, reason),
            Error::NotFound => Self::not_found(),
            Error::ReferenceNotFound(field) => Self::reference_not_found(field),
            Error::Invalid(error) => Self::invalid(error),
            Error::Duplicate(field) => Self::duplicate(field),
            Error::DefinedInCode => Self::new(
                ProblemCode::DefinedInCode,
                "The assistant is defined in the service's code and can only be changed there.",
            ),
            Error::LastAdministrator => Self::new(
                ProblemCode::LastAdministrator,
                "This is the last active administrator. Make another one first.",
            ),
            Error::TooManyApiKeys => Self::new(
                ProblemCode::TooManyApiKeys,
                format!("A user may have {MAX_API_KEYS} API keys. Revoke one first."),
            ),
            Error::ThreadBusy => Self::new(
                ProblemCode::ThreadBusy,
                "The thread already has a run in progress. Wait for its end.",
            ),
            Error::TooManyRuns => Self::new(
                ProblemCode::RateLimitExceeded,
                "You have as many runs in progress as you may have. Wait for the end of one.",
            ),
            Error::Overloaded => Self::unavailable(
                "The service works on as many runs as it can. Try again in a moment.",
            ),
            Error::IdempotencyMismatch => Self::new(
                ProblemCode::IdempotencyMismatch,
                "The idempotency key stands for another request already. Take a new one.",
            ),
            Error::RevisionConflict => Self::new(
                ProblemCode::RevisionConflict,
                "Others changed the record meanwhile. Nothing was written.",
            ),
            Error::RunFailed(failure) => Self::from(*failure),
            Error::Stopping => Self::unavailable("The service is stopping. Try again in a moment."),
            Error::Port(error) => Self::from(error),
            // The enum may grow; what has no status of its own is a fault of ours.
            other => Self::internal(other),
        }
    }
}

impl From<PortError> for Problem {
    fn from(error: PortError) -> Self {
        match error {
            PortError::Unavailable(_) => {
                Self::unavailable("A part of the service does not answer. Try again in a moment.")
                    .caused_by(error)
            }
            other => Self::internal(other),
        }
    }
}

impl From<RunFailure> for Problem {
    fn from(failure: RunFailure) -> Self {
        Self::new(failure.error.code.into(), failure.error.message)
            .after(failure.retry_after)
            .with_run(&failure.run)
    }
}

impl From<ValidationError> for Problem {
    fn from(error: ValidationError) -> Self {
        Self::invalid(error)
    }
}

impl Problem {
    /// Like [`Problem::not_found`], but not for what the path names first.
    fn reference_not_found(field: &'static str) -> Self {
        let mut problem = Self::not_found();
        let error = Violation::new("not_found", "is not there, or you may not see it");
        problem.errors.push(error.at(field));
        problem
    }

    fn duplicate(field: &'static str) -> Self {
        let error = Violation::new("duplicate", "another one has it already").at(field);
        let mut problem = Self::new(
            ProblemCode::DuplicateResource,
            format!("Another one has this {field} already."),
        );
        problem.errors.push(error);
        problem
    }
}
