//! Port: runs.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{
    IdempotencyKey, Instructions, Message, NewMessage, Run, RunEvent, RunId, ThreadId, ThreadName,
    UserId,
};
use uuid::Uuid;

use super::PortError;

/// Stores runs, and the messages and events of their transitions.
///
/// A run in progress has a lease: the instance that works on it, and an expiry unless renewed.
/// After that anybody may end the run, and the former holder can write nothing more for it. A
/// paused run has no lease.
///
/// [`RunEventRepository::append`](super::RunEventRepository::append) adds events between
/// transitions.
#[async_trait]
pub trait RunRepository: Send + Sync {
    /// Writes one transition, if the run is as expected: state, lease, messages and events. The
    /// messages get the thread's next positions, in order. Skips events that the log has, by
    /// number. Of runs and messages in events, the log stores IDs only.
    ///
    /// # Errors
    /// `NotFound` when the run's thread is gone. For a new run `Conflict(ActiveRunPerThread)`,
    /// `Conflict(IdempotencyKey)` when the key stood for another request, and
    /// `Conflict(TruncatedMessages)` when more than [`MAX_TRUNCATED`] would be removed; for one that
    /// begins or goes on `Conflict(ActiveRunsPerUser)`; otherwise `Conflict(RunLease)` when the run is
    /// not as expected.
    async fn commit(&self, commit: &RunCommit) -> Result<Committed, PortError>;

    /// Extends `holder`'s leases on these runs. Returns those still in progress under it.
    async fn renew(
        &self,
        holder: InstanceId,
        runs: &[RunId],
        expires_at: DateTime<Utc>,
    ) -> Result<Vec<RunId>, PortError>;

    /// The active runs that `abandoned` describes.
    async fn abandoned(&self, abandoned: AbandonedRuns) -> Result<Vec<RunId>, PortError>;

    /// The run and its lease; `None` unless active.
    async fn active(&self, id: RunId) -> Result<Option<ActiveRun>, PortError>;

    /// The run, in any thread; `None` if missing.
    async fn find(&self, id: RunId) -> Result<Option<Run>, PortError>;

    /// The run in that thread; `None` if missing.
    async fn get(&self, thread: ThreadId, id: RunId) -> Result<Option<Run>, PortError>;

    /// At most `limit` runs of the thread that come after (are older than) `after`, newest first
    /// (by id, descending). Without their settings, which may be long.
    async fn list(
        &self,
        thread: ThreadId,
        after: Option<RunId>,
        limit: u32,
    ) -> Result<Vec<Run>, PortError>;
}

/// How many messages a start may remove from its thread: as many as one transaction removes without
/// holding others up.
pub const MAX_TRUNCATED: u32 = 2_000;

/// One transition of a run: start, pause, resumption or end.
#[derive(Debug, Clone)]
pub struct RunCommit {
    /// The run afterwards.
    pub run: Run,
    /// The expected state before.
    pub expected: Expected,
    /// The lease afterwards; set exactly while in progress.
    pub lease: Option<Lease>,
    /// Messages added to the thread.
    pub messages: Vec<NewMessage>,
    /// The thread's new name, unless its name is final.
    pub thread_name: Option<ThreadName>,
    /// A new run's instructions for its request; `None` for those of the assistant's revision.
    pub instructions: Option<Instructions>,
    /// Of a new run, the position behind which the thread's messages are removed first, with what
    /// the logs of their runs tell of them.
    pub truncate_after: Option<u64>,
    /// The events that it adds to the log.
    pub events: Vec<RunEvent>,
}

/// The expected state of a run before a transition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// No run yet. If the user has used the idempotency key before, that run is returned, even if
    /// the thread is busy or gone.
    New {
        /// The client's idempotency key, if any.
        idempotency: Option<Idempotency>,
        /// Maximum of the user's runs in progress, including this one, also under concurrent
        /// starts. No limit without a user.
        max_per_user: u32,
    },
    /// In progress under this instance's lease.
    HeldBy {
        /// The lease holder.
        holder: InstanceId,
        /// The number of the log's last event, if known: then no
        /// [`append`](super::RunEventRepository::append) is pending, and a store need not look it
        /// up.
        log_end: Option<u64>,
    },
    /// Active, with the lease and log as read.
    AsRead {
        /// The lease; `None` if paused.
        lease: Option<Lease>,
        /// The number of the log's last event.
        log_end: u64,
    },
    /// Paused, with the log as read; to be resumed.
    Paused {
        /// The number of the log's last event.
        log_end: u64,
        /// Maximum of the user's runs in progress, including this one.
        max_per_user: u32,
    },
}

/// Result of a commit.
#[derive(Debug, Clone, PartialEq)]
pub enum Committed {
    /// Written, with the messages as in the thread.
    Written(Vec<Message>),
    /// The run that the same request started before.
    Known(Run),
}

/// A stored active run.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveRun {
    /// The run.
    pub run: Run,
    /// The lease; `None` if paused.
    pub lease: Option<Lease>,
    /// See [`RunCommit::instructions`].
    pub instructions: Option<Instructions>,
}

/// Identifies a running process in leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InstanceId(pub Uuid);

/// Who works on a run, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The instance.
    pub holder: InstanceId,
    /// Expiry unless renewed.
    pub expires_at: DateTime<Utc>,
}

/// A client's idempotency key and request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The key.
    pub key: IdempotencyKey,
    /// Hash of the request: the key with another one is refused.
    pub fingerprint: [u8; 32],
}

/// Active runs that somebody other than their holder ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbandonedRuns {
    /// In progress with a lease that expired before this time, or paused with a deadline before it.
    OverdueAt(DateTime<Utc>),
    /// Runs of an instance that is known to be gone.
    HeldBy(InstanceId),
    /// In progress for a user who lost access.
    OfUser(UserId),
}

impl AbandonedRuns {
    /// Whether this covers the run. Stores' filters must agree.
    #[must_use]
    pub fn contains(self, active: &ActiveRun) -> bool {
        match self {
            Self::OverdueAt(moment) => {
                let lease = active.lease.map(|lease| lease.expires_at);
                [lease, active.run.expires_at]
                    .into_iter()
                    .flatten()
                    .any(|end| end < moment)
            }
            Self::HeldBy(instance) => active.lease.is_some_and(|lease| lease.holder == instance),
            Self::OfUser(user) => active.lease.is_some() && active.run.user_id == Some(user),
        }
    }
}
