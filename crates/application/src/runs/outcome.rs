//! Runs as seen by their callers.

use std::time::Duration;

use colloquy_domain::{Message, Run, RunStatus};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::follow::{RunFollower, RunReader};
use crate::ports::{PortError, RunSummary};
use crate::{Error, RunFailure};

/// A started run, or the run of a repeated request.
pub struct StartedRun {
    /// The run as stored.
    pub run: Run,
    /// Whether an earlier request started it.
    pub is_replay: bool,
    /// The number of the last event before this part of the run.
    pub(super) after: u64,
    pub(super) reader: RunReader,
    /// From the run's task, if this request started it.
    pub(super) outcome: Option<Outcome>,
}

/// What the run's task reports of its end.
pub(super) struct Outcome {
    pub(super) end: oneshot::Receiver<Result<RunOutcome, Error>>,
    pub(super) store_is_away: CancellationToken,
}

impl Outcome {
    async fn wait(self) -> Result<RunOutcome, Error> {
        tokio::select! {
            biased;
            end = self.end => end.map_err(|_| Error::Stopping)?,
            () = self.store_is_away.cancelled() => Err(not_stored()),
        }
    }
}

pub(super) fn not_stored() -> Error {
    PortError::unavailable("the end of the run is not stored yet").into()
}

/// An ended or paused run.
#[derive(Debug)]
pub struct RunOutcome {
    /// The run.
    pub run: Run,
    /// The run's remaining messages, as in the thread: the user's, then the assistant's.
    pub messages: Vec<Message>,
    /// The provider's `Retry-After`.
    pub(super) retry_after: Option<Duration>,
}

impl RunOutcome {
    /// The answer of a completed run, unless deleted.
    #[must_use]
    pub fn output(&self) -> Option<&str> {
        let answer = self.run.output(&self.messages);
        answer.map(|message| message.content.as_str())
    }
}

impl StartedRun {
    /// Waits until the run ends or pauses. Dropping the future does not affect the run.
    ///
    /// # Errors
    /// `RunFailed`, also if cancelled; `RunExpired`; `Port` if the end could not be stored so far:
    /// the run ends once the store is back.
    pub async fn wait(self) -> Result<RunOutcome, Error> {
        let outcome = match self.outcome {
            Some(outcome) => outcome.wait().await?,
            None => find(&self.reader, self.run).await?,
        };
        match outcome.run.error.clone() {
            None if outcome.run.status == RunStatus::Expired => {
                Err(Error::RunExpired(Box::new(outcome.run)))
            }
            None => Ok(outcome),
            Some(error) => Err(Error::RunFailed(Box::new(RunFailure {
                run: outcome.run,
                error,
                retry_after: outcome.retry_after,
            }))),
        }
    }

    /// The events of the part that this request began.
    #[must_use]
    pub fn follow_part(&self) -> RunFollower {
        self.follow(self.after)
    }

    /// The run's log after number `after`.
    #[must_use]
    pub fn follow(&self, after: u64) -> RunFollower {
        self.reader.follow(self.run.id, after)
    }
}

/// The run's end, for metrics.
pub(super) fn summary(run: &Run) -> RunSummary {
    let duration = run.finished_at.map(|end| end - run.created_at);
    RunSummary {
        status: run.status,
        error: run.error.as_ref().map(|error| error.code),
        finish_reason: run.finish_reason,
        duration: duration.map(|duration| duration.to_std().unwrap_or_default()),
    }
}

/// The outcome of a run that another task or instance executes.
pub(super) async fn find(reader: &RunReader, run: Run) -> Result<RunOutcome, Error> {
    let run = match run.finished_at {
        Some(_) => run,
        None => reader.settled(run.id).await?,
    };
    let messages = reader.messages.of_run(run.thread_id, run.id).await?;
    Ok(RunOutcome {
        run,
        messages,
        retry_after: None,
    })
}
