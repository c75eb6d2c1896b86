//! A queue that is fair between clients.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// A semaphore that is fair between clients: they take turns, however many requests each has
/// queued. Dropping the future leaves the queue.
pub struct FairQueue<K: Client>(Arc<Mutex<State<K>>>);

/// Identifies a client.
pub trait Client: Copy + Eq + Hash + Send + 'static {}

impl<K: Copy + Eq + Hash + Send + 'static> Client for K {}

/// Bounds on waiting requests.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Per client.
    pub per_client: usize,
    /// In total. When exceeded, the client with the longest queue loses its last request.
    pub total: usize,
}

impl QueueLimits {
    /// For clients that are limited elsewhere.
    pub const NONE: Self = Self {
        per_client: usize::MAX,
        total: usize::MAX,
    };
}

/// Too many are waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueFull;

struct State<K: Client> {
    free: usize,
    limits: QueueLimits,
    waiting: HashMap<K, VecDeque<Waiter<K>>>,
    turns: VecDeque<K>,
    next_id: u64,
}

struct Waiter<K: Client> {
    id: u64,
    call: oneshot::Sender<QueuePermit<K>>,
}

/// A permit; dropping it admits the next in line.
pub struct QueuePermit<K: Client> {
    /// `None` once passed on.
    queue: Option<FairQueue<K>>,
}

struct Leave<K: Client> {
    queue: FairQueue<K>,
    client: K,
    id: u64,
}

impl<K: Client> Clone for FairQueue<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Client> fmt::Debug for FairQueue<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FairQueue")
    }
}

impl<K: Client> fmt::Debug for QueuePermit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueuePermit")
    }
}

impl<K: Client> FairQueue<K> {
    /// A queue with that many permits.
    #[must_use]
    pub fn new(permits: usize, limits: QueueLimits) -> Self {
        Self(Arc::new(Mutex::new(State {
            free: permits,
            limits,
            waiting: HashMap::new(),
            turns: VecDeque::new(),
            next_id: 0,
        })))
    }

