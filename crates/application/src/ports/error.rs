//! Errors of the ports.

use std::error::Error as StdError;

/// A cause.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Errors of port methods. Each method documents its own; any may return `Unavailable`, `Corrupt`
/// or `Other`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PortError {
    /// A record to change, or referred to, is missing.
    #[error("no such record")]
    NotFound,
    /// A uniqueness or ordering rule refused the write. Nothing was written.
    #[error("conflict: {0:?}")]
    Conflict(Constraint),
    /// The other side cannot be reached, or is overloaded. A retry may succeed.
    #[error("unavailable")]
    Unavailable(#[source] BoxError),
    /// Stored data violates the domain's rules.
    #[error("corrupt record: {table}.{column} of {row}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The record's key.
        row: String,
        /// The violation.
        #[source]
        source: BoxError,
    },
    /// Any other failure of the adapter, or a bug.
    #[error("port failure")]
    Other(#[source] BoxError),
}

impl PortError {
    /// Wraps a cause that fits no other case.
    pub fn other(source: impl Into<BoxError>) -> Self {
        Self::Other(source.into())
    }

    /// Wraps a transient cause.
    pub fn unavailable(source: impl Into<BoxError>) -> Self {
        Self::Unavailable(source.into())
    }
}

/// Rules enforced by stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Constraint {
    /// Emails are unique, ignoring case.
    UserEmail,
    /// The password to replace is still the verified one.
    UserPassword,
    /// Once there is an administrator, an active one always remains.
    LastAdministrator,
    /// A user has at most [`MAX_API_KEYS`](super::MAX_API_KEYS) API keys.
    ApiKeysPerUser,
    /// Slugs are unique.
    AssistantSlug,
    /// Updates apply to the expected revision.
    AssistantRevision,
    /// A thread has at most one run in progress.
    ActiveRunPerThread,
    /// A user's runs in progress are limited.
    ActiveRunsPerUser,
    /// Only the lease holder ends a run, once.
    RunLease,
    /// A user's idempotency key identifies one request.
    IdempotencyKey,
    /// A start removes at most [`MAX_TRUNCATED`](super::MAX_TRUNCATED) messages.
    TruncatedMessages,
    /// A user's files and uploads are limited in number.
    FilesPerUser,
    /// A user's files are limited in bytes.
    FileBytesPerUser,
}
