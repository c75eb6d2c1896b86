//! Errors of the use cases.

use std::borrow::Cow;
use std::time::Duration;

use colloquy_domain::{Actor, FieldError, Run, RunError, ValidationError, Violation};

use crate::audit;
use crate::permissions::Decision;
use crate::ports::{Constraint, MAX_TRUNCATED, PortError};

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Sign-in is required, or the token is invalid.
    #[error("sign-in required")]
    Unauthenticated,
    /// Sign-in failed, for a reason that is not disclosed.
    #[error("wrong email or password")]
    InvalidCredentials,
    /// Too many wrong passwords; this one was not checked.
    #[error("too many wrong passwords")]
    TooManySignIns {
        /// When to retry.
        retry_after: Duration,
    },
    /// Too many model checks recently; this one was not made.
    #[error("too many model checks")]
    TooManyModelChecks {
        /// When to retry.
        retry_after: Duration,
    },
    /// Too many sign-ins are queued, for this client or in all.
    #[error("too many sign-ins are waiting")]
    TooManyWaiting,
    /// Not permitted; the sentence says why.
    #[error("forbidden: {0}")]
    Forbidden(Cow<'static, str>),
    /// Missing, or hidden from the actor.
    #[error("not found")]
    NotFound,
    /// An ID in this field or parameter is missing or hidden. Path IDs give `NotFound`.
    #[error("{0} not found")]
    ReferenceNotFound(&'static str),
    /// Invalid input, with the fields and rules.
    #[error("invalid input: {0}")]
    Invalid(ValidationError),
    /// Another record has this field's value.
    #[error("duplicate {0}")]
    Duplicate(&'static str),
    /// The assistant is defined in code and can only be changed there.
    #[error("the assistant is defined in code")]
    DefinedInCode,
    /// No active administrator would be left.
    #[error("the last active administrator")]
    LastAdministrator,
    /// The user's files have reached this quota.
    #[error("quota exceeded: {0:?}")]
    QuotaExceeded(Quota),
    /// The file is larger than any may be.
    #[error("the file is too large")]
    FileTooLarge,
    /// This instance has the maximum number of uploads in progress.
    #[error("too many uploads")]
    TooManyUploads,
    /// The user has the maximum number of API keys.
    #[error("too many API keys")]
    TooManyApiKeys,
    /// The thread has an active run: this one, unless it has just ended.
    #[error("the thread is busy")]
    ThreadBusy(Option<Box<Run>>),
    /// The run does not wait for what was submitted: it is in progress, has ended, waits for
    /// something else, or another submission came first.
    #[error("the run is not paused for this")]
    RunNotPaused(Box<Run>),
    /// The run was paused and not resumed in time.
    #[error("the run has expired")]
    RunExpired(Box<Run>),
    /// The user has the maximum number of runs in progress.
    #[error("too many runs in progress")]
    TooManyRuns,
    /// This instance has the maximum number of runs in progress.
    #[error("no room for another run")]
    Overloaded,
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyMismatch,
    /// The record's revision is not the expected one. Nothing was written.
    #[error("the record was changed meanwhile")]
    RevisionConflict,
    /// The run failed. Its message is kept.
    #[error("the run failed: {}", .0.error.message)]
    RunFailed(Box<RunFailure>),
    /// The service is stopping.
    #[error("the service is stopping")]
    Stopping,
    /// A port failed.
    #[error(transparent)]
    Port(PortError),
}

/// A quota of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// Bytes of files.
    Bytes,
    /// Number of files.
    Files,
}

/// A failed run, as reported to its waiters.
#[derive(Debug)]
pub struct RunFailure {
    /// The run, ended.
    pub run: Run,
    /// Why it failed.
    pub error: RunError,
    /// The provider's `Retry-After`.
    pub retry_after: Option<Duration>,
}

impl From<PortError> for Error {
    fn from(error: PortError) -> Self {
        match error {
            PortError::NotFound => Self::NotFound,
            PortError::Conflict(Constraint::UserEmail) => Self::Duplicate("email"),
            PortError::Conflict(Constraint::UserPassword) => Self::InvalidCredentials,
            PortError::Conflict(Constraint::LastAdministrator) => Self::LastAdministrator,
            PortError::Conflict(Constraint::ApiKeysPerUser) => Self::TooManyApiKeys,
            PortError::Conflict(Constraint::AssistantSlug) => Self::Duplicate("slug"),
            PortError::Conflict(Constraint::AssistantRevision) => Self::RevisionConflict,
            PortError::Conflict(Constraint::ActiveRunPerThread) => Self::ThreadBusy(None),
            PortError::Conflict(Constraint::ActiveRunsPerUser) => Self::TooManyRuns,
            PortError::Conflict(Constraint::FileBytesPerUser) => Self::QuotaExceeded(Quota::Bytes),
            PortError::Conflict(Constraint::FilesPerUser) => Self::QuotaExceeded(Quota::Files),
            PortError::Conflict(Constraint::IdempotencyKey) => Self::IdempotencyMismatch,
            PortError::Conflict(Constraint::TruncatedMessages) => {
                let sentence = format!("is followed by more than {MAX_TRUNCATED} messages");
                Violation::new("too_many", sentence)
                    .at("truncate_after")
                    .into()
            }
            other => Self::Port(other),
        }
    }
}

impl From<ValidationError> for Error {
    fn from(error: ValidationError) -> Self {
        Self::Invalid(error)
    }
}

impl From<FieldError> for Error {
    fn from(error: FieldError) -> Self {
        Self::Invalid(error.into())
    }
}

impl Error {
    /// Names the field whose ID was not found.
    pub(crate) fn of_reference(self, field: &'static str) -> Self {
        match self {
            Self::NotFound => Self::ReferenceNotFound(field),
            other => other,
        }
    }
}

impl Decision {
    /// Converts a refusal into its error.
    ///
    /// # Errors
    /// `Unauthenticated`, `Forbidden` or `NotFound`.
    pub fn require(self) -> Result<(), Error> {
        match self {
            Self::Allow => Ok(()),
            Self::Unauthenticated => Err(Error::Unauthenticated),
            Self::Forbidden(reason) => Err(Error::Forbidden(reason)),
            Self::Hidden => Err(Error::NotFound),
        }
    }

    /// [`require`](Self::require), with an audit line for a refusal.
    pub(crate) fn require_of(self, actor: &Actor, action: &'static str) -> Result<(), Error> {
        let reason = match &self {
            Self::Allow => None,
            Self::Unauthenticated => Some("unauthenticated"),
            Self::Forbidden(_) => Some("forbidden"),
            Self::Hidden => Some("hidden"),
        };
        if let Some(reason) = reason {
            audit::access_denied(actor, action, reason);
        }
        self.require()
    }
}
