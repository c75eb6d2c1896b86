use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use colloquy_domain::{
    Assistant, AssistantId, FinishReason, Message, MessageContent, MessageId, MessageKind,
    MessageStatus, Run, RunError, RunErrorCode, RunId, RunStatus, ThreadId, UserId,
};
use futures_util::FutureExt as _;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use super::answer::Answer;
use super::{RunLimits, call, history};
use crate::ports::{
    ChatModel, ChatRequest, Clock, FinishedRun, IdGenerator, InstanceId, Lease, MessageRepository,
    ModelError, ModelErrorKind, NewMessage, PortError, RunEnd, RunRepository, RunStart,
};
use crate::{Error, RunFailure};

/// Carries runs out, each in a task of its own. Cloning gives another handle to the same engine.
#[derive(Clone)]
pub struct RunEngine {
    pub(super) inner: Arc<Inner>,
}

/// What the engine works with.
#[derive(Clone)]
pub struct RunEnginePorts {
    /// Keeps the runs.
    pub runs: Arc<dyn RunRepository>,
    /// Reads the history.
    pub messages: Arc<dyn MessageRepository>,
    /// Answers.
    pub model: Arc<dyn ChatModel>,
    /// Tells the time of everything that is stored.
    pub clock: Arc<dyn Clock>,
    /// Makes the ids of runs and messages.
    pub ids: Arc<dyn IdGenerator>,
}

pub(super) struct Inner {
    pub(super) ports: RunEnginePorts,
    pub(super) instance: InstanceId,
    limits: RunLimits,
    tasks: TaskTracker,
    /// Ends every run that has not ended by itself when the service stops.
    stop: CancellationToken,
    /// The runs that this process works on.
    pub(super) active: Mutex<HashMap<RunId, CancellationToken>>,
}

/// What a run is made from.
#[derive(Debug, Clone)]
pub struct RunJob {
    /// Where.
    pub thread_id: ThreadId,
    /// Who asks.
    pub user_id: Option<UserId>,
    /// Who answers.
    pub assistant: Assistant,
    /// The question.
    pub content: MessageContent,
}

/// A run under way.
#[derive(Debug)]
pub struct StartedRun {
    /// The run as it was saved.
    pub run: Run,
    /// The message that it answers, as it stands in the thread.
    pub message: Message,
    outcome: oneshot::Receiver<Result<RunOutcome, PortError>>,
}

/// A run that has ended.
#[derive(Debug)]
pub struct RunOutcome {
    /// The run.
    pub run: Run,
    /// What the assistant said, as it stands in the thread.
    pub messages: Vec<Message>,
    retry_after: Option<Duration>,
}

impl StartedRun {
    /// Waits for the run's end. Dropping the future changes nothing about the run.
    ///
    /// # Errors
    /// `RunFailed`; `Port` when the end could not be stored, in which case the run will be found
    /// as interrupted.
    pub async fn wait(self) -> Result<RunOutcome, Error> {
        let outcome = self.outcome.await.map_err(|_| Error::Stopping)??;
        match outcome.run.error.clone() {
            None => Ok(outcome),
            Some(error) => Err(Error::RunFailed(Box::new(RunFailure {
                run: outcome.run,
                error,
                retry_after: outcome.retry_after,
            }))),
        }
    }
}

/// How long a run counts as worked on without a sign of life from its instance.
pub(super) const LEASE: Duration = Duration::from_secs(20);
/// The wait before the end of a run is written again that the store could not take.
const STORE_BACKOFF: Duration = Duration::from_millis(250);
/// How long runs have to store their end once they are told to stop.
const STOP_TIME: Duration = Duration::from_secs(3);

impl RunEngine {
    /// An engine that holds its leases as `instance`.
    #[must_use]
    pub fn new(ports: RunEnginePorts, instance: InstanceId, limits: RunLimits) -> Self {
        Self {
            inner: Arc::new(Inner {
                ports,
                instance,
                limits,
                tasks: TaskTracker::new(),
                stop: CancellationToken::new(),
                active: Mutex::default(),
            }),
        }
    }

