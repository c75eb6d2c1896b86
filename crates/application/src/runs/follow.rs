//! Follows a run's log.

use std::sync::Arc;
use std::time::Duration;

use colloquy_domain::{Run, RunEvent, RunId, RunStatus};

use super::active::{ActiveRun, ActiveRuns};
use crate::Error;
use crate::ports::{MessageRepository, RunEventRepository, RunRepository};

/// Approximate bytes of text per page.
const PAGE_BYTES: usize = 64 * 1024;
/// Approximate events per page.
const PAGE_EVENTS: u32 = 1_000;
/// Interval between polls of the store for another instance's run.
const POLL: Duration = Duration::from_millis(250);
/// The same for a paused run, which lasts longer: each follower costs two queries per poll.
const PAUSED_POLL: Duration = Duration::from_secs(1);
/// Beyond the end of every log.
const BEHIND_ALL: u64 = i64::MAX as u64;

/// Reads runs: local ones from memory, others from the store.
#[derive(Clone)]
pub(super) struct RunReader {
    pub(super) active: Arc<ActiveRuns>,
    pub(super) runs: Arc<dyn RunRepository>,
    pub(super) events: Arc<dyn RunEventRepository>,
    pub(super) messages: Arc<dyn MessageRepository>,
}

impl RunReader {
    /// The run's log after number `after`.
    pub(super) fn follow(&self, run: RunId, after: u64) -> RunFollower {
        RunFollower::new(self.clone(), run, after)
    }

    /// Waits until the run has ended or paused, and returns it.
    ///
    /// # Errors
    /// `NotFound` if the run was deleted with its thread, the store's.
    pub(super) async fn settled(&self, id: RunId) -> Result<Run, Error> {
        loop {
            if let Some(active) = self.active.get(id) {
                active.log.closed().await;
            }
            let run = self.runs.find(id).await?.ok_or(Error::NotFound)?;
            if run.status != RunStatus::InProgress {
                return Ok(run);
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Streams a run's log to its end or next pause. Holds nothing between pages, so slow readers are
/// cheap. Reading can resume after any number, on any instance.
pub struct RunFollower {
    reader: RunReader,
    run: RunId,
    after: u64,
    has_ended: bool,
}

impl RunFollower {
    fn new(reader: RunReader, run: RunId, after: u64) -> Self {
        Self {
            reader,
            run,
            after: after.min(BEHIND_ALL),
            has_ended: false,
        }
    }

    /// Whether this process works on the run and will report its end.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.reader.active.get(self.run).is_some()
    }

    /// The next page of events, waiting if necessary; `None` at the end of the run or of a part.
    /// Following from a pause waits until the run is resumed. Cancel-safe.
    ///
    /// # Errors
    /// `NotFound` if the run was deleted with its thread, the store's.
    pub async fn next(&mut self) -> Result<Option<Vec<RunEvent>>, Error> {
        while !self.has_ended {
            let mut events = match self.reader.active.get(self.run) {
                Some(active) => live(&active, self.after).await,
                None => Vec::new(),
            };
            if events.is_empty() {
                events = self.stored().await?;
            }
            if let Some(end) = events.iter().position(|event| event.kind.ends_part()) {
                events.truncate(end + 1);
                self.has_ended = true;
            }
            if let Some(last) = events.last() {
                self.after = last.number;
                return Ok(Some(events));
            }
        }
        Ok(None)
    }

    /// A page from the store; empty after a while, or after the end.
    async fn stored(&mut self) -> Result<Vec<RunEvent>, Error> {
        let reader = &self.reader;
        let list = || reader.events.list(self.run, self.after, PAGE_EVENTS);
        let events = list().await?;
        if !events.is_empty() {
            return Ok(events);
        }
        let run = reader.runs.find(self.run).await?.ok_or(Error::NotFound)?;
        if run.finished_at.is_none() {
            let poll = match run.status {
                RunStatus::RequiresAction => PAUSED_POLL,
                _ => POLL,
            };
            tokio::time::sleep(poll).await;
            return Ok(events);
        }
        // It may have ended between the two reads.
        let events = list().await?;
        self.has_ended = events.is_empty();
        Ok(events)
    }
}

/// The next page of a local run; empty if the store has the rest.
async fn live(active: &ActiveRun, after: u64) -> Vec<RunEvent> {
    if after < active.log.begin() {
        return Vec::new();
    }
    let mut news = active.log.subscribe();
    loop {
        let events = active.log.after(after, PAGE_BYTES);
        if !events.is_empty() || active.log.is_closed() {
            return events;
        }
        if news.changed().await.is_err() {
            return events;
        }
    }
}
