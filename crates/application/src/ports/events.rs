//! Event logs of runs.

use async_trait::async_trait;
use colloquy_domain::{RunEvent, RunId};

use super::{InstanceId, PortError};

/// Keeps the event logs of runs. [`RunRepository::commit`](super::RunRepository::commit) writes the
/// events of a transition, such as the first and the last ones; this port takes those in between.
#[async_trait]
pub trait RunEventRepository: Send + Sync {
    /// Adds these events to the logs of their runs, all in one transaction. What belongs to a
    /// run that is not in progress under `holder` is left out, as are events whose numbers its
    /// log has already: a call whose outcome is unknown may be repeated. The others follow those
    /// that the log has. A message that they call completed is stored.
    async fn append(&self, holder: InstanceId, events: &[RunEvents]) -> Result<(), PortError>;

    /// Events of the run with numbers greater than `after`, in order of number: about `limit` at
    /// the most, and about a megabyte of text, but at least one if there is any. What they tell of the run's user and of
    /// messages is what is still there of them. A run that is not there has none.
    async fn list(&self, run: RunId, after: u64, limit: u32) -> Result<Vec<RunEvent>, PortError>;
}

/// Consecutive events of one run, in order of number.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEvents {
    /// Which run.
    pub run_id: RunId,
    /// What happened.
    pub events: Vec<RunEvent>,
}
