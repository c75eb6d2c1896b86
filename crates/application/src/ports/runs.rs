//! The port that keeps runs.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{
    IdempotencyKey, Instructions, Message, NewMessage, Run, RunEvent, RunId, ThreadId, ThreadName,
    UserId,
};
use uuid::Uuid;

use super::PortError;

/// Keeps runs, and writes the messages and events of their transitions.
///
/// A run in progress has a lease: the instance that works on it and until when that counts without
/// renewal. Whoever finds a lease run out may end the run; the former holder can then write nothing
/// more for it. A paused run has no lease.
///
/// Events between two transitions are added by
/// [`RunEventRepository::append`](super::RunEventRepository::append).
#[async_trait]
pub trait RunRepository: Send + Sync {
    /// Writes one transition of a run: its state, lease, messages and events, if the run is as
    /// expected. The messages are placed at the thread's next positions, in the order given.
    /// Events that the log has already, by their numbers, are left out. Of runs and messages that
    /// events tell of, the log keeps the ids only.
    ///
    /// # Errors
    /// `NotFound` when the run's thread is gone. For a new run `Conflict(ActiveRunPerThread)`,
    /// and `Conflict(IdempotencyKey)` when the key stood for another request; for one that begins or
    /// goes on `Conflict(ActiveRunsPerUser)`; otherwise `Conflict(RunLease)` when the run is not as
    /// expected.
    async fn commit(&self, commit: &RunCommit) -> Result<Committed, PortError>;

    /// Moves the end of the leases that `holder` has on these runs; returns those of them that
    /// are still in progress under it.
    async fn renew(
        &self,
        holder: InstanceId,
        runs: &[RunId],
        expires_at: DateTime<Utc>,
    ) -> Result<Vec<RunId>, PortError>;

    /// The active runs that `abandoned` describes.
    async fn abandoned(&self, abandoned: AbandonedRuns) -> Result<Vec<RunId>, PortError>;

    /// The run with its lease, if it is active; an ended or absent one is `None`.
    async fn active(&self, id: RunId) -> Result<Option<ActiveRun>, PortError>;

    /// The run of that id, in whichever thread; absent is `None`.
    async fn find(&self, id: RunId) -> Result<Option<Run>, PortError>;

    /// The run of that id in that thread; absent is `None`.
    async fn get(&self, thread: ThreadId, id: RunId) -> Result<Option<Run>, PortError>;

    /// At most `limit` runs of the thread that come after (are older than) `after`, newest first
    /// (by id, descending).
    async fn list(
        &self,
        thread: ThreadId,
        after: Option<RunId>,
        limit: u32,
    ) -> Result<Vec<Run>, PortError>;
}

/// One transition of a run: start, pause, resumption or end.
#[derive(Debug, Clone)]
pub struct RunCommit {
    /// The run as it stands afterwards.
    pub run: Run,
    /// What has to hold before.
    pub expected: Expected,
    /// Who works on the run afterwards; set exactly while it is in progress.
    pub lease: Option<Lease>,
    /// The messages that the transition adds to the thread.
    pub messages: Vec<NewMessage>,
    /// What the thread is called from now on, unless it has a name that stays.
    pub thread_name: Option<ThreadName>,
    /// Of a new run, the instructions that were made for its request; `None` if they are those of
    /// the assistant's revision.
    pub instructions: Option<Instructions>,
    /// The events that it adds to the log.
    pub events: Vec<RunEvent>,
}

/// What a transition expects of its run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// There is none yet. A user who has given the idempotency key before is given that run instead,
    /// whether or not the thread is busy or still there.
    New {
        /// What the client calls the request, if it does.
        idempotency: Option<Idempotency>,
        /// How many runs in progress the run's user may have with it, however many start at once.
        /// A run of nobody has no limit.
        max_per_user: u32,
    },
    /// It is in progress under a lease of this instance.
    HeldBy {
        /// The instance.
        holder: InstanceId,
        /// The number of the log's last event, if the holder knows it: then every
        /// [`append`](super::RunEventRepository::append) for the run has been answered, and none
        /// is made before the commit. A store may save itself the trouble of looking.
        log_end: Option<u64>,
    },
    /// It is active with the lease, or paused, and with the log that the caller has read.
    AsRead {
        /// The lease; none while the run is paused.
        lease: Option<Lease>,
        /// The number of the log's last event.
        log_end: u64,
    },
    /// It is paused, with the log that the caller has read, and goes on.
    Paused {
        /// The number of the log's last event.
        log_end: u64,
        /// How many runs in progress the run's user may have with it, as for a new one.
        max_per_user: u32,
    },
}

/// What became of a commit.
#[derive(Debug, Clone, PartialEq)]
pub enum Committed {
    /// It was written; these are its messages as they stand in the thread.
    Written(Vec<Message>),
    /// The request was made before; this is the run that it started then.
    Known(Run),
}

/// An active run as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveRun {
    /// The run.
    pub run: Run,
    /// Who works on it; nobody while it is paused.
    pub lease: Option<Lease>,
    /// See [`RunCommit::instructions`].
    pub instructions: Option<Instructions>,
}

/// A running process, as leases name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InstanceId(pub Uuid);

/// Who works on a run, and until when that counts without renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The instance.
    pub holder: InstanceId,
    /// The end, unless renewed.
    pub expires_at: DateTime<Utc>,
}

/// A request by the name that the client gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The name.
    pub key: IdempotencyKey,
    /// A hash of what is asked for: the same key with another one is refused.
    pub fingerprint: [u8; 32],
}

/// Which active runs somebody other than their holder ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbandonedRuns {
    /// Those in progress whose lease ended before this moment, and paused ones that waited until
    /// before it.
    OverdueAt(DateTime<Utc>),
    /// Those of an instance that is known to be gone.
    HeldBy(InstanceId),
    /// Those in progress of a user who has lost access.
    OfUser(UserId),
}

impl AbandonedRuns {
    /// Whether the active run is one of them: what a store's filter must agree with.
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
