use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use colloquy_domain::{
    Actor, Assistant, MessageContent, MessageId, MessageKind, MessageStatus, OutputFormat, Run,
    RunErrorCode, RunEventKind, RunId, RunStatus, ThreadId, ThreadName,
};
use futures_util::FutureExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, Span};

use super::RunLimits;
use super::active::{ActiveRun, ActiveRuns};
use super::follow::RunFollower;
use super::log::RunLog;
use super::outcome::{Outcome, StartedRun, not_stored, summary};
use crate::Error;
use crate::access::Access;
use crate::answers::Answers;
use crate::ports::{
    ChatModel, Clock, ForcedEnd, IdGenerator, Idempotency, InstanceId, Lease, MessageRepository,
    NewMessage, Observer, PortError, RunEventRepository, RunRepository, RunStart, SavedRun,
    UserRepository,
};
use crate::schemas::SchemaChecker;
use crate::spans;
use crate::tools::Toolbox;

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
    pub(super) toolbox: Toolbox,
    /// Checks what models say against schemas.
    pub(super) schemas: SchemaChecker,
    /// Knows what was answered before.
    pub(super) answers: Answers,
    pub(super) instance: InstanceId,
    pub(super) limits: RunLimits,
    pub(super) active: ActiveRuns,
    /// One for each run that may be worked on at once.
    slots: Arc<Semaphore>,
    /// One for each run whose start may be stored at once.
    starting: Semaphore,
    /// One for each run whose end may be stored at once.
    pub(super) storing: Semaphore,
    /// Ends every run that has not ended by itself when the service stops.
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
}

/// What a run is made from.
#[derive(Debug, Clone)]
pub struct RunJob {
    /// Where.
    pub thread_id: ThreadId,
    /// See [`RunStart::thread_name`].
    pub thread_name: Option<ThreadName>,
    /// Who asks; their rights count for everything that happens in the run.
    pub actor: Actor,
    /// Who answers.
    pub assistant: Arc<Assistant>,
    /// The question.
    pub content: MessageContent,
    /// What the client calls the request, if it does.
    pub idempotency: Option<Idempotency>,
    /// Whether the answer has to be a new one, and is for this run only.
    pub bypasses_cache: bool,
}

/// How long a run counts as worked on without a sign of life from its instance.
pub(super) const LEASE: Duration = Duration::from_secs(20);
/// The first wait before a run is ended whose start the store did not confirm; the next are twice
/// as long each, up to a second: a thread is not to be busy for longer once the store is back.
const DISOWN_BACKOFF: Duration = Duration::from_millis(250);
const LONGEST_DISOWN_BACKOFF: Duration = Duration::from_secs(1);
/// How many ends are stored at once: somewhat more than a pool has connections.
const STORING: usize = 16;
/// How many starts are: fewer than ends, so that under a flood no more runs begin than end.
const STARTING: usize = 12;
/// How long a start waits until it may be stored; together with what the store may take, it is
/// answered within five seconds.
const START_TIME: Duration = Duration::from_millis(800);
/// How long runs have to store their end once they are told to stop.
const STOP_TIME: Duration = Duration::from_secs(3);

impl RunEngine {
    /// An engine that holds its leases as `instance`.
    #[must_use]
    pub(crate) fn new(
        ports: RunEnginePorts,
        answers: Answers,
        access: Access,
        toolbox: Toolbox,
        instance: InstanceId,
        limits: RunLimits,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                ports,
                answers,
                access,
                toolbox,
                schemas: SchemaChecker::default(),
                instance,
                limits,
                slots: Arc::new(Semaphore::new(limits.max_concurrent)),
                starting: Semaphore::new(STARTING),
                storing: Semaphore::new(STORING),
                active: ActiveRuns::default(),
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
        if self.inner.tasks.is_closed() {
            return Err(Error::Stopping);
        }
        let slots = Arc::clone(&self.inner.slots);
        let slot = slots.try_acquire_owned().map_err(|_| Error::Overloaded)?;
        let (started, start) = oneshot::channel();
        let inner = Arc::clone(&self.inner);
        // Made here, where its parent is known: the request's span.
        let span = spans::invoke_agent(&job.assistant, job.thread_id);
        let run = inner.begin(job, slot, started, span.clone());
        // In the caller's span, too: the run's log lines name the request that it began with.
        let run = run.instrument(span).in_current_span();
        self.inner.tasks.spawn(run);
        start.await.map_err(|_| Error::Stopping)?
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
            let ended = RunFollower::new(Arc::clone(&self.inner), run, 0).end();
            return tokio::select! {
                ended = ended => ended,
                () = active.store_is_away.cancelled() => Err(not_stored()),
            };
        }
        let end = ForcedEnd::cancelled(self.inner.ports.clock.now());
        let ended = self.inner.ports.runs.force_end(run, &end).await?;
        // Not one that has ended meanwhile.
        if ended.status == end.status {
            self.inner.ports.observer.run_ended(summary(&ended));
        }
        Ok(ended)
    }
}

