//! Runs as those who started them see them.

use std::time::Duration;

use colloquy_domain::{Message, Run, RunStatus};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::follow::{RunFollower, RunReader};
use crate::ports::{PortError, RunSummary};
use crate::{Error, RunFailure};

/// A run under way, or found again by its idempotency key.
pub struct StartedRun {
    /// The run as it was saved, or as it was found.
    pub run: Run,
    /// Whether the request was made before: this run answers the earlier one.
    pub is_replay: bool,
    /// The number of the event behind which this part of the run begins.
    pub(super) after: u64,
    pub(super) reader: RunReader,
    /// From the task that carries the run out, if that is of this very request.
    pub(super) outcome: Option<Outcome>,
}

/// What the task that carries a run out tells of its end.
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

/// The answer while the end of a run cannot be stored.
pub(super) fn not_stored() -> Error {
    PortError::unavailable("the end of the run is not stored yet").into()
}

/// A run that has ended or paused.
#[derive(Debug)]
pub struct RunOutcome {
    /// The run.
    pub run: Run,
    /// The run's messages as they stand in the thread: the question, then what the assistant
    /// said. Deleted ones are missing.
    pub messages: Vec<Message>,
    /// How long the provider asks to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl RunOutcome {
    /// The answer of a run that completed, unless its message is deleted.
    #[must_use]
    pub fn output(&self) -> Option<&str> {
        let answer = self.run.output(&self.messages);
        answer.map(|message| message.content.as_str())
    }
}

impl StartedRun {
    /// Waits for the run's end, or until it pauses. Dropping the future changes nothing about the
    /// run.
    ///
    /// # Errors
    /// `RunFailed`, also for a cancelled one; `RunExpired`; `Port` when the end could not be stored so far: the
    /// run ends once the store is back.
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

    /// The events of the part of the run that the request began.
    #[must_use]
    pub fn follow_part(&self) -> RunFollower {
        self.follow(self.after)
    }

    /// The run's event log from behind number `after`.
    #[must_use]
    pub fn follow(&self, after: u64) -> RunFollower {
        self.reader.follow(self.run.id, after)
    }
}

/// How the run ended, to be counted.
pub(super) fn summary(run: &Run) -> RunSummary {
    let duration = run.finished_at.map(|end| end - run.created_at);
    RunSummary {
        status: run.status,
        error: run.error.as_ref().map(|error| error.code),
        finish_reason: run.finish_reason,
        duration: duration.map(|duration| duration.to_std().unwrap_or_default()),
    }
}

/// The outcome of a run that somebody else carries out, or has.
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
