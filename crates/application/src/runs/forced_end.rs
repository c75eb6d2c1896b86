//! Ends runs in their holder's stead: cancelled from elsewhere, abandoned, or paused beyond their
//! deadline.

use colloquy_domain::{Run, RunEnding, RunId, RunState};

use crate::ports::{
    ActiveRun, Constraint, Expected, PortError, RunCommit, RunEventRepository, RunRepository,
};

/// Attempts to end a run while its holder keeps writing.
const ATTEMPTS: u32 = 32;
/// Events per read.
const PAGE_EVENTS: u32 = 1_000;

/// Ends the run with what its log has, if it is active and `ending` returns an end. Returns the
/// ended run, or `None`.
///
/// # Errors
/// The store's.
pub(crate) async fn force_end(
    (runs, events): (&dyn RunRepository, &dyn RunEventRepository),
    id: RunId,
    ending: impl Fn(&ActiveRun) -> Option<RunEnding> + Send,
) -> Result<Option<Run>, PortError> {
    let mut log = StoredLog::default();
    for _ in 0..ATTEMPTS {
        // The run first, so that its log is not older.
        let Some(active) = runs.active(id).await? else {
            return Ok(None);
        };
        let Some(ending) = ending(&active) else {
            return Ok(None);
        };
        log.read(events, id).await?;
        let closing = log.state.ending(&active.run, &ending);
        let commit = RunCommit {
            events: closing.numbered_by_another(log.last),
            run: closing.run,
            expected: Expected::AsRead {
                lease: active.lease,
                log_end: log.last,
            },
            lease: None,
            messages: closing.messages,
            thread_name: None,
            instructions: None,
            truncate_after: None,
        };
        match runs.commit(&commit).await {
            Ok(_) => return Ok(Some(commit.run)),
            // Its holder appended, renewed or ended meanwhile.
            Err(PortError::Conflict(Constraint::RunLease)) => {}
            Err(PortError::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Err(PortError::unavailable("the run's log grows too fast"))
}

/// A log as read so far.
pub(super) struct StoredLog {
    pub(super) state: RunState,
    pub(super) last: u64,
}

impl Default for StoredLog {
    /// Every log began with number 1, even if that event was removed.
    fn default() -> Self {
        Self {
            state: RunState::default(),
            last: 1,
        }
    }
}

impl StoredLog {
    /// Reads to the log's end.
    pub(super) async fn read(
        &mut self,
        events: &dyn RunEventRepository,
        run: RunId,
    ) -> Result<(), PortError> {
        let mut after = if self.last == 1 { 0 } else { self.last };
        loop {
            let page = events.list(run, after, PAGE_EVENTS).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = last.number;
            self.last = last.number;
            for event in &page {
                self.state.apply(&event.kind);
            }
        }
    }
}
