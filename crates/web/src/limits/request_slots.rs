//! Slots for running and queued requests; no client gets more than half.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::client_address::Network;

/// Clones share the slots.
#[derive(Clone)]
pub(crate) struct RequestSlots(Arc<Inner>);

struct Inner {
    total: usize,
    per_client: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    sum: usize,
    by_client: HashMap<Network, usize>,
}

/// Returned on drop.
pub(crate) struct RequestSlot {
    slots: RequestSlots,
    client: Network,
}

impl RequestSlots {
    pub(crate) fn new(total: usize) -> Self {
        Self(Arc::new(Inner {
            total,
            per_client: total.div_ceil(2),
            taken: Mutex::default(),
        }))
    }

    /// `None` if the client has its share or all are taken.
    pub(crate) fn take(&self, client: Network) -> Option<RequestSlot> {
        let mut taken = self.lock();
        let own = taken.by_client.get(&client).copied().unwrap_or(0);
        if taken.sum >= self.0.total || own >= self.0.per_client {
            return None;
        }
        taken.sum += 1;
        taken.by_client.insert(client, own + 1);
        let slots = self.clone();
        Some(RequestSlot { slots, client })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RequestSlot {
    fn drop(&mut self) {
        let mut taken = self.slots.lock();
        taken.sum -= 1;
        if let Some(own) = taken.by_client.get_mut(&self.client) {
            *own -= 1;
            if *own == 0 {
                taken.by_client.remove(&self.client);
            }
        }
    }
}

impl fmt::Debug for RequestSlots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestSlots({})", self.0.total)
    }
}

impl fmt::Debug for RequestSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestSlot({:?})", self.client)
    }
}

#[cfg(test)]
mod tests {
    use super::RequestSlots;
    use crate::client_address::Network;

    fn client(last: u8) -> Network {
        Network::from_address([192, 0, 2, last].into())
    }

    #[test]
    fn no_client_gets_more_than_half() {
        for (total, half) in [(0, 0), (1, 1), (2, 1), (5, 3), (1_024, 512)] {
            let slots = RequestSlots::new(total);
            let take_all = |last| {
                let slots = std::iter::from_fn(|| slots.take(client(last)));
                slots.collect::<Vec<_>>()
            };
            let first = take_all(1);
            assert_eq!(first.len(), half, "{total}");
            assert_eq!(take_all(2).len(), total - half, "{total}");
        }
    }

    #[test]
    fn all_clients_share_the_total() {
        let slots = RequestSlots::new(4);
        let clients = [1, 1, 2, 3].map(client);
        let mut taken: Vec<_> = clients.into_iter().map(|it| slots.take(it)).collect();
        assert!(taken.iter().all(Option::is_some));
        assert!(slots.take(client(4)).is_none());
        taken.clear();
        assert!(slots.take(client(4)).is_some());
        assert!(slots.lock().by_client.is_empty());
    }
}
