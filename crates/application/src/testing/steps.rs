//! Transitions of runs in test terms.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{
    CachedRun, FinishReason, Instructions, Message, MessageKind, NewMessage, Run, RunEnding,
    RunError, RunEvent, RunEventKind, RunId, RunStatus, ThreadName, Usage,
};

use crate::ports::{
    AbandonedRuns, Committed, Expected, Idempotency, InstanceId, Lease, PortError, RunCommit,
    RunEventRepository, RunRepository,
};
use crate::runs::forced_end;

/// The start of a run.
#[derive(Debug, Clone)]
pub struct RunStart {
    /// The run, in progress.
    pub run: Run,
    /// Its lease.
    pub lease: Lease,
    /// The user's message.
    pub message: NewMessage,
    /// See [`RunCommit::thread_name`].
    pub thread_name: Option<ThreadName>,
    /// See [`RunCommit::instructions`].
    pub instructions: Option<Instructions>,
    /// The client's idempotency key, if any.
    pub idempotency: Option<Idempotency>,
    /// See [`Expected::New`].
    pub max_per_user: u32,
}

/// Result of a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SavedRun {
    /// Stored, with the message as in the thread.
    New(Message),
    /// The run that the same request started before.
    Known(Run),
}

/// The end of a run.
#[derive(Debug, Clone)]
pub struct RunEnd {
    /// The run.
    pub run_id: RunId,
    /// The lease holder.
    pub holder: InstanceId,
    /// Any inactive status.
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
    /// The assistant's messages.
    pub messages: Vec<NewMessage>,
    /// Events that the log lacks.
    pub events: Vec<RunEvent>,
    /// See [`Expected::HeldBy`].
    pub log_end: Option<u64>,
}

/// A run after its end.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedRun {
    /// The run.
    pub run: Run,
    /// The messages added by its end, as in the thread.
    pub messages: Vec<Message>,
}

impl RunStart {
    /// As a commit.
    #[must_use]
    pub fn commit(&self) -> RunCommit {
        let message = self.message.clone();
        let message = message.placed(self.run.thread_id, self.run.id, 0);
        let kind = RunEventKind::Started {
            run: Box::new(self.run.clone()),
            earlier: None,
            messages: vec![message],
        };
        RunCommit {
            run: self.run.clone(),
            expected: Expected::New {
                idempotency: self.idempotency.clone(),
                max_per_user: self.max_per_user,
            },
            lease: Some(self.lease),
            messages: vec![self.message.clone()],
            thread_name: self.thread_name.clone(),
            instructions: self.instructions.clone(),
            truncate_after: None,
            events: vec![RunEvent { number: 1, kind }],
        }
    }
}

impl RunEnd {
    /// As a commit for the run.
    #[must_use]
    pub fn commit(&self, run: &Run) -> RunCommit {
        let run = Run {
            status: self.status,
            finish_reason: self.finish_reason,
            error: self.error.clone(),
            usage: self.usage,
            cache: self.cache,
            expires_at: None,
            required_action: None,
            finished_at: Some(self.finished_at),
            ..run.clone()
        };
        let messages = self.messages.iter().cloned();
        let messages = messages.map(|message| message.placed(run.thread_id, run.id, 0));
        let messages = messages.collect();
        let last = self.events.last().map(|event| event.number);
        let last = last.or(self.log_end).unwrap_or(1);
        let closing = FinishedRun { run, messages };
        let mut events = self.events.clone();
        events.extend(closing.closing_events(last));
        RunCommit {
            run: closing.run,
            expected: Expected::HeldBy {
                holder: self.holder,
                log_end: self.log_end,
            },
            lease: None,
            messages: self.messages.clone(),
            thread_name: None,
            instructions: None,
            truncate_after: None,
            events,
        }
    }
}

impl FinishedRun {
    /// The last events of the run's log, after number `last`.
    #[must_use]
    pub fn closing_events(&self, last: u64) -> Vec<RunEvent> {
        let from_model = self.messages.iter().filter(|it| it.kind == MessageKind::Ai);
        let completed = from_model.map(|message| RunEventKind::MessageCompleted {
            message: Box::new(message.clone()),
        });
        let ended = RunEventKind::Ended {
            run: Box::new(self.run.clone()),
            output: self.run.output(&self.messages).cloned().map(Box::new),
        };
        let events = (last + 1..).zip(completed.chain([ended]));
        events
            .map(|(number, kind)| RunEvent { number, kind })
            .collect()
    }
}

/// The transitions that most tests use.
#[async_trait]
pub trait RunSteps {
    /// Commits the start.
    ///
    /// # Errors
    /// See [`RunRepository::commit`].
    async fn start(&self, start: &RunStart) -> Result<SavedRun, PortError>;

    /// Commits the end.
    ///
    /// # Errors
    /// See [`RunRepository::commit`].
    async fn finish(&self, end: &RunEnd) -> Result<FinishedRun, PortError>;
}

#[async_trait]
impl<R: RunRepository + ?Sized> RunSteps for R {
    async fn start(&self, start: &RunStart) -> Result<SavedRun, PortError> {
        match self.commit(&start.commit()).await? {
            Committed::Written(messages) => Ok(SavedRun::New(messages[0].clone())),
            Committed::Known(run) => Ok(SavedRun::Known(run)),
        }
    }

    async fn finish(&self, end: &RunEnd) -> Result<FinishedRun, PortError> {
        let run = self.find(end.run_id).await?.ok_or(PortError::NotFound)?;
        let commit = end.commit(&run);
        match self.commit(&commit).await? {
            Committed::Written(messages) => Ok(FinishedRun {
                run: commit.run,
                messages,
            }),
            Committed::Known(_) => Err(PortError::other("an end is no request")),
        }
    }
}

/// Ends the run, whoever holds it, like the engine. Returns the ended run.
///
/// # Errors
/// `NotFound`, the store's.
pub async fn force_end(
    runs: &dyn RunRepository,
    events: &dyn RunEventRepository,
    run: RunId,
    ending: &RunEnding,
) -> Result<Run, PortError> {
    match forced_end::force_end((runs, events), run, |_| Some(ending.clone())).await? {
        Some(ended) => Ok(ended),
        None => runs.find(run).await?.ok_or(PortError::NotFound),
    }
}

/// Ends abandoned runs, like the engine. Returns their IDs.
///
/// # Errors
/// The store's.
pub async fn interrupt(
    runs: &dyn RunRepository,
    events: &dyn RunEventRepository,
    abandoned: AbandonedRuns,
    ending: &RunEnding,
) -> Result<Vec<RunId>, PortError> {
    let mut ended = Vec::new();
    for run in runs.abandoned(abandoned).await? {
        let ending =
            |run: &crate::ports::ActiveRun| abandoned.contains(run).then(|| ending.clone());
        let run = forced_end::force_end((runs, events), run, ending).await?;
        ended.extend(run.map(|run| run.id));
    }
    Ok(ended)
}
