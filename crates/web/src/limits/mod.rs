//! Limits on what idle clients hold: connections, unfinished bodies, unread responses. The largest
//! holder yields first, so nobody can lock others out.

mod budget;
mod request_slots;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use colloquy_application::ports::Reading;
use tokio::time::Instant;

pub(crate) use budget::{Budget, Cut, Holder, Room, Share};
pub(crate) use request_slots::{RequestSlot, RequestSlots};

const RECENT: Duration = Duration::from_secs(10);
const LOG_INTERVAL: Duration = Duration::from_secs(30);

/// A limit on number or bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Open connections.
    Connections,
    /// Running and queued.
    Requests,
    /// Requests that wait for their clients, mostly for their bodies.
    RequestBodies,
    /// Responses being sent.
    Answers,
}

impl Limit {
    /// Every limit.
    pub const ALL: [Self; 4] = [
        Self::Connections,
        Self::Requests,
        Self::RequestBodies,
        Self::Answers,
    ];

    /// Name in metrics and health reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Requests => "requests",
            Self::RequestBodies => "request_bodies",
            Self::Answers => "answers",
        }
    }
}

/// Counts and logs how often each limit is reached. Clones share their counts.
#[derive(Debug, Clone, Default)]
pub struct Limits(Arc<[Record; Limit::ALL.len()]>);

#[derive(Debug, Default)]
struct Record {
    count: AtomicU64,
    times: Mutex<Times>,
}

#[derive(Debug, Default)]
struct Times {
    reached: Option<Instant>,
    logged: Option<Instant>,
}

impl Limits {
    pub(crate) fn reached(&self, limit: Limit) {
        let record = &self.0[limit as usize];
        let count = record.count.fetch_add(1, Ordering::Relaxed) + 1;
        let now = Instant::now();
        let mut times = record.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.reached = Some(now);
        let is_due = times
            .logged
            .is_none_or(|logged| now - logged >= LOG_INTERVAL);
        if is_due {
            times.logged = Some(now);
            tracing::warn!(limit = limit.as_str(), count, "limit reached");
        }
    }

    /// Limits reached within the last ten seconds.
    pub fn reached_lately(&self) -> Vec<Limit> {
        let is_recent = |limit: &Limit| {
            let times = &self.0[*limit as usize].times;
            let times = times.lock().unwrap_or_else(PoisonError::into_inner);
            times.reached.is_some_and(|it| it.elapsed() < RECENT)
        };
        Limit::ALL.into_iter().filter(is_recent).collect()
    }

    pub(crate) fn readings(&self) -> impl Iterator<Item = Reading> {
        Limit::ALL.into_iter().map(|limit| {
            let count = self.0[limit as usize].count.load(Ordering::Relaxed);
            let help = "Requests, responses and connections rejected or cut because of a limit";
            Reading::count("colloquy_limit_reached", help, count).with("limit", limit.as_str())
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::{Limit, Limits, RECENT};

    #[tokio::test(start_paused = true)]
    async fn a_limit_counts_as_reached_for_ten_seconds() {
        let limits = Limits::default();
        assert_eq!(limits.reached_lately(), []);
        limits.reached(Limit::RequestBodies);
        assert_eq!(limits.reached_lately(), [Limit::RequestBodies]);
        advance(RECENT).await;
        assert_eq!(limits.reached_lately(), []);
    }
}
