//! Caps the number of long pages held in memory.

use colloquy_domain::{Actor, UserId};

use crate::Error;
use crate::fair_queue::{FairQueue, QueueLimits, QueuePermit};

/// Pages held at once; the longest takes about 12 MiB as text and JSON.
const PAGES: usize = 3;

/// Caps concurrent pages. Users take turns, however many pages each requests.
#[derive(Clone)]
pub(crate) struct PageTurns(FairQueue<Option<UserId>>);

/// Permit for one page, released on drop.
#[derive(Debug)]
pub struct PageTurn {
    _permit: QueuePermit<Option<UserId>>,
}

impl Default for PageTurns {
    fn default() -> Self {
        Self(FairQueue::new(PAGES, QueueLimits::NONE))
    }
}

impl PageTurns {
    pub(crate) async fn take(&self, actor: &Actor) -> Result<PageTurn, Error> {
        let user = actor.user().map(|user| user.id);
        let permit = self.0.enter(user).await;
        let permit = permit.map_err(|_full| Error::Overloaded)?;
        Ok(PageTurn { _permit: permit })
    }
}
