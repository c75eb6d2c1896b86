//! Tracks a connection's activity.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::sleep;

#[derive(Debug, Clone, Default)]
pub(crate) struct Activity(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    begun: AtomicUsize,
    ended: AtomicUsize,
    waiting: AtomicUsize,
    taken: AtomicUsize,
    is_blocked: AtomicBool,
}

#[derive(Debug)]
pub(crate) struct Waiting(Activity);

/// From head to last response byte.
#[derive(Debug)]
pub(super) struct UnderWay(Activity);

impl Activity {
    pub(super) fn begin(&self) -> UnderWay {
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        UnderWay(self.clone())
    }

    /// Marks a request as waiting for its client to send or read.
    pub(crate) fn wait(&self) -> Waiting {
        self.0.waiting.fetch_add(1, Ordering::SeqCst);
        Waiting(self.clone())
    }

    pub(super) fn take(&self) {
        self.0.taken.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn taken(&self) -> usize {
        self.0.taken.load(Ordering::Relaxed)
    }

    /// The whole connection waits for its client to read.
    pub(super) fn is_blocked(&self) -> bool {
        self.0.is_blocked.load(Ordering::Relaxed)
    }

    pub(super) fn set_blocked(&self, is_blocked: bool) {
        self.0.is_blocked.store(is_blocked, Ordering::Relaxed);
    }

    /// No request in progress, or all wait for the client.
    pub(super) fn only_waits(&self) -> bool {
        let waiting = self.0.waiting.load(Ordering::SeqCst);
        let ended = self.0.ended.load(Ordering::SeqCst);
        self.0.begun.load(Ordering::SeqCst) <= ended + waiting
    }

    /// Completes after `time` without activity, up to twice as long.
    pub(super) async fn idle(&self, time: Duration) {
        loop {
            let before = self.0.begun.load(Ordering::SeqCst);
            let was_idle = before == self.0.ended.load(Ordering::SeqCst);
            sleep(time).await;
            if was_idle && before == self.0.begun.load(Ordering::SeqCst) {
                return;
            }
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep, timeout};

    use super::Activity;

    const TIME: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_requests_is_idle_at_once() {
        let begin = Instant::now();
        Activity::default().idle(TIME).await;
        assert_eq!(begin.elapsed(), TIME);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_not_idle_while_a_request_is_under_way() {
        let activity = Activity::default();
        let request = activity.begin();
        assert!(timeout(TIME * 10, activity.idle(TIME)).await.is_err());
        drop(request);
        assert!(timeout(TIME * 2, activity.idle(TIME)).await.is_ok());
    }

    #[test]
    fn a_connection_only_waits_unless_a_request_is_worked_on() {
        let activity = Activity::default();
        assert!(activity.only_waits());
        let request = activity.begin();
        assert!(!activity.only_waits());
        let waiting = activity.wait();
        assert!(activity.only_waits());
        let other = activity.begin();
        assert!(!activity.only_waits());
        drop((other, waiting));
        assert!(!activity.only_waits());
        drop(request);
        assert!(activity.only_waits());
    }

    #[tokio::test(start_paused = true)]
    async fn every_request_begins_the_idle_time_anew() {
        let activity = Activity::default();
        let idle = activity.idle(TIME);
        let requests = async {
            for _ in 0..20 {
                drop(activity.begin());
                sleep(TIME / 2).await;
            }
        };
        tokio::select! {
            () = idle => panic!("reported as idle"),
            () = requests => {}
        }
    }
}
