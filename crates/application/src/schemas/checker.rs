//! Compiles schemas and checks values on dedicated threads.

use std::sync::Arc;
use std::time::Duration;

use colloquy_domain::{Actor, UserId, Violation};
use serde_json::Value;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::Schema;
use crate::fair_queue::{FairQueue, QueueLimits, QueuePermit};

/// Compiles schemas and checks values, a few at once. Users take turns, however many jobs each has.
#[derive(Clone)]
pub(crate) struct SchemaChecker {
    slots: FairQueue<Option<UserId>>,
    /// Permits for jobs that gave up their slot after `time`.
    overdue: Arc<Semaphore>,
    time: Duration,
}

const SLOTS: usize = 2;
const QUEUE: QueueLimits = QueueLimits {
    per_client: 256,
    total: 4_096,
};
/// After this time a job, which cannot be stopped, gives up its slot. A safety net: the bounds keep
/// jobs well below it.
const TIME: Duration = Duration::from_secs(2);
/// Maximum number of such jobs: each may occupy a core.
const MAX_OVERDUE: usize = 4;
/// Told to the model when its answer cannot be checked.
const UNCHECKED: &str = "It could not be checked.";

impl Default for SchemaChecker {
    fn default() -> Self {
        Self::with_time(TIME)
    }
}

impl SchemaChecker {
    fn with_time(time: Duration) -> Self {
        Self {
            slots: FairQueue::new(SLOTS, QUEUE),
            overdue: Arc::new(Semaphore::new(MAX_OVERDUE)),
            time,
        }
    }

    /// See [`Schema::compile`].
    ///
    /// # Errors
    /// Those of `Schema::compile`.
    pub(crate) async fn compile(&self, actor: &Actor, schema: Value) -> Result<Schema, Violation> {
        let read = self.work(actor, move || Schema::compile(&schema)).await;
        read.unwrap_or_else(|| Err(Violation::new("invalid_schema", "could not be read")))
    }

    /// Parses a value with `read` and checks it.
    ///
    /// # Errors
    /// What is wrong, for the model.
    pub(crate) async fn check(
        &self,
        actor: &Actor,
        schema: &Schema,
        read: impl FnOnce() -> Result<Value, String> + Send + 'static,
    ) -> Result<Value, String> {
        let schema = schema.clone();
        let checked = self.work(actor, move || {
            let value = read()?;
            schema.check(&value)?;
            Ok(value)
        });
        checked.await.unwrap_or_else(|| Err(UNCHECKED.to_owned()))
    }

    /// Runs a job; `None` if it panics, takes too long, or too many wait. A started job keeps its
    /// slot after its caller is gone.
    async fn work<T: Send + 'static>(
        &self,
        actor: &Actor,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let user = actor.user().map(|user| user.id);
        let slot = self.slots.enter(user).await.ok()?;
        let (tell, told) = oneshot::channel();
        let job = Job {
            work: spawn_blocking(job),
            slot,
            overdue: Arc::clone(&self.overdue),
        };
        tokio::spawn(job.watch(self.time, tell));
        told.await.ok()
    }
}

struct Job<T> {
    work: JoinHandle<T>,
    slot: QueuePermit<Option<UserId>>,
    overdue: Arc<Semaphore>,
}

impl<T> Job<T> {
    async fn watch(self, time: Duration, tell: oneshot::Sender<T>) {
        let Self {
            mut work,
            slot,
            overdue,
        } = self;
        if let Ok(ended) = timeout(time, &mut work).await {
            drop(slot);
            if let Ok(result) = ended {
                // The caller may be gone.
                let _ = tell.send(result);
            }
            return;
        }
        drop(tell);
        tracing::warn!("a schema check exceeded its time limit");
        tokio::select! {
            _permit = overdue.acquire() => {
                drop(slot);
                let _ = work.await;
            }
            _ = &mut work => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};
    use std::time::Duration;

    use colloquy_domain::Actor;

    use super::{MAX_OVERDUE, SLOTS, SchemaChecker};

    /// A checker with that many overdue jobs, which end with the senders.
    async fn held(jobs: usize) -> (SchemaChecker, Vec<Sender<()>>) {
        let checker = SchemaChecker::with_time(Duration::from_millis(10));
        let mut kept = Vec::new();
        for _ in 0..jobs {
            let (keep, wait) = channel::<()>();
            kept.push(keep);
            let given_up = checker.work(&Actor::Guest, move || wait.recv()).await;
            assert!(given_up.is_none());
        }
        (checker, kept)
    }

    #[tokio::test]
    async fn a_job_that_takes_too_long_gives_its_slot_to_the_next() {
        let (checker, _kept) = held(MAX_OVERDUE).await;
        let checked = checker.work(&Actor::Guest, || "checked").await;
        assert_eq!(checked, Some("checked"));
    }

    #[tokio::test]
    async fn jobs_without_a_slot_are_limited_and_those_that_end_make_room() {
        let (checker, mut kept) = held(MAX_OVERDUE + SLOTS).await;
        let other = checker.clone();
        let waiting = tokio::spawn(async move { other.work(&Actor::Guest, || "checked").await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        kept.pop();
        assert_eq!(waiting.await.unwrap(), Some("checked"));
    }

    #[tokio::test]
    async fn a_panic_ends_its_job_only() {
        let checker = SchemaChecker::default();
        for _ in 0..=SLOTS {
            let ended = checker.work(&Actor::Guest, || std::panic::resume_unwind(Box::new(())));
            assert_eq!(ended.await, None::<()>);
        }
        let checked = checker.work(&Actor::Guest, || "checked").await;
        assert_eq!(checked, Some("checked"));
    }
}
