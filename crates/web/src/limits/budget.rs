//! A budget shared fairly between clients.

mod held;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::held::{Held, Holding};
use super::{Limit, Limits};
use crate::client_address::Network;

pub(crate) trait Holder: Send + Sync + 'static {
    /// Can be cut without harm to a well-behaved client.
    fn may_yield(&self) -> bool;

    fn cut(&self, cut: Cut);
}

/// How a share is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The client may be told.
    Once,
    /// Shares are lost so fast that the connection is to end.
    Flood,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// Above this, yielding holders are cut.
    pub(crate) total: usize,
    /// Above this, any holder is cut; `None` rejects newcomers.
    pub(crate) hard: Option<usize>,
}

/// A limited resource shared by clients. When exhausted, the largest client loses its oldest share.
pub(crate) struct Budget<H: Holder>(Arc<Inner<H>>);

struct Inner<H: Holder> {
    room: Room,
    limit: Limit,
    limits: Limits,
    held: Mutex<Held<H>>,
}

/// Returned on drop.
pub(crate) struct Share<H: Holder> {
    budget: Budget<H>,
    id: u64,
}

/// No holder can yield.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl<H: Holder> Clone for Budget<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<H: Holder> fmt::Debug for Budget<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Budget({:?})", self.0.limit)
    }
}

impl<H: Holder> fmt::Debug for Share<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({:?})", self.budget.0.limit)
    }
}

impl<H: Holder> Budget<H> {
    pub(crate) fn new(room: Room, limit: Limit, limits: Limits) -> Self {
        Self(Arc::new(Inner {
            room,
            limit,
            limits,
            held: Mutex::new(Held::new(room.hard.is_some())),
        }))
    }

    /// Takes a share for an owner, limited to `per_owner` in total.
    pub(crate) fn take(
        &self,
        owner: Network,
        per_owner: usize,
        cost: usize,
        holder: Arc<H>,
    ) -> Result<Share<H>, Exhausted> {
        let mut held = self.lock();
        let id = held.insert(Holding {
            owner,
            per_owner,
            cost,
            holder,
        });
        let has_room = self.make_room(&mut held, id);
        drop(held);
        // Dropping it returns it.
        let share = Share {
            budget: self.clone(),
            id,
        };
        has_room.then_some(share).ok_or(Exhausted)
    }

    pub(crate) fn for_each(&self, mut look: impl FnMut(&H)) {
        let held = self.lock();
        held.holdings.values().for_each(|it| look(&it.holder));
    }

    /// Cuts other shares until share `id` fits; `false` if it cannot.
    fn make_room(&self, held: &mut Held<H>, id: u64) -> bool {
        let Room { total, hard } = self.0.room;
        loop {
            let Some(own) = held.holdings.get(&id) else {
                return false;
            };
            let (owner, per_owner) = (own.owner, own.per_owner);
            let is_over_own = held.weight(owner) > per_owner;
            let is_over_total = held.sum > total;
            if !is_over_own && !is_over_total {
                return true;
            }
            let scope = is_over_own.then_some(owner);
            let is_over_hard = hard.is_some_and(|hard| held.sum > hard);
            let victim = held.victim(scope, id, false);
            let victim = victim.or_else(|| held.victim(None, id, true).filter(|_| is_over_hard));
            // Of a flood, the newest goes: with it goes all that its connection is about to send.
            let newest = hard.is_none().then_some(id);
            match victim.and_then(|victim| held.cut(victim, newest)) {
                Some((loser, cut)) => {
                    loser.holder.cut(cut);
                    self.0.limits.reached(self.0.limit);
                }
                None if hard.is_some() => return true,
                None => {
                    self.0.limits.reached(self.0.limit);
                    return false;
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held<H>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<H: Holder> Share<H> {
    /// Grows the share, or gives it up. Fails, too, if the share was cut.
    pub(crate) fn grow(&self, more: usize) -> Result<(), Exhausted> {
        let mut held = self.budget.lock();
        held.change(self.id, more, 0);
        let has_room = self.budget.make_room(&mut held, self.id);
        has_room.then_some(()).ok_or(Exhausted)
    }

    pub(crate) fn shrink(&self, less: usize) {
        self.budget.lock().change(self.id, 0, less);
    }
}

impl<H: Holder> Drop for Share<H> {
    fn drop(&mut self) {
        let removed = self.budget.lock().remove(self.id);
        // After unlocking: a holder may hold shares itself.
        drop(removed);
    }
}

#[cfg(test)]
mod tests;
