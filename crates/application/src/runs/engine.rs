//! Starts, cancels and stops runs.

use std::sync::Arc;
use std::time::Duration;

use colloquy_domain::{
    Actor, Assistant, Instructions, MessageContent, Run, RunEnding, RunErrorCode, RunId, ThreadId,
    ThreadName,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, Span};

use super::RunLimits;
use super::active::ActiveRuns;
use super::follow::RunReader;
use super::forced_end::force_end;
use super::outcome::{StartedRun, not_stored, summary};
use super::resume::ResumeJob;
use super::tool_set::ToolSources;
use crate::Error;
use crate::access::Access;
use crate::answers::Answers;
use crate::ports::{
    ChatModel, Clock, IdGenerator, Idempotency, InstanceId, MessageRepository, Observer,
    RunEventRepository, RunRepository, UserRepository,
};
use crate::schemas::SchemaChecker;
use crate::spans;

/// Carries runs out, each in a task of its own. Cloning gives another handle to the same engine.
#[derive(Clone)]
pub struct RunEngine {
    pub(super) inner: Arc<Inner>,
}

/// What the engine works with.
#[derive(Clone)]
pub(crate) struct RunEnginePorts {
    /// Keeps the runs.
    pub(crate) runs: Arc<dyn RunRepository>,
    /// Keeps their event logs.
    pub(crate) events: Arc<dyn RunEventRepository>,
    /// Says whether those who ask still may.
    pub(crate) users: Arc<dyn UserRepository>,
    /// Reads the history.
    pub(crate) messages: Arc<dyn MessageRepository>,
    /// Answers.
    pub(crate) model: Arc<dyn ChatModel>,
    /// Counts what becomes of runs.
    pub(crate) observer: Arc<dyn Observer>,
    /// Tells the time of everything that is stored.
    pub(crate) clock: Arc<dyn Clock>,
    /// Makes the ids of runs and messages.
    pub(crate) ids: Arc<dyn IdGenerator>,
}

pub(super) struct Inner {
    pub(super) ports: RunEnginePorts,
    /// Guards the assistants that others use as tools.
    pub(super) access: Access,
    pub(super) tool_sources: ToolSources,
    /// Checks what models say against schemas.
    pub(super) schemas: SchemaChecker,
    /// Knows what was answered before.
    pub(super) answers: Answers,
    pub(super) instance: InstanceId,
    pub(super) limits: RunLimits,
    pub(super) active: Arc<ActiveRuns>,
    pub(super) reader: RunReader,
    /// One for each run that may be worked on at once.
    slots: Arc<Semaphore>,
    /// One for each start that may be stored at once.
    pub(super) starts: Semaphore,
    /// One for each end that may be stored at once.
    pub(super) ends: Semaphore,
    /// Ends every run that has not ended by itself when the service stops.
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
}

/// What a run is made from.
#[derive(Debug, Clone)]
pub struct RunJob {
    /// Where.
    pub thread_id: ThreadId,
    /// See [`RunCommit::thread_name`](crate::ports::RunCommit::thread_name).
    pub thread_name: Option<ThreadName>,
    /// Who asks; their rights count for everything that happens in the run.
    pub actor: Actor,
    /// Who answers.
    pub assistant: Arc<Assistant>,
    /// See [`RunCommit::instructions`](crate::ports::RunCommit::instructions).
    pub instructions: Option<Instructions>,
    /// The question.
    pub content: MessageContent,
    /// What the client calls the request, if it does.
    pub idempotency: Option<Idempotency>,
    /// Whether the answer has to be a new one, and is for this run only.
    pub bypasses_cache: bool,
}

/// Where a task says what it began.
pub(super) type Begun = oneshot::Sender<Result<StartedRun, Error>>;

/// How long a run counts as worked on without a sign of life from its instance.
pub(super) const LEASE: Duration = Duration::from_secs(20);
/// How many ends are stored at once: somewhat more than a pool has connections.
const MAX_ENDS: usize = 16;
/// How many starts are: fewer than ends, so that under a flood no more runs begin than end.
const MAX_STARTS: usize = 12;
/// How long runs have to store their end once they are told to stop.
const STOP_TIME: Duration = Duration::from_secs(3);

impl RunEngine {
    /// An engine that holds its leases as `instance`.
    #[must_use]
    pub(crate) fn new(
        ports: RunEnginePorts,
        answers: Answers,
        access: Access,
        tool_sources: ToolSources,
        instance: InstanceId,
        limits: RunLimits,
    ) -> Self {
        let active = Arc::<ActiveRuns>::default();
        let reader = RunReader {
            active: Arc::clone(&active),
            runs: Arc::clone(&ports.runs),
            events: Arc::clone(&ports.events),
            messages: Arc::clone(&ports.messages),
        };
        Self {
            inner: Arc::new(Inner {
                ports,
                answers,
                access,
                tool_sources,
                schemas: SchemaChecker::default(),
                instance,
                limits,
                slots: Arc::new(Semaphore::new(limits.max_concurrent)),
                starts: Semaphore::new(MAX_STARTS),
                ends: Semaphore::new(MAX_ENDS),
                active,
                reader,
                stop: CancellationToken::new(),
                tasks: TaskTracker::new(),
            }),
        }
    }

