use std::borrow::Cow;
use std::time::Duration;

use colloquy_domain::{Actor, FieldError, Run, RunError, ValidationError};

use crate::audit;
use crate::permissions::Decision;
use crate::ports::{Constraint, PortError};

/// Why a use case did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The actor must sign in first, or their token does not count.
    #[error("sign-in required")]
    Unauthenticated,
    /// Signing in failed; for which reason stays unsaid.
    #[error("wrong email or password")]
    InvalidCredentials,
    /// Too many wrong passwords of late; this one was not looked at.
    #[error("too many wrong passwords")]
    TooManySignIns {
        /// When to come back.
        retry_after: Duration,
    },
    /// Too many checks of models of late; this one was not made.
    #[error("too many checks of models")]
    TooManyModelChecks {
        /// When to come back.
        retry_after: Duration,
    },
    /// Too many sign-ins wait for their turn, of this client or in all.
    #[error("too many sign-ins wait")]
    TooManyWaiting,
    /// The actor may not; the sentence says why.
    #[error("forbidden: {0}")]
    Forbidden(Cow<'static, str>),
    /// There is no such thing, or the actor may not know of it.
    #[error("not found")]
    NotFound,
    /// What the request names in this field or parameter is not there, or the actor may not know of
    /// it. What the path names first is `NotFound`.
    #[error("{0} not found")]
    ReferenceNotFound(&'static str),
    /// The input breaks rules; each is named with its field.
    #[error("invalid input: {0}")]
    Invalid(ValidationError),
    /// Another record has this field's value already.
    #[error("duplicate {0}")]
    Duplicate(&'static str),
    /// The assistant is defined in code, and changed there.
    #[error("the assistant is defined in code")]
    DefinedInCode,
    /// No active administrator would be left.
    #[error("the last active administrator")]
    LastAdministrator,
    /// The user has as many API keys as they may have.
    #[error("too many API keys")]
    TooManyApiKeys,
    /// The thread has a run in progress.
    #[error("the thread is busy")]
    ThreadBusy,
    /// The user has as many runs in progress as they may have.
    #[error("too many runs in progress")]
    TooManyRuns,
    /// The service works on as many runs as it takes at once.
    #[error("no room for another run")]
    Overloaded,
    /// The idempotency key stood for another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyMismatch,
    /// The record is not the one that the caller expects; nothing was written.
    #[error("the record was changed meanwhile")]
    RevisionConflict,
    /// The run was carried out and failed; the message that began it is kept.
    #[error("the run failed: {}", .0.error.message)]
    RunFailed(Box<RunFailure>),
    /// The service takes no new work because it is about to stop.
    #[error("the service is stopping")]
    Stopping,
    /// A store or another port failed.
    #[error(transparent)]
    Port(PortError),
}

/// A run that failed, as the one who waited for it learns of it.
#[derive(Debug)]
pub struct RunFailure {
    /// The run, ended.
    pub run: Run,
    /// Why it failed.
    pub error: RunError,
    /// How long the provider asks to be left alone.
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
            PortError::Conflict(Constraint::ActiveRunPerThread) => Self::ThreadBusy,
            PortError::Conflict(Constraint::ActiveRunsPerUser) => Self::TooManyRuns,
            PortError::Conflict(Constraint::IdempotencyKey) => Self::IdempotencyMismatch,
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
    /// Says which of a request's ids is not found.
    pub(crate) fn of_reference(self, field: &'static str) -> Self {
        match self {
            Self::NotFound => Self::ReferenceNotFound(field),
            other => other,
        }
    }
}

impl Decision {
    /// Turns a refusal into the error that says so.
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

    /// [`require`](Self::require), and a line in the audit log when the actor is refused.
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
