use std::error::Error as StdError;

/// A cause, kept whole.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// How a port method may fail. Which of these a method promises is said at the method; any may
/// answer `Unavailable`, `Corrupt` or `Other`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PortError {
    /// A record that the method must change, or refers to, is not there.
    #[error("no such record")]
    NotFound,
    /// The write would break a uniqueness or ordering rule; nothing was written.
    #[error("conflict: {0:?}")]
    Conflict(Constraint),
    /// The other side cannot be reached or has no room now; the same call may succeed later.
    #[error("unavailable")]
    Unavailable(#[source] BoxError),
    /// What is stored does not fit the domain's rules.
    #[error("corrupt record: {table}.{column} of {row}")]
    Corrupt {
        /// Where it lies.
        table: &'static str,
        /// Which part of the record.
        column: &'static str,
        /// The record's key.
        row: String,
        /// What is wrong with it.
        #[source]
        source: BoxError,
    },
    /// Anything else; a fault of ours or of the adapter.
    #[error("port failure")]
    Other(#[source] BoxError),
}

impl PortError {
    /// Wraps a cause for which there is no better case.
    pub fn other(source: impl Into<BoxError>) -> Self {
        Self::Other(source.into())
    }

    /// Wraps a cause that is expected to pass.
    pub fn unavailable(source: impl Into<BoxError>) -> Self {
        Self::Unavailable(source.into())
    }
}

/// The rules that the stores hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Constraint {
    /// No two users have the same email, case aside.
    UserEmail,
    /// A password is changed from the one that was verified.
    UserPassword,
    /// There is always an active administrator, once there was one.
    LastAdministrator,
    /// A user has at most [`MAX_API_KEYS`](super::MAX_API_KEYS) API keys.
    ApiKeysPerUser,
    /// No two assistants have the same slug.
    AssistantSlug,
    /// An assistant is changed from the revision that was read.
    AssistantRevision,
    /// A thread has at most one run in progress.
    ActiveRunPerThread,
    /// A user has at most as many runs in progress as the start allows.
    ActiveRunsPerUser,
    /// Only the holder of a run's lease ends it, and only once.
    RunLease,
    /// One user's idempotency key always stands for the same request.
    IdempotencyKey,
}
