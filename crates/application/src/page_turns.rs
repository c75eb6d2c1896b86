//! Turns for reading long pages, whose text and JSON are in memory at the same time.

use colloquy_domain::{Actor, UserId};

use crate::Error;
use crate::fair_queue::{FairQueue, Place, QueueLimits};

/// How many pages are held at once, at about 12 MiB for the longest.
const PAGES: usize = 3;

/// Lets a few pages be read at once. Users take turns, however many pages each asks for.
#[derive(Clone)]
pub(crate) struct PageTurns(FairQueue<Option<UserId>>);

/// The turn of one page; it ends when dropped.
#[derive(Debug)]
pub struct PageTurn {
    _place: Place<Option<UserId>>,
}

impl Default for PageTurns {
    fn default() -> Self {
        Self(FairQueue::new(PAGES, QueueLimits::NONE))
    }
}

impl PageTurns {
    pub(crate) async fn take(&self, actor: &Actor) -> Result<PageTurn, Error> {
        let user = actor.user().map(|user| user.id);
        let place = self.0.enter(user).await;
        let place = place.map_err(|_full| Error::Overloaded)?;
        Ok(PageTurn { _place: place })
    }
}