    /// Saves the question and the run, and begins to answer. Once the save has begun neither it
    /// nor the run depends on the caller's future. A request that was made before, by its
    /// idempotency key, starts nothing and gives its run.
    ///
    /// # Errors
    /// `ThreadBusy`, `TooManyRuns`, `Overloaded`, `IdempotencyMismatch`, `NotFound` when the thread
    /// is gone, `Stopping`.
    pub async fn start(&self, job: RunJob) -> Result<StartedRun, Error> {
        // Made here, where its parent is known: the request's span.
        let span = spans::invoke_agent(&job.assistant, job.thread_id);
        let thread = job.thread_id;
        let started = self.launch(span, |inner, slot, started, span| {
            inner.begin(job, slot, started, span)
        });
        match started.await {
            Err(Error::ThreadBusy(None)) => Err(self.busy(thread).await),
            started => started,
        }
    }

    /// Takes a paused run up again with what it waited for, under the limits of a start.
    ///
    /// # Errors
    /// `RunNotPaused`, `Invalid` where what was submitted is not what the run waits for,
    /// `TooManyRuns`, `Overloaded`, `NotFound` when the thread is gone, `Stopping`.
    pub(super) async fn resume(&self, job: ResumeJob) -> Result<StartedRun, Error> {
        let span = spans::invoke_agent(&job.assistant, job.run.thread_id);
        let started = self.launch(span, |inner, slot, started, span| {
            inner.go_on(job, slot, started, span)
        });
        started.await
    }

    /// Gives `work` a task of its own, and waits until it says what it began.
    async fn launch<F>(
        &self,
        span: Span,
        work: impl FnOnce(Arc<Inner>, OwnedSemaphorePermit, Begun, Span) -> F,
    ) -> Result<StartedRun, Error>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if self.inner.tasks.is_closed() {
            return Err(Error::Stopping);
        }
        let slots = Arc::clone(&self.inner.slots);
        let slot = slots.try_acquire_owned().map_err(|_| Error::Overloaded)?;
        let (started, start) = oneshot::channel();
        let work = work(Arc::clone(&self.inner), slot, started, span.clone());
        // In the caller's span, too: the run's log lines name the request that it began with.
        let work = work.instrument(span).in_current_span();
        self.inner.tasks.spawn(work);
        start.await.map_err(|_| Error::Stopping)?
    }

    /// The refusal of a start in a thread that has an active run.
    pub(crate) async fn busy(&self, thread: ThreadId) -> Error {
        // No run begins while another is active: the active one is the newest.
        match self.inner.ports.runs.list(thread, None, 1).await {
            Ok(newest) => {
                let active = newest.into_iter().find(|run| run.status.is_active());
                Error::ThreadBusy(active.map(Box::new))
            }
            Err(error) => error.into(),
        }
    }

    /// How many runs this process works on.
    #[must_use]
    pub fn in_progress(&self) -> usize {
        self.inner.active.count()
    }

    /// Takes no new runs, gives those under way `grace` to end, then ends them as interrupted
    /// with what they have.
    pub async fn stop(&self, grace: Duration) {
        self.inner.tasks.close();
        let all_ended = self.inner.tasks.wait();
        if timeout(grace, all_ended).await.is_err() {
            self.inner.stop.cancel();
            let _ = timeout(STOP_TIME, self.inner.tasks.wait()).await;
        }
    }

    /// Ends the run, on whichever instance it is worked on, and returns it as it ended. One that
    /// has ended already is left as it is.
    ///
    /// # Errors
    /// `NotFound`.
    pub(super) async fn cancel(&self, run: RunId) -> Result<Run, Error> {
        if let Some(active) = self.inner.active.get(run) {
            active.stop(RunErrorCode::RunCancelled);
            let settled = tokio::select! {
                settled = self.inner.reader.settled(run) => settled?,
                () = active.store_is_away.cancelled() => return Err(not_stored()),
            };
            // Otherwise it had paused before it was told.
            if settled.finished_at.is_some() {
                return Ok(settled);
            }
        }
        let ports = &self.inner.ports;
        let now = ports.clock.now();
        let stores = (&*ports.runs, &*ports.events);
        match force_end(stores, run, |_| Some(RunEnding::cancelled(now))).await? {
            Some(ended) => {
                ports.observer.run_ended(summary(&ended));
                Ok(ended)
            }
            None => ports.runs.find(run).await?.ok_or(Error::NotFound),
        }
    }
}
