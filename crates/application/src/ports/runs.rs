use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{FinishReason, Message, Run, RunError, RunId, RunStatus, ThreadId, Usage};
use uuid::Uuid;

use super::{NewMessage, PortError};

/// Keeps the runs and writes the messages that they begin and end with.
///
/// A run in progress has a lease: the instance that works on it and until when that counts
/// without renewal. Whoever finds a lease run out may end the run; the former holder can then
/// write nothing more for it.
#[async_trait]
pub trait RunRepository: Send + Sync {
    /// Stores the run, in progress under the lease, and its first message at the thread's next
    /// position; returns the message as it stands in the thread.
    ///
    /// # Errors
    /// `NotFound` when the thread is gone, `Conflict(ActiveRunPerThread)`.
    async fn start(&self, start: &RunStart) -> Result<Message, PortError>;

    /// Moves the end of the leases that `holder` has on these runs; returns those of them that
    /// are still in progress under it.
    async fn renew(
        &self,
        holder: InstanceId,
        runs: &[RunId],
        expires_at: DateTime<Utc>,
    ) -> Result<Vec<RunId>, PortError>;

    /// Ends the run as `end` says and adds its messages at the thread's next positions, in the
    /// order given.
    ///
    /// # Errors
    /// `NotFound` when the run is gone (its thread was deleted); `Conflict(RunLease)` when it
    /// has ended or another instance holds it.
    async fn finish(&self, end: &RunEnd) -> Result<FinishedRun, PortError>;

    /// Ends every run in progress that `abandoned` describes, as `failed` with that error;
    /// returns their ids. Their threads are free then.
    async fn interrupt(
        &self,
        abandoned: AbandonedRuns,
        error: &RunError,
        finished_at: DateTime<Utc>,
    ) -> Result<Vec<RunId>, PortError>;

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

/// What a run begins with.
#[derive(Debug, Clone)]
pub struct RunStart {
    /// The run, in progress.
    pub run: Run,
    /// Who works on it.
    pub lease: Lease,
    /// What it answers.
    pub message: NewMessage,
}

/// What a run ends with.
#[derive(Debug, Clone)]
pub struct RunEnd {
    /// Which run.
    pub run_id: RunId,
    /// Who worked on it.
    pub holder: InstanceId,
    /// Any status but in progress.
    pub status: RunStatus,
    /// See [`Run::finish_reason`].
    pub finish_reason: Option<FinishReason>,
    /// See [`Run::error`].
    pub error: Option<RunError>,
    /// See [`Run::usage`].
    pub usage: Option<Usage>,
    /// See [`Run::finished_at`].
    pub finished_at: DateTime<Utc>,
    /// What the assistant said.
    pub messages: Vec<NewMessage>,
}

/// A run after its end.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedRun {
    /// The run.
    pub run: Run,
    /// The messages that its end added, as they stand in the thread.
    pub messages: Vec<Message>,
}

/// Which runs in progress nobody works on any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbandonedRuns {
    /// Those whose lease ended before this moment.
    ExpiredBefore(DateTime<Utc>),
    /// Those of an instance that is known to be gone.
    HeldBy(InstanceId),
}
