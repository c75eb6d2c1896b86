//! Maps use-case errors to problems.

use colloquy_application::ports::{MAX_API_KEYS, PortError};
use colloquy_application::{Error, Quota, RunFailure};
use colloquy_domain::{Run, RunStatus, ValidationError, Violation};

use super::{Problem, ProblemCode};

/// The only mapping from errors to statuses and codes.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Unauthenticated => Self::unauthenticated(),
            Error::InvalidCredentials => Self::new(
                ProblemCode::InvalidCredentials,
                "The email or password is wrong.",
            ),
            Error::TooManySignIns { retry_after } => Self::new(
                ProblemCode::RateLimitExceeded,
                "Too many wrong passwords. Wait before you try again.",
            )
            .after(Some(retry_after)),
            Error::TooManyModelChecks { retry_after } => Self::new(
                ProblemCode::RateLimitExceeded,
                "Too many model checks. Wait before you try again.",
            )
            .after(Some(retry_after)),
            Error::TooManyWaiting => Self::new(
                ProblemCode::RateLimitExceeded,
                "Too many sign-ins are waiting. Try again in a moment.",
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
                "This is the last active administrator. Appoint another one first.",
            ),
            Error::TooManyApiKeys => Self::new(
                ProblemCode::TooManyApiKeys,
                format!("A user may have {MAX_API_KEYS} API keys. Revoke one first."),
            ),
            Error::QuotaExceeded(quota) => Self::quota_exceeded(quota),
            Error::FileTooLarge => {
                Self::new(ProblemCode::PayloadTooLarge, "The file is too large.")
            }
            Error::TooManyUploads => Self::unavailable(
                "The service takes as many uploads as it can. Try again in a moment.",
            ),
            Error::ThreadBusy(run) => Self::thread_busy(run.as_deref()),
            Error::RunNotPaused(run) => {
                Self::new(ProblemCode::RunNotPaused, "The run does not wait for this.")
                    .with_run(&run)
            }
            Error::RunExpired(run) => Self::new(
                ProblemCode::RunExpired,
                "The run was paused, and nobody acted in time.",
            )
            .with_run(&run),
            Error::TooManyRuns => Self::new(
                ProblemCode::RateLimitExceeded,
                "You have reached your limit of active runs. Wait for one to end.",
            ),
            Error::Overloaded => Self::unavailable(
                "The service is at its limit of concurrent runs. Try again in a moment.",
            ),
            Error::IdempotencyMismatch => Self::new(
                ProblemCode::IdempotencyMismatch,
                "The idempotency key was used for another request. Use a new one.",
            ),
            Error::RevisionConflict => Self::new(
                ProblemCode::RevisionConflict,
                "The record was changed concurrently. Nothing was written.",
            ),
            Error::RunFailed(failure) => Self::from(*failure),
            Error::Stopping => Self::unavailable("The service is stopping. Try again in a moment."),
            Error::Port(error) => Self::from(error),
            // The enum may grow; an unmapped error is a bug.
            other => Self::internal(other),
        }
    }
}

impl From<PortError> for Problem {
    fn from(error: PortError) -> Self {
        match error {
            PortError::Unavailable(_) => Self::unavailable(
                "A dependency of the service is unavailable. Try again in a moment.",
            )
            .caused_by(error),
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
    /// [`Problem::not_found`] for something other than the path's first resource.
    fn reference_not_found(field: &'static str) -> Self {
        let mut problem = Self::not_found();
        let error = Violation::new("not_found", "does not exist or is not visible to you");
        problem.errors.push(error.at(field));
        problem
    }

    fn quota_exceeded(quota: Quota) -> Self {
        let (code, detail) = match quota {
            Quota::Bytes => (
                "user_bytes",
                "Your files have reached the size they may have in all.",
            ),
            Quota::Files => ("user_files", "You have as many files as you may have."),
        };
        let mut problem = Self::new(
            ProblemCode::QuotaExceeded,
            format!("{detail} Delete some first."),
        );
        let error = Violation::new(code, "exceeds your quota");
        problem.errors.push(error.at("file"));
        problem
    }

    fn thread_busy(run: Option<&Run>) -> Self {
        let sentence = match run.map(|run| run.status) {
            Some(RunStatus::RequiresAction) => {
                "The thread has a paused run. Act for it, or cancel it."
            }
            _ => "The thread has an active run. Wait for it to end.",
        };
        let problem = Self::new(ProblemCode::ThreadBusy, sentence);
        match run {
            Some(run) => problem.with_run(run),
            None => problem,
        }
    }

    fn duplicate(field: &'static str) -> Self {
        let error = Violation::new("duplicate", "is already taken").at(field);
        let mut problem = Self::new(
            ProblemCode::DuplicateResource,
            format!("This {field} is already taken."),
        );
        problem.errors.push(error);
        problem
    }
}