    /// Saves the question and the run, and begins to answer. Once the save has begun neither it
    /// nor the run depends on the caller's future.
    ///
    /// # Errors
    /// `ThreadBusy`, `NotFound` when the thread is gone, `Stopping`.
    pub async fn start(&self, job: RunJob) -> Result<StartedRun, Error> {
        if self.inner.tasks.is_closed() {
            return Err(Error::Stopping);
        }
        let (started, start) = oneshot::channel();
        let inner = Arc::clone(&self.inner);
        self.inner.tasks.spawn(async move {
            let saved = inner.save(&job).await;
            let (run, message) = match saved {
                Ok(saved) => saved,
                Err(error) => {
                    let _ = started.send(Err(error));
                    return;
                }
            };
            let span = tracing::info_span!(
                "run",
                run.id = %run.id,
                thread.id = %run.thread_id,
                assistant.slug = job.assistant.slug.as_str(),
                assistant.tags = ?job.assistant.configuration.tags.as_deref().unwrap_or_default(),
                model = job.assistant.model.as_str(),
            );
            let (ended, outcome) = oneshot::channel();
            let _ = started.send(Ok(StartedRun {
                run: run.clone(),
                message: message.clone(),
                outcome,
            }));
            let _ = ended.send(
                inner
                    .carry_out(&run, &message, &job.assistant)
                    .instrument(span)
                    .await,
            );
        });
        start.await.map_err(|_| Error::Stopping)?
    }

    /// Takes no new runs, gives those under way `grace` to end, then ends them as interrupted
    /// with what they have.
    pub async fn stop(&self, grace: Duration) {
        self.inner.tasks.close();
        if tokio::time::timeout(grace, self.inner.tasks.wait())
            .await
            .is_err()
        {
            self.inner.stop.cancel();
            let _ = tokio::time::timeout(STOP_TIME, self.inner.tasks.wait()).await;
        }
    }
}

impl Inner {
    async fn save(&self, job: &RunJob) -> Result<(Run, Message), Error> {
        let ports = &self.ports;
        let now = ports.clock.now();
        let run = Run {
            id: RunId::from_uuid(ports.ids.next_id()),
            thread_id: job.thread_id,
            assistant_id: job.assistant.id,
            user_id: job.user_id,
            status: RunStatus::InProgress,
            finish_reason: None,
            error: None,
            usage: None,
            created_at: now,
            finished_at: None,
        };
        let message = NewMessage {
            id: MessageId::from_uuid(ports.ids.next_id()),
            kind: MessageKind::Human,
            content: job.content.as_str().to_owned(),
            status: MessageStatus::Completed,
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
        };
        let message = ports.runs.start(&start).await?;
        Ok((start.run, message))
    }

    async fn carry_out(
        &self,
        run: &Run,
        message: &Message,
        assistant: &Assistant,
    ) -> Result<RunOutcome, PortError> {
        let lost = self.stop.child_token();
        self.active().insert(run.id, lost.clone());
        let mut answer = Answer::default();
        // A panic in a model adapter must end this run, not leave it in progress for ever.
        let work = AssertUnwindSafe(self.answer(message, assistant, &mut answer)).catch_unwind();
        let failure = tokio::select! {
            biased;
            () = lost.cancelled() => Some(Failure::from(RunErrorCode::Interrupted)),
            result = work => match result {
                Ok(Ok(())) => None,
                Ok(Err(failure)) => Some(failure),
                Err(_panic) => Some(Failure::from(RunErrorCode::Interrupted)),
            },
        };
        let retry_after = failure.as_ref().and_then(|failure| failure.retry_after);
        let end = self.end(run.id, assistant.id, answer, failure);
        let stored = self.store(&end).await;
        self.active().remove(&run.id);
        let FinishedRun { run, messages } = stored?;
        tracing::info!(
            run.status = run.status.as_str(),
            run.error = run.error.as_ref().map(|error| error.code.as_str()),
            "run ended"
        );
        Ok(RunOutcome {
            run,
            messages,
            retry_after,
        })
    }