    /// Waits for this client's turn.
    ///
    /// # Errors
    /// If too many are waiting.
    pub async fn enter(&self, client: K) -> Result<QueuePermit<K>, QueueFull> {
        let (id, called) = {
            let mut state = self.lock();
            if state.free > 0 {
                state.free -= 1;
                let queue = Some(self.clone());
                return Ok(QueuePermit { queue });
            }
            state.wait(client)?
        };
        let queue = self.clone();
        let _leave = Leave { queue, client, id };
        called.await.map_err(|_| QueueFull)
    }

    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Client> State<K> {
    fn wait(&mut self, client: K) -> Result<(u64, oneshot::Receiver<QueuePermit<K>>), QueueFull> {
        let own = self.waiting.get(&client).map_or(0, VecDeque::len);
        if own >= self.limits.per_client {
            return Err(QueueFull);
        }
        let count: usize = self.waiting.values().map(VecDeque::len).sum();
        if count >= self.limits.total {
            self.drop_last_of_longest(own)?;
        }
        let (call, called) = oneshot::channel();
        let id = self.next_id;
        self.next_id += 1;
        if own == 0 {
            self.turns.push_back(client);
        }
        let waiters = self.waiting.entry(client).or_default();
        waiters.push_back(Waiter { id, call });
        Ok((id, called))
    }

    /// Makes room for a client with `own` queued requests.
    fn drop_last_of_longest(&mut self, own: usize) -> Result<(), QueueFull> {
        let longest = self.waiting.iter().max_by_key(|(_, waiters)| waiters.len());
        let (client, length) = longest
            .map(|(client, waiters)| (*client, waiters.len()))
            .ok_or(QueueFull)?;
        if length <= own + 1 {
            return Err(QueueFull);
        }
        if let Some(waiters) = self.waiting.get_mut(&client) {
            waiters.pop_back();
        }
        self.forget_if_empty(client);
        Ok(())
    }

    fn remove(&mut self, client: K, id: u64) {
        if let Some(waiters) = self.waiting.get_mut(&client) {
            waiters.retain(|waiter| waiter.id != id);
        }
        self.forget_if_empty(client);
    }

    fn forget_if_empty(&mut self, client: K) {
        if self.waiting.get(&client).is_some_and(VecDeque::is_empty) {
            self.waiting.remove(&client);
            self.turns.retain(|it| *it != client);
        }
    }

    fn next(&mut self) -> Option<Waiter<K>> {
        let client = self.turns.pop_front()?;
        let waiters = self.waiting.get_mut(&client)?;
        let next = waiters.pop_front();
        if waiters.is_empty() {
            self.waiting.remove(&client);
        } else {
            self.turns.push_back(client);
        }
        next
    }
}

impl<K: Client> Drop for QueuePermit<K> {
    fn drop(&mut self) {
        let Some(queue) = self.queue.take() else {
            return;
        };
        let mut state = queue.lock();
        while let Some(waiter) = state.next() {
            let queue = Some(queue.clone());
            match waiter.call.send(Self { queue }) {
                Ok(()) => return,
                // Its waiter left; pass the permit on.
                Err(mut permit) => drop(permit.queue.take()),
            }
        }
        state.free += 1;
    }
}

impl<K: Client> Drop for Leave<K> {
    fn drop(&mut self) {
        self.queue.lock().remove(self.client, self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};

    use futures_util::poll;

    use super::{FairQueue, QueueFull, QueueLimits, QueuePermit};

    type Entering = Pin<Box<dyn Future<Output = Result<QueuePermit<char>, QueueFull>> + Send>>;

    fn queue(per_client: usize, total: usize) -> FairQueue<char> {
        let limits = QueueLimits { per_client, total };
        FairQueue::new(1, limits)
    }

    async fn waiting(queue: &FairQueue<char>, client: char) -> Entering {
        let queue = queue.clone();
        let mut entering: Entering = Box::pin(async move { queue.enter(client).await });
        assert!(poll!(&mut entering).is_pending());
        entering
    }

    async fn is_in(entering: &mut Entering) -> bool {
        poll!(entering).is_ready()
    }

    #[tokio::test]
    async fn clients_have_their_turns_whatever_each_has_sent() {
        let queue = queue(10, 100);
        let permit = queue.enter('a').await.unwrap();
        let mut first = waiting(&queue, 'a').await;
        let mut second = waiting(&queue, 'a').await;
        let mut other = waiting(&queue, 'b').await;
        drop(permit);
        let permit = first.as_mut().await.unwrap();
        assert!(!is_in(&mut other).await);
        drop(permit);
        let permit = other.as_mut().await.unwrap();
        assert!(!is_in(&mut second).await);
        drop(permit);
        assert!(second.as_mut().await.is_ok());
    }

    #[tokio::test]
    async fn whoever_goes_away_leaves_the_queue() {
        let queue = queue(10, 100);
        let permit = queue.enter('a').await.unwrap();
        let gone: Vec<_> = (0..10).map(|_| Box::pin(queue.enter('a'))).collect();
        for mut gone in gone {
            assert!(poll!(&mut gone).is_pending());
        }
        let called = waiting(&queue, 'a').await;
        let mut last = waiting(&queue, 'a').await;
        drop(permit);
        // Admitted, but dropped before noticing.
        drop(called);
        assert!(last.as_mut().await.is_ok());
        assert_eq!(queue.lock().free, 1);
        assert!(queue.lock().turns.is_empty() && queue.lock().waiting.is_empty());
    }

    #[tokio::test]
    async fn a_client_waits_with_no_more_than_its_limit() {
        let queue = queue(2, 100);
        let _place = queue.enter('a').await.unwrap();
        let _waiting = [waiting(&queue, 'a').await, waiting(&queue, 'a').await];
        assert_eq!(queue.enter('a').await.err(), Some(QueueFull));
        let _other = waiting(&queue, 'b').await;
    }

    #[tokio::test]
    async fn a_full_queue_makes_room_at_the_cost_of_whoever_has_the_most() {
        let queue = queue(10, 3);
        let _place = queue.enter('a').await.unwrap();
        let mut first = waiting(&queue, 'a').await;
        let mut last = waiting(&queue, 'a').await;
        let mut other = waiting(&queue, 'b').await;
        let mut third = waiting(&queue, 'c').await;
        assert_eq!(last.as_mut().await.err(), Some(QueueFull));
        let mut fourth = pin!(queue.enter('d'));
        assert!(poll!(&mut fourth).is_ready(), "no client has more than one");
        assert!(!is_in(&mut first).await && !is_in(&mut other).await && !is_in(&mut third).await);
    }
}
