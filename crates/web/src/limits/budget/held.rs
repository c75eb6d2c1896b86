//! What is held of a budget, ordered, so that the next share to cut is found without a search of all.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Cut, Holder};
use crate::client_address::Network;

/// Shares that an owner may lose per [`CUTS_TIME`] before it counts as flooding.
pub(super) const CUTS: u32 = 100;
/// Shares that all owners may lose before whoever loses more counts as flooding.
const ALL_CUTS: u32 = 3 * CUTS;
pub(super) const CUTS_TIME: Duration = Duration::from_secs(1);

/// An owner none of whose shares yields is not searched again for this long.
pub(super) const SEARCH_INTERVAL: Duration = Duration::from_millis(10);

pub(super) struct Held<H> {
    pub(super) holdings: HashMap<u64, Holding<H>>,
    owners: HashMap<Network, Owner>,
    by_weight: BTreeSet<(usize, Network)>,
    cuts: Tally,
    /// Whether owners none of whose shares yields are left alone for [`SEARCH_INTERVAL`].
    is_patient: bool,
    pub(super) sum: usize,
    next: u64,
}

struct Owner {
    sum: usize,
    /// Oldest first.
    shares: BTreeSet<u64>,
    unyielding_until: Option<Instant>,
    cuts: Tally,
}

/// Shares lost within the current [`CUTS_TIME`].
struct Tally {
    count: u32,
    since: Instant,
}

pub(super) struct Holding<H> {
    pub(super) owner: Network,
    pub(super) per_owner: usize,
    pub(super) cost: usize,
    pub(super) holder: Arc<H>,
}

impl<H: Holder> Held<H> {
    pub(super) fn new(is_patient: bool) -> Self {
        Self {
            is_patient,
            holdings: HashMap::new(),
            owners: HashMap::new(),
            by_weight: BTreeSet::new(),
            cuts: Tally::new(),
            sum: 0,
            next: 0,
        }
    }

    pub(super) fn insert(&mut self, holding: Holding<H>) -> u64 {
        let id = self.next;
        self.next += 1;
        let (owner, cost) = (holding.owner, holding.cost);
        self.holdings.insert(id, holding);
        let owned = self.owners.entry(owner).or_insert_with(Owner::new);
        owned.shares.insert(id);
        self.reweigh(owner, cost, 0);
        id
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Holding<H>> {
        let removed = self.holdings.remove(&id)?;
        let owner = removed.owner;
        self.reweigh(owner, 0, removed.cost);
        if let Some(owned) = self.owners.get_mut(&owner) {
            owned.shares.remove(&id);
            if owned.shares.is_empty() {
                self.by_weight.remove(&(owned.sum, owner));
                self.owners.remove(&owner);
            }
        }
        Some(removed)
    }

    /// Removes the share, or in a flood the `newest` one if that has the same owner.
    pub(super) fn cut(&mut self, id: u64, newest: Option<u64>) -> Option<(Holding<H>, Cut)> {
        let owner = self.holdings.get(&id)?.owner;
        let own = self.owners.get_mut(&owner)?.cuts.count();
        let is_flood = self.cuts.count() > ALL_CUTS || own > CUTS;
        if !is_flood {
            return Some((self.remove(id)?, Cut::Once));
        }
        let newest = newest.filter(|id| self.holdings.get(id).is_some_and(|it| it.owner == owner));
        Some((self.remove(newest.unwrap_or(id))?, Cut::Flood))
    }

    pub(super) fn change(&mut self, id: u64, more: usize, less: usize) {
        let Some(holding) = self.holdings.get_mut(&id) else {
            return;
        };
        let less = less.min(holding.cost);
        holding.cost = holding.cost - less + more;
        let owner = holding.owner;
        self.reweigh(owner, more, less);
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.holdings.is_empty() && self.owners.is_empty() && self.by_weight.is_empty()
    }

    fn reweigh(&mut self, owner: Network, more: usize, less: usize) {
        self.sum = self.sum - less + more;
        if let Some(owned) = self.owners.get_mut(&owner) {
            self.by_weight.remove(&(owned.sum, owner));
            owned.sum = owned.sum - less + more;
            self.by_weight.insert((owned.sum, owner));
        }
    }

    pub(super) fn weight(&self, owner: Network) -> usize {
        self.owners.get(&owner).map_or(0, |it| it.sum)
    }

    /// The oldest share, except `except`, of the largest owner; only yielding ones unless `of_all`.
    pub(super) fn victim(
        &mut self,
        scope: Option<Network>,
        except: u64,
        of_all: bool,
    ) -> Option<u64> {
        let Self {
            holdings,
            owners,
            by_weight,
            is_patient,
            ..
        } = self;
        let now = Instant::now();
        let mut oldest = |owner: Network| {
            let owned = owners.get_mut(&owner)?;
            if !of_all && owned.unyielding_until.is_some_and(|until| now < until) {
                return None;
            }
            let may_go = |id: &u64| {
                let holder = holdings.get(id).map(|it| &it.holder);
                *id != except && holder.is_some_and(|it| of_all || it.may_yield())
            };
            let found = owned.shares.iter().copied().find(may_go);
            if found.is_none() && !of_all && *is_patient {
                owned.unyielding_until = Some(now + SEARCH_INTERVAL);
            }
            found
        };
        match scope {
            Some(owner) => oldest(owner),
            None => by_weight.iter().rev().find_map(|(_, owner)| oldest(*owner)),
        }
    }
}

impl Owner {
    fn new() -> Self {
        Self {
            sum: 0,
            shares: BTreeSet::new(),
            unyielding_until: None,
            cuts: Tally::new(),
        }
    }
}

impl Tally {
    fn new() -> Self {
        Self {
            count: 0,
            since: Instant::now(),
        }
    }

    fn count(&mut self) -> u32 {
        let now = Instant::now();
        if now - self.since >= CUTS_TIME {
            (self.count, self.since) = (0, now);
        }
        self.count = self.count.saturating_add(1);
        self.count
    }
}
