//! Who loses what, and how.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::time::advance;

use super::held::{CUTS, CUTS_TIME, SEARCH_INTERVAL};
use super::{Budget, Cut, Exhausted, Holder, Room, Share};
use crate::client_address::Network;
use crate::limits::{Limit, Limits};

#[derive(Default)]
struct Client {
    is_busy: bool,
    is_cut: AtomicBool,
    is_flooding: AtomicBool,
    asked: AtomicUsize,
}

impl Holder for Client {
    fn may_yield(&self) -> bool {
        self.asked.fetch_add(1, Ordering::SeqCst);
        !self.is_busy
    }

    fn cut(&self, cut: Cut) {
        self.is_cut.store(true, Ordering::SeqCst);
        self.is_flooding.store(cut == Cut::Flood, Ordering::SeqCst);
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
    let held = budget.lock();
    assert_eq!(held.sum, 0);
    assert!(held.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_goes_on_losing_shares_counts_as_flooding() {
    let budget = budget(5, None);
    let is_flooding = |client: &Client| client.is_flooding.load(Ordering::SeqCst);
    let mut kept = Vec::new();
    for _ in 0..CUTS + 5 {
        kept.push(take(&budget, 1, 1));
    }
    let told = &kept[..CUTS as usize];
    assert!(told.iter().all(|(it, _)| it.is_cut() && !is_flooding(it)));
    assert!(kept[CUTS as usize..].iter().all(|(it, _)| !it.is_cut()));
    let owner = Network::from_address([192, 0, 2, 1].into());
    let more = Arc::new(Client::default());
    let refused = budget.take(owner, 6, 1, Arc::clone(&more));
    assert_eq!(refused.map(drop), Err(Exhausted));
    assert!(is_flooding(&more));
    // Others take from the flood what they need.
    let (other, _other) = take(&budget, 2, 1);
    let (oldest, _) = &kept[CUTS as usize];
    assert!(!other.is_cut() && is_flooding(oldest));

    advance(CUTS_TIME).await;
    kept.push(take(&budget, 1, 1));
    let (next, _) = &kept[CUTS as usize + 1];
    assert!(next.is_cut() && !is_flooding(next));
}

#[tokio::test(start_paused = true)]
async fn the_next_share_to_cut_is_found_without_a_search_of_all() {
    let budget = budget(1_000, None);
    let mut kept = Vec::new();
    for n in 0..10_000_u32 {
        kept.push(take(&budget, u8::try_from(n % 250).unwrap(), 1));
        advance(CUTS_TIME / 100).await;
    }
    let asked = |client: &Client| client.asked.load(Ordering::SeqCst);
    let sum: usize = kept.iter().map(|(client, _)| asked(client)).sum();
    assert!(sum <= 10_000, "{sum}");
}

#[tokio::test(start_paused = true)]
async fn shares_of_which_none_yields_are_searched_once_in_a_while() {
    let budget = budget(100, Some(10_000));
    let mut kept = Vec::new();
    let owner = Network::from_address([192, 0, 2, 1].into());
    for _ in 0..200 {
        let client = Client::busy();
        let share = budget.take(owner, 10_000, 1, Arc::clone(&client));
        kept.push((client, share.unwrap()));
    }
    let asked = || -> usize {
        let counts = kept.iter().map(|(it, _)| it.asked.load(Ordering::SeqCst));
        counts.sum()
    };
    let (_, last) = &kept[199];
    last.grow(1).unwrap();
    let before = asked();
    for _ in 0..100 {
        last.grow(1).unwrap();
    }
    assert_eq!(asked(), before);
    advance(SEARCH_INTERVAL).await;
    last.grow(1).unwrap();
    assert_eq!(asked(), before + 199);
}
