//! Starts, cancels and stops runs.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use colloquy_domain::{
    Actor, Assistant, Instructions, Message, MessageContent, MessageKind, Run, RunEnding,
    RunErrorCode, RunId, RunSettings, ThreadId, ThreadName,
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
    ChatModel, Clock, HealthCheck, IdGenerator, Idempotency, InstanceId, MessageRepository,
    Observer, PortError, RunEventRepository, RunRepository, UserRepository,
};
use crate::schemas::SchemaChecker;
use crate::spans;

/// Executes runs, each in its own task. Clones share the engine.
#[derive(Clone)]
pub struct RunEngine {
    pub(super) inner: Arc<Inner>,
}

/// The engine's ports.
#[derive(Clone)]
pub(crate) struct RunEnginePorts {
    pub(crate) runs: Arc<dyn RunRepository>,
    pub(crate) events: Arc<dyn RunEventRepository>,
    /// Users, to check that they keep their access.
    pub(crate) users: Arc<dyn UserRepository>,
    pub(crate) messages: Arc<dyn MessageRepository>,
    pub(crate) model: Arc<dyn ChatModel>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdGenerator>,
}

pub(super) struct Inner {
    pub(super) ports: RunEnginePorts,
    /// Access to assistants as tools.
    pub(super) access: Access,
    pub(super) tool_sources: ToolSources,
    /// Output schemas and tool arguments.
    pub(super) schemas: SchemaChecker,
    pub(super) answers: Answers,
    pub(super) instance: InstanceId,
    pub(super) limits: RunLimits,
    pub(super) active: Arc<ActiveRuns>,
    pub(super) reader: RunReader,
    /// Caps concurrent runs.
    slots: Arc<Semaphore>,
    /// Caps concurrent writes of starts.
    pub(super) starts: Semaphore,
    /// Caps concurrent writes of ends.
    pub(super) ends: Semaphore,
    /// Interrupts the remaining runs on shutdown.
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
}

/// A run to start.
#[derive(Debug, Clone)]
pub struct RunJob {
    /// The thread.
    pub thread_id: ThreadId,
    /// See [`RunCommit::thread_name`](crate::ports::RunCommit::thread_name).
    pub thread_name: Option<ThreadName>,
    /// The caller, whose rights apply throughout the run.
    pub actor: Actor,
    /// The assistant.
    pub assistant: Arc<Assistant>,
    /// See [`RunCommit::instructions`](crate::ports::RunCommit::instructions).
    pub instructions: Option<Instructions>,
    /// The messages that come with it, in order.
    pub messages: Vec<StartMessage>,
    /// The person's message that it answers where none comes with it.
    pub earlier: Option<Message>,
    /// See [`RunCommit::truncate_after`](crate::ports::RunCommit::truncate_after).
    pub truncate_after: Option<u64>,
    /// What the request asks of the run; applied to `assistant` as far as an assistant can say so.
    pub settings: Option<Box<RunSettings>>,
    /// What the client calls the request, if it does.
    pub idempotency: Option<Idempotency>,
    /// Whether to bypass the answer cache.
    pub bypasses_cache: bool,
}

/// A message that comes with a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartMessage {
    /// Who speaks: a person or an assistant.
    pub kind: MessageKind,
    /// What is said.
    pub content: MessageContent,
}

/// Where a task says what it began.
pub(super) type Begun = oneshot::Sender<Result<StartedRun, Error>>;

/// Lease duration.
pub(super) const LEASE: Duration = Duration::from_secs(20);
/// Concurrent writes of ends: slightly more than a pool has connections.
const MAX_ENDS: usize = 16;
/// Concurrent writes of starts: fewer than ends, so that a flood does not accumulate runs.
const MAX_STARTS: usize = 12;
/// An end may wait this long for the store; then the service is not ready.
const UNSTORED: Duration = Duration::from_secs(2);
/// Time to store ends on shutdown.
const STOP_TIME: Duration = Duration::from_secs(3);

impl RunEngine {
    /// An engine that holds leases as `instance`.
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

    /// Stores the message and run and begins to answer. Once storing has begun, dropping the future
    /// has no effect. A request repeated with its idempotency key returns the first run.
    ///
    /// # Errors
    /// `ThreadBusy`, `TooManyRuns`, `Overloaded`, `IdempotencyMismatch`, `NotFound` if the thread
    /// is gone, `Stopping`.
    pub async fn start(&self, job: RunJob) -> Result<StartedRun, Error> {
        // Created here, so that the request's span is its parent.
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

    /// Resumes a paused run with the submission, under the limits of a start.
    ///
    /// # Errors
    /// `RunNotPaused`, `Invalid` for an unexpected submission, `TooManyRuns`, `Overloaded`,
    /// `NotFound` if the thread is gone, `Stopping`.
    pub(super) async fn resume(&self, job: ResumeJob) -> Result<StartedRun, Error> {
        let span = spans::invoke_agent(&job.assistant, job.run.thread_id);
        let started = self.launch(span, |inner, slot, started, span| {
            inner.go_on(job, slot, started, span)
        });
        started.await
    }

    /// Spawns `work`, and waits until it reports what it began.
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
        // Also within the caller's span: the run's log lines name the request.
        let work = work.instrument(span).in_current_span();
        self.inner.tasks.spawn(work);
        start.await.map_err(|_| Error::Stopping)?
    }

    /// The error for a start in a thread with an active run.
    pub(crate) async fn busy(&self, thread: ThreadId) -> Error {
        // The active run is always the newest.
        match self.inner.ports.runs.list(thread, None, 1).await {
            Ok(newest) => {
                let active = newest.into_iter().find(|run| run.status.is_active());
                Error::ThreadBusy(active.map(Box::new))
            }
            Err(error) => error.into(),
        }
    }

    /// Number of runs in progress in this process.
    #[must_use]
    pub fn in_progress(&self) -> usize {
        self.inner.active.count()
    }

    /// Refuses new runs, gives current ones `grace` to end, then interrupts them, keeping partial
    /// answers.
    pub async fn stop(&self, grace: Duration) {
        self.inner.tasks.close();
        let all_ended = self.inner.tasks.wait();
        if timeout(grace, all_ended).await.is_err() {
            self.inner.stop.cancel();
            let _ = timeout(STOP_TIME, self.inner.tasks.wait()).await;
        }
    }

    /// Cancels the run, on whichever instance it is. Returns the ended run; one that had ended is
    /// unchanged.
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
            // Otherwise it paused before it was cancelled.
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

/// Ends that cannot be stored keep their threads busy.
#[async_trait]
impl HealthCheck for RunEngine {
    fn name(&self) -> &'static str {
        "runs"
    }

    async fn check(&self) -> Result<(), PortError> {
        if self.inner.active.has_end_unstored_for(UNSTORED) {
            return Err(PortError::unavailable("the end of a run is not stored"));
        }
        Ok(())
    }
}
