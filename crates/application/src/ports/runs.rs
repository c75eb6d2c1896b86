use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{
    CachedRun, FinishReason, IdempotencyKey, Message, MessageKind, Run, RunError, RunErrorCode,
    RunEvent, RunEventKind, RunId, RunStatus, ThreadId, ThreadName, Usage,
};
use uuid::Uuid;

use super::{NewMessage, PortError};

/// Keeps the runs and writes the messages that they begin and end with.
///
/// A run in progress has a lease: the instance that works on it and until when that counts
/// without renewal. Whoever finds a lease run out may end the run; the former holder can then
/// write nothing more for it.
///
/// Every run has an event log, kept by [`RunEventRepository`](super::RunEventRepository): `start`
/// writes its first event, `Started`, and whatever ends the run the last ones, those of
/// [`FinishedRun::closing_events`].
#[async_trait]
pub trait RunRepository: Send + Sync {
    /// Stores the run, in progress under the lease, and its first message at the thread's next
    /// position. If the user has given the idempotency key before, nothing is stored and that
    /// run is returned, whether or not the thread is busy or still there.
    ///
    /// # Errors
    /// `NotFound` when the thread is gone, `Conflict(ActiveRunPerThread)`,
    /// `Conflict(ActiveRunsPerUser)`, `Conflict(IdempotencyKey)` when the key stood for another
    /// request.
    async fn start(&self, start: &RunStart) -> Result<SavedRun, PortError>;

    /// Moves the end of the leases that `holder` has on these runs; returns those of them that
    /// are still in progress under it.
    async fn renew(
        &self,
        holder: InstanceId,
        runs: &[RunId],
        expires_at: DateTime<Utc>,
    ) -> Result<Vec<RunId>, PortError>;

    /// Ends the run as `end` says: adds its messages at the thread's next positions, in the
    /// order given, and to its log those events of `end` that it does not have, and the closing
    /// ones.
    ///
    /// # Errors
    /// `NotFound` when the run is gone (its thread was deleted); `Conflict(RunLease)` when it
    /// has ended or another instance holds it.
    async fn finish(&self, end: &RunEnd) -> Result<FinishedRun, PortError>;

    /// Ends the run whoever holds it. What its log has of messages that were not completed
    /// becomes messages as [`SpokenMessages`](super::SpokenMessages) tells; the closing events
    /// are numbered as [`ForcedEnd::behind`] says. A run that has ended already is left as it is.
    /// Returns the run as it stands then.
    ///
    /// # Errors
    /// `NotFound`.
    async fn force_end(&self, run: RunId, end: &ForcedEnd) -> Result<Run, PortError>;

    /// Ends every run in progress that `abandoned` describes, as [`force_end`](Self::force_end)
    /// does; returns their ids. Their threads are free then.
    async fn interrupt(
        &self,
        abandoned: AbandonedRuns,
        end: &ForcedEnd,
    ) -> Result<Vec<RunId>, PortError>;

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
    /// What the thread is called from now on, unless it has a name that stays.
    pub thread_name: Option<ThreadName>,
    /// What the client calls the request, if it does.
    pub idempotency: Option<Idempotency>,
    /// How many runs in progress the run's user may have with it, however many start at once. A
    /// run of nobody has no limit.
    pub max_per_user: u32,
}

/// A request by the name that the client gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The name.
    pub key: IdempotencyKey,
    /// A hash of what is asked for: the same key with another one is refused.
    pub fingerprint: [u8; 32],
}

/// What became of a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SavedRun {
    /// The run was stored; this is its message as it stands in the thread.
    New(Message),
    /// The request was made before; this is the run that it started then.
    Known(Run),
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
    /// See [`Run::cache`].
    pub cache: Option<CachedRun>,
    /// See [`Run::finished_at`].
    pub finished_at: DateTime<Utc>,
    /// What the assistant said.
    pub messages: Vec<NewMessage>,
    /// Events that the log does not have yet.
    pub events: Vec<RunEvent>,
    /// The number of the log's last event, if the holder knows it: then every
    /// [`append`](super::RunEventRepository::append) for the run has been answered, and none is
    /// made before the run has ended. A store may save itself the trouble of looking.
    pub log_end: Option<u64>,
}

/// How a run ends that its holder does not end.
#[derive(Debug, Clone)]
pub struct ForcedEnd {
    /// Failed or cancelled.
    pub status: RunStatus,
    /// Why.
    pub error: RunError,
    /// When.
    pub finished_at: DateTime<Utc>,
}

impl ForcedEnd {
    /// How many numbers a forced end leaves out: more than an answer has bytes.
    const LEFT_OUT: u64 = 1_000_000_000;

    /// The end of a run that somebody calls off.
    #[must_use]
    pub fn cancelled(at: DateTime<Utc>) -> Self {
        Self {
            status: RunStatus::Cancelled,
            error: RunError::from(RunErrorCode::RunCancelled),
            finished_at: at,
        }
    }

    /// The end of a run that nobody carries out any more.
    #[must_use]
    pub fn interrupted(at: DateTime<Utc>) -> Self {
        Self {
            status: RunStatus::Failed,
            error: RunError::from(RunErrorCode::Interrupted),
            finished_at: at,
        }
    }

    /// Behind which number the closing events come in a log whose last stored event has number
    /// `last`. Whoever follows a run where it is worked on is told of events before they are
    /// stored; what was not stored when the end came has numbers too, and a number that anybody
    /// has seen must not come to mean something else, nor hide the end from them.
    #[must_use]
    pub const fn behind(last: u64) -> u64 {
        last.saturating_add(Self::LEFT_OUT)
    }
}

/// A run after its end.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedRun {
    /// The run.
    pub run: Run,
    /// The messages that its end added, as they stand in the thread.
    pub messages: Vec<Message>,
}

impl FinishedRun {
    /// The last events of the run's log, behind number `last`: each message but those of tools,
    /// of which the log has told already, then the end.
    #[must_use]
    pub fn closing_events(&self, last: u64) -> Vec<RunEvent> {
        let completed = self
            .messages
            .iter()
            .filter(|message| message.kind != MessageKind::Tool)
            .map(|message| RunEventKind::MessageCompleted {
                message: Box::new(message.clone()),
            });
        let ended = RunEventKind::Ended {
            run: Box::new(self.run.clone()),
            output: self.output(),
        };
        let kinds = completed.chain(std::iter::once(ended));
        let events = (last + 1..).zip(kinds);
        events
            .map(|(number, kind)| RunEvent { number, kind })
            .collect()
    }

    /// The answer of a run that completed: the text of its last message.
    #[must_use]
    pub fn output(&self) -> Option<String> {
        let is_complete = self.run.status == RunStatus::Completed;
        let last = self.messages.last().filter(|_| is_complete);
        last.map(|message| message.content.clone())
    }
}

/// Which runs in progress nobody works on any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbandonedRuns {
    /// Those whose lease ended before this moment.
    ExpiredBefore(DateTime<Utc>),
    /// Those of an instance that is known to be gone.
    HeldBy(InstanceId),
}