    async fn answer(
        &self,
        message: &Message,
        assistant: &Assistant,
        answer: &mut Answer,
    ) -> Result<(), Failure> {
        let configuration = &assistant.configuration;
        let window = history::window(configuration);
        let earlier = self
            .ports
            .messages
            .latest(message.thread_id, window)
            .await?;
        let instructions = assistant.instructions.as_str();
        let request = ChatRequest {
            model: assistant.model.clone(),
            instructions: (!instructions.is_empty()).then(|| instructions.to_owned()),
            messages: history::conversation(&earlier, message, configuration),
            configuration: configuration.clone(),
        };
        Ok(call::ask(&*self.ports.model, &request, &self.limits, answer).await?)
    }

    /// What to store of a run: a failed one keeps the text it has, marked as incomplete, and so
    /// does an answer that a limit or a filter cut.
    fn end(
        &self,
        run_id: RunId,
        assistant_id: AssistantId,
        answer: Answer,
        failure: Option<Failure>,
    ) -> RunEnd {
        let now = self.ports.clock.now();
        let failed = failure.is_some();
        let whole = !failed && answer.finish_reason == Some(FinishReason::Stop);
        let message = NewMessage {
            id: MessageId::from_uuid(self.ports.ids.next_id()),
            kind: MessageKind::Ai,
            content: answer.text,
            status: if whole {
                MessageStatus::Completed
            } else {
                MessageStatus::Incomplete
            },
            assistant_id: Some(assistant_id),
            created_at: now,
        };
        let is_worth_keeping = !failed || !message.content.is_empty();
        RunEnd {
            run_id,
            holder: self.instance,
            status: if failed {
                RunStatus::Failed
            } else {
                RunStatus::Completed
            },
            finish_reason: answer.finish_reason.filter(|_| !failed),
            error: failure.map(|failure| RunError::from(failure.code)),
            usage: answer.usage,
            finished_at: now,
            messages: is_worth_keeping.then_some(message).into_iter().collect(),
        }
    }

    /// Writes the end; while the store is away, again until the lease would have run out, after
    /// which the run counts as interrupted anyway.
    async fn store(&self, end: &RunEnd) -> Result<FinishedRun, PortError> {
        let deadline = Instant::now() + LEASE;
        loop {
            match self.ports.runs.finish(end).await {
                Err(error @ PortError::Unavailable(_)) if Instant::now() < deadline => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "end of run not stored yet"
                    );
                    tokio::time::sleep(STORE_BACKOFF).await;
                }
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "end of run not stored"
                    );
                    return Err(error);
                }
                stored => return stored,
            }
        }
    }

    pub(super) fn active(&self) -> std::sync::MutexGuard<'_, HashMap<RunId, CancellationToken>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a run could not be answered.
struct Failure {
    code: RunErrorCode,
    retry_after: Option<Duration>,
}

impl From<RunErrorCode> for Failure {
    fn from(code: RunErrorCode) -> Self {
        Self {
            code,
            retry_after: None,
        }
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        let code = match error.kind {
            ModelErrorKind::Unreachable
            | ModelErrorKind::Unavailable
            | ModelErrorKind::Refused
            | ModelErrorKind::Broken => RunErrorCode::ModelError,
            ModelErrorKind::RateLimited => RunErrorCode::ModelRateLimited,
            ModelErrorKind::TimedOut => RunErrorCode::ModelTimeout,
            ModelErrorKind::NotConfigured => RunErrorCode::ModelNotConfigured,
            ModelErrorKind::ContextTooLong => RunErrorCode::ContextTooLong,
        };
        // The one place where the provider's own words are kept: the operator's log.
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            code = code.as_str(),
            "model call failed"
        );
        Self {
            code,
            retry_after: error.retry_after,
        }
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "history not read");
        Self::from(RunErrorCode::Interrupted)
    }
}
