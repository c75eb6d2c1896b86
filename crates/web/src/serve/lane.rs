//! One large response at a time per connection.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

/// Time until a connection that lost a large response gets the next one. Without it, a client that
/// takes nothing would have one after the other produced.
const AFTER_CUT: Duration = Duration::from_secs(10);

/// A connection's lane for large responses; of a connection that carries many clients, a proxy's,
/// there is none.
#[derive(Debug, Clone)]
pub(crate) struct Lane(Arc<Semaphore>);

/// Held from before a large response is produced until its last byte was handed over.
#[derive(Debug, Clone)]
pub(crate) struct LaneTurn {
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Default for Lane {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Lane {
    pub(crate) fn try_enter(&self) -> Option<LaneTurn> {
        let permit = Arc::clone(&self.0).try_acquire_owned();
        permit.ok().map(LaneTurn::new)
    }

    /// Always a turn: nobody closes lanes.
    pub(crate) async fn enter(&self) -> Option<LaneTurn> {
        let permit = Arc::clone(&self.0).acquire_owned().await;
        permit.ok().map(LaneTurn::new)
    }
}

impl LaneTurn {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        Self {
            _permit: Arc::new(permit),
        }
    }

    pub(super) fn end_later(self) {
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                sleep(AFTER_CUT).await;
                drop(self);
            });
        }
    }
}
