//! Resumes a paused run on any instance: loads, folds and executes it.

use std::sync::Arc;

use colloquy_domain::{
    Actor, Assistant, Message, MessageId, MessageKind, Run, RunEvent, RunEventKind, RunId,
    RunStatus,
};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tracing::Span;

use super::engine::{Begun, Inner, LEASE};
use super::forced_end::StoredLog;
use super::log::RunLog;
use super::part::Part;
use super::start::START_TIME;
use super::submit::Submission;
use crate::Error;
use crate::ports::{ActiveRun as StoredRun, Constraint, Expected, Lease, PortError, RunCommit};
use crate::spans;

/// A paused run to resume.
pub(super) struct ResumeJob {
    /// The run as read.
    pub(super) run: Run,
    /// The actor whose rights apply.
    pub(super) actor: Actor,
    /// The current assistant.
    pub(super) assistant: Arc<Assistant>,
    /// What it waited for.
    pub(super) submission: Submission,
}

impl Inner {
    /// The task of a resumed run.
    pub(super) async fn go_on(
        self: Arc<Self>,
        job: ResumeJob,
        _slot: OwnedSemaphorePermit,
        started: Begun,
        invocation: Span,
    ) {
        match self.take_up(job).await {
            Ok((run, part, log)) => self.carry_out(run, part, log, started, invocation).await,
            Err(Refused { error, unanswered }) => {
                spans::failed(&invocation, "not_resumed");
                let is_unknown = matches!(error, Error::Port(PortError::Unavailable(_)));
                let _ = started.send(Err(error));
                // If the store did accept it, nobody works on it.
                if let Some(run) = unanswered.filter(|_| is_unknown) {
                    self.disown(run).await;
                }
            }
        }
    }

    /// Stores the resumption. Reads everything else before, so that nothing can fail afterwards.
    async fn take_up(&self, job: ResumeJob) -> Result<(Run, Part, RunLog), Refused> {
        let ports = &self.ports;
        let (thread, id) = (job.run.thread_id, job.run.id);
        // The run first, so that its log is not older.
        let paused = ports.runs.active(id).await?;
        let paused = paused.filter(|it| it.run.status == RunStatus::RequiresAction);
        let Some(paused) = paused else {
            return Err(Error::RunNotPaused(Box::new(job.run)).into());
        };
        let mut stored = StoredLog::default();
        stored.read(&*ports.events, id).await?;
        let answers = job.submission.answers(&paused.run, &stored.state)?;
        let assistant = self.assistant_of(&paused, job.assistant).await?;
        let mut came = ports.messages.of_run(thread, id).await?;
        let before = came.first().map_or(u64::MAX, |message| message.position);
        let human = |message: &Message| message.kind == MessageKind::Human;
        came.truncate(came.iter().rposition(human).map_or(0, |last| last + 1));

        let resumed = stored.state.resuming(&paused.run, answers.approved);
        let kinds = answers.returned.into_iter().chain([resumed.clone()]);
        let RunEventKind::Resumed { run, .. } = resumed else {
            return Err(Error::from(PortError::other("no event of a resumption")).into());
        };
        let lease = Lease {
            holder: self.instance,
            expires_at: ports.clock.now() + LEASE,
        };
        let events = (stored.last.saturating_add(1)..).zip(kinds);
        let commit = RunCommit {
            run: *run,
            expected: Expected::Paused {
                log_end: stored.last,
                max_per_user: self.limits.max_per_user,
            },
            lease: Some(lease),
            messages: Vec::new(),
            thread_name: None,
            instructions: None,
            truncate_after: None,
            events: events
                .map(|(number, kind)| RunEvent { number, kind })
                .collect(),
        };
        let Ok(_turn) = timeout(START_TIME, self.starts.acquire()).await else {
            return Err(Error::Overloaded.into());
        };
        match ports.runs.commit(&commit).await {
            Ok(_) => {}
            Err(PortError::Conflict(Constraint::RunLease)) => {
                return Err(Error::RunNotPaused(Box::new(paused.run)).into());
            }
            Err(error) => {
                return Err(Refused {
                    error: error.into(),
                    unanswered: Some(id),
                });
            }
        }
        let log = RunLog::resumed(stored.state, stored.last);
        for event in commit.events {
            log.push(event.kind);
        }
        log.mark_stored(log.last());
        let part = Part {
            actor: job.actor,
            assistant,
            settings: commit.run.settings.clone(),
            came,
            before,
            is_first: false,
            bypasses_cache: false,
        };
        Ok((commit.run, part, log))
    }

    /// The assistant as of the run's start; the current one for runs of older releases.
    async fn assistant_of(
        &self,
        paused: &StoredRun,
        current: Arc<Assistant>,
    ) -> Result<Arc<Assistant>, PortError> {
        let run = &paused.run;
        let then = match run.assistant_revision {
            Some(revision) if revision != current.revision => {
                self.access.revision(run.assistant_id, revision).await?
            }
            _ => None,
        };
        let mut assistant = Arc::unwrap_or_clone(then.map_or(current, Arc::new));
        if let Some(instructions) = paused.instructions.clone() {
            assistant.instructions = instructions;
        }
        let settings = run.settings.as_deref();
        Ok(Arc::new(match settings {
            Some(settings) => settings.applied_to(&assistant),
            None => assistant,
        }))
    }
}

/// Why a run is not resumed.
struct Refused {
    error: Error,
    /// The run, if the store did not respond and may have accepted it.
    unanswered: Option<RunId>,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self {
            error,
            unanswered: None,
        }
    }
}

impl From<PortError> for Refused {
    fn from(error: PortError) -> Self {
        Error::from(error).into()
    }
}

/// What a submission adds to the log.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Results of calls.
    pub(super) returned: Vec<RunEventKind>,
    /// Messages of approved calls.
    pub(super) approved: Vec<MessageId>,
}