impl Inner {
    /// The whole life of a run: a task.
    async fn begin(
        self: Arc<Self>,
        job: RunJob,
        _slot: OwnedSemaphorePermit,
        started: oneshot::Sender<Result<StartedRun, Error>>,
        invocation: Span,
    ) {
        let id = RunId::from_uuid(self.ports.ids.next_id());
        let (run, message) = match self.save(id, &job).await {
            Ok((run, SavedRun::New(message))) => (run, message),
            Ok((_, SavedRun::Known(run))) => {
                spans::is_run(&invocation, &run);
                let _ = started.send(Ok(self.started(run, None)));
                return;
            }
            Err(error) => {
                spans::failed(&invocation, "not_started");
                let is_unknown = matches!(error, Error::Port(PortError::Unavailable(_)));
                let _ = started.send(Err(error));
                if is_unknown {
                    self.disown(id).await;
                }
                return;
            }
        };
        spans::is_run(&invocation, &run);
        let active = Arc::new(ActiveRun::new(
            run.id,
            job.actor.clone(),
            job.assistant.id,
            RunLog::started(RunEventKind::Started {
                run: Box::new(run.clone()),
                message: Box::new(message.clone()),
            }),
        ));
        self.active.insert(Arc::clone(&active));
        let (ended, end) = oneshot::channel();
        // Whoever asked may be gone; the run goes on.
        let outcome = Outcome {
            end,
            store_is_away: active.store_is_away.clone(),
        };
        let _ = started.send(Ok(self.started(run.clone(), Some(outcome))));
        let span = span(&run, &job.assistant);
        let work = self.carry_out(&active, run, message, &job);
        // Even a panic at its very end must leave the run's thread free and its readers told.
        let work = AssertUnwindSafe(work.instrument(span)).catch_unwind();
        let Ok(outcome) = work.await else {
            spans::failed(&invocation, "panicked");
            self.let_go(&active);
            drop(ended);
            self.disown(id).await;
            return;
        };
        match &outcome {
            Ok(outcome) => spans::ended(&invocation, &outcome.run),
            Err(_) => spans::failed(&invocation, "not_stored"),
        }
        let _ = ended.send(outcome);
    }

    fn started(self: &Arc<Self>, run: Run, outcome: Option<Outcome>) -> StartedRun {
        StartedRun {
            run,
            is_replay: outcome.is_none(),
            engine: Arc::clone(self),
            outcome,
        }
    }

    /// Works on the run no longer: who follows it reads the store from now on.
    pub(super) fn let_go(&self, active: &ActiveRun) {
        self.active.remove(active.id);
        active.log.close();
    }

    async fn save(&self, id: RunId, job: &RunJob) -> Result<(Run, SavedRun), Error> {
        let ports = &self.ports;
        let now = ports.clock.now();
        let run = Run {
            id,
            thread_id: job.thread_id,
            assistant_id: job.assistant.id,
            user_id: job.actor.user_id(),
            output_format: match job.assistant.output_schema {
                Some(_) => OutputFormat::Json,
                None => OutputFormat::Text,
            },
            status: RunStatus::InProgress,
            finish_reason: None,
            error: None,
            usage: None,
            cache: None,
            created_at: now,
            finished_at: None,
        };
        let message = NewMessage {
            id: MessageId::from_uuid(ports.ids.next_id()),
            kind: MessageKind::Human,
            content: job.content.as_str().to_owned(),
            reasoning: None,
            status: MessageStatus::Completed,
            tool_call: None,
            assistant_id: Some(job.assistant.id),
            created_at: now,
        };
        let lease = Lease {
            holder: self.instance,
            expires_at: now + LEASE,
        };
        let start = RunStart {
            run,
            lease,
            message,
            thread_name: job.thread_name.clone(),
            idempotency: job.idempotency.clone(),
            max_per_user: self.limits.max_per_user,
        };
        let Ok(_starting) = timeout(START_TIME, self.starting.acquire()).await else {
            return Err(Error::Overloaded);
        };
        let saved = ports.runs.start(&start).await?;
        Ok((start.run, saved))
    }
}

impl Inner {
    /// Ends a run that nobody will carry out, and that may or may not be stored: the store went
    /// silent over it. Without this its thread would be busy until the lease runs out.
    pub(super) async fn disown(&self, run: RunId) {
        let mut wait = DISOWN_BACKOFF;
        let given_up = Instant::now() + LEASE;
        while Instant::now() < given_up {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(wait) => wait = LONGEST_DISOWN_BACKOFF.min(2 * wait),
            }
            let end = ForcedEnd::interrupted(self.ports.clock.now());
            // One that is not there may still be on its way.
            if let Ok(ended) = self.ports.runs.force_end(run, &end).await {
                // Not one that had ended already.
                if ended.error.as_ref() == Some(&end.error) {
                    tracing::warn!(run.id = %run, "run that nobody carries out ended as interrupted");
                    self.ports.observer.run_ended(summary(&ended));
                }
                return;
            }
        }
    }
}

fn span(run: &Run, assistant: &Assistant) -> Span {
    tracing::info_span!(
        "run",
        run.id = %run.id,
        thread.id = %run.thread_id,
        assistant.slug = assistant.slug.as_str(),
        assistant.tags = ?assistant.configuration.tags.as_deref().unwrap_or_default(),
        model = assistant.model.as_str(),
    )
}
