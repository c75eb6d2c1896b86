//! Port: event logs of runs.

use async_trait::async_trait;
use colloquy_domain::{RunEvent, RunId};

use super::{InstanceId, PortError};

/// Stores event logs of runs. [`RunRepository::commit`](super::RunRepository::commit) writes the
/// events of transitions, such as the first and the last; this port takes those in between.
#[async_trait]
pub trait RunEventRepository: Send + Sync {
    /// Appends events to the logs of their runs, in one transaction. Skips runs that are not in
    /// progress under `holder`, and numbers that the log has already: a call with an unknown
    /// outcome may be repeated. Stores the messages of completion events.
    async fn append(&self, holder: InstanceId, events: &[RunEvents]) -> Result<(), PortError>;

    /// Events with numbers greater than `after`, in order: at most about `limit` and about 1 MB of
    /// text, but at least one if any. Deleted users and messages are left out of them. A missing
    /// run has no events.
    async fn list(&self, run: RunId, after: u64, limit: u32) -> Result<Vec<RunEvent>, PortError>;
}

/// Consecutive events of one run, by number.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEvents {
    /// The run.
    pub run_id: RunId,
    /// The events.
    pub events: Vec<RunEvent>,
}
