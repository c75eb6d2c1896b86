//! A budget shared fairly between clients.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Limit, Limits};
use crate::client_address::Network;

pub(crate) trait Holder: Send + Sync + 'static {
    /// Can be cut without harm to a well-behaved client.
    fn may_yield(&self) -> bool;

    fn cut(&self);
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

struct Held<H> {
    holdings: BTreeMap<u64, Holding<H>>,
    by_owner: HashMap<Network, usize>,
    sum: usize,
    next: u64,
}

struct Holding<H> {
    owner: Network,
    per_owner: usize,
    cost: usize,
    holder: Arc<H>,
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
            held: Mutex::new(Held {
                holdings: BTreeMap::new(),
                by_owner: HashMap::new(),
                sum: 0,
                next: 0,
            }),
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

    /// Oldest first.
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
            let is_over_own = held.by_owner.get(&owner).is_some_and(|it| *it > per_owner);
            let is_over_total = held.sum > total;
            if !is_over_own && !is_over_total {
                return true;
            }
            let scope = is_over_own.then_some(owner);
            let is_over_hard = hard.is_some_and(|hard| held.sum > hard);
            let victim = held.victim(scope, id, false);
            let victim = victim.or_else(|| held.victim(None, id, true).filter(|_| is_over_hard));
            match victim.and_then(|victim| held.remove(victim)) {
                Some(victim) => {
                    victim.holder.cut();
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

impl<H: Holder> Held<H> {
    fn insert(&mut self, holding: Holding<H>) -> u64 {
        let id = self.next;
        self.next += 1;
        self.sum += holding.cost;
        *self.by_owner.entry(holding.owner).or_default() += holding.cost;
        self.holdings.insert(id, holding);
        id
    }

    fn remove(&mut self, id: u64) -> Option<Holding<H>> {
        let removed = self.holdings.remove(&id)?;
        self.sum -= removed.cost;
        self.subtract(removed.owner, removed.cost);
        Some(removed)
    }

    fn change(&mut self, id: u64, more: usize, less: usize) {
        let Some(holding) = self.holdings.get_mut(&id) else {
            return;
        };
        let less = less.min(holding.cost);
        holding.cost = holding.cost - less + more;
        let owner = holding.owner;
        self.sum = self.sum - less + more;
        *self.by_owner.entry(owner).or_default() += more;
        self.subtract(owner, less);
    }

    fn subtract(&mut self, owner: Network, less: usize) {
        if let Some(sum) = self.by_owner.get_mut(&owner) {
            *sum -= less;
            if *sum == 0 {
                self.by_owner.remove(&owner);
            }
        }
    }

    /// The oldest share, except `except`, of the largest owner; only yielding ones unless `of_all`.
    fn victim(&self, scope: Option<Network>, except: u64, of_all: bool) -> Option<u64> {
        let mut heaviest: Option<(usize, u64)> = None;
        for (id, holding) in &self.holdings {
            let is_meant = scope.is_none_or(|owner| owner == holding.owner) && *id != except;
            if !is_meant || !(of_all || holding.holder.may_yield()) {
                continue;
            }
            let weight = self.by_owner.get(&holding.owner).copied().unwrap_or(0);
            if heaviest.is_none_or(|(most, _)| weight > most) {
                heaviest = Some((weight, *id));
            }
        }
        heaviest.map(|(_, id)| id)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::{Budget, Exhausted, Holder, Room, Share};
    use crate::client_address::Network;
    use crate::limits::{Limit, Limits};

    #[derive(Default)]
    struct Client {
        is_busy: bool,
        is_cut: AtomicBool,
    }

    impl Holder for Client {
        fn may_yield(&self) -> bool {
            !self.is_busy
        }

        fn cut(&self) {
            self.is_cut.store(true, Ordering::SeqCst);
        }
    }

    impl Client {
        fn busy() -> Arc<Self> {
            let is_busy = true;
            Arc::new(Self {
                is_busy,
                ..Self::default()
            })
        }

        fn is_cut(&self) -> bool {
            self.is_cut.load(Ordering::SeqCst)
        }
    }

    fn budget(total: usize, hard: Option<usize>) -> Budget<Client> {
        Budget::new(Room { total, hard }, Limit::Answers, Limits::default())
    }

    fn take(budget: &Budget<Client>, from: u8, cost: usize) -> (Arc<Client>, Share<Client>) {
        let client = Arc::new(Client::default());
        let owner = Network::from_address([192, 0, 2, from].into());
        let share = budget.take(owner, 6, cost, Arc::clone(&client));
        (client, share.unwrap())
    }

    #[test]
    fn whoever_holds_the_most_loses_the_oldest_share() {
        let budget = budget(5, None);
        let (small, _small) = take(&budget, 1, 1);
        let (old, _old) = take(&budget, 2, 2);
        let (new, _new) = take(&budget, 2, 2);
        let (last, _last) = take(&budget, 3, 1);
        let cut = [&small, &old, &new, &last].map(|client| client.is_cut());
        assert_eq!(cut, [false, true, false, false]);
    }

    #[test]
    fn an_owner_over_its_own_limit_loses_its_own_shares() {
        let budget = budget(100, None);
        let (other, _other) = take(&budget, 1, 6);
        let (first, _first) = take(&budget, 2, 4);
        let (second, share) = take(&budget, 2, 2);
        assert!(!first.is_cut());
        share.grow(1).unwrap();
        let cut = [&other, &first, &second].map(|client| client.is_cut());
        assert_eq!(cut, [false, true, false]);
    }

    #[test]
    fn where_nobody_may_yield_the_last_is_refused_unless_there_is_a_hard_limit() {
        let owner = |from| Network::from_address([192, 0, 2, from].into());
        let strict = budget(2, None);
        let _first = strict.take(owner(1), 6, 2, Client::busy()).unwrap();
        let refused = strict.take(owner(2), 6, 1, Client::busy());
        assert_eq!(refused.map(drop), Err(Exhausted));

        let lenient = budget(2, Some(4));
        let first = Client::busy();
        let _first = lenient.take(owner(1), 6, 3, Arc::clone(&first)).unwrap();
        let _second = lenient.take(owner(2), 6, 1, Client::busy()).unwrap();
        assert!(!first.is_cut());
        let _third = lenient.take(owner(3), 6, 1, Client::busy()).unwrap();
        assert!(first.is_cut());
    }

    #[test]
    fn what_is_given_back_is_there_for_others() {
        let budget = budget(3, None);
        for _ in 0..3 {
            let (client, share) = take(&budget, 1, 2);
            share.grow(1).unwrap();
            share.shrink(2);
            let (other, _other) = take(&budget, 2, 2);
            assert!(!client.is_cut() && !other.is_cut());
        }
        assert_eq!(budget.lock().sum, 0);
        assert!(budget.lock().by_owner.is_empty());
    }
}
