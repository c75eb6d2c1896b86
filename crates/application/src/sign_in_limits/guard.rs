//! Stands at the door: lets attempts to sign in pass as the limits say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};
use tracing::Instrument as _;

use super::{Admission, SignInLimits, WINDOW};
use crate::Error;
use crate::fair_queue::{FairQueue, Place, QueueFull, QueueLimits};
use crate::ports::{AccountKey, Clock, PlaceKey, PortError, SignInAttempt, SignInRepository};

/// Between two looks whether others are decided, and how many; together as long as an attempt may
/// be undecided.
const PAUSE: Duration = Duration::from_millis(100);
const LOOKS: u32 = 100;
/// How many attempts may wait: what can be looked at within seconds from one place, and within
/// [`LONGEST_WAIT`] from all.
const QUEUE: QueueLimits = QueueLimits {
    per_client: 256,
    total: 2_048,
};
/// How long an attempt may wait for its turn.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How many refusals are kept in memory: a few megabytes.
const MAX_REFUSALS: usize = 20_000;

/// Lets attempts to sign in pass as the limits say.
#[derive(Clone)]
pub(crate) struct SignInGuard {
    attempts: Arc<dyn SignInRepository>,
    limits: SignInLimits,
    /// Attempts go in as passwords can be looked at: a crowd waits here, and not in the store.
    queue: FairQueue<PlaceKey>,
    refusals: Arc<Refusals>,
}

/// An attempt that may go on. While it is kept, it has its place in the queue. Dropped without a
/// decision, because its client is gone or the store failed, it counts for nothing.
pub(crate) struct Entry {
    undecided: Option<Undecided>,
    _place: Place<PlaceKey>,
}

impl SignInGuard {
    /// A guard that counts there, where so many passwords are looked at at once.
    #[must_use]
    pub(crate) fn new(
        attempts: Arc<dyn SignInRepository>,
        limits: SignInLimits,
        password_slots: usize,
    ) -> Self {
        // One asks the store while another's password is looked at.
        let places = password_slots.max(1).saturating_mul(2);
        Self {
            attempts,
            limits,
            queue: FairQueue::new(places, QUEUE),
            refusals: Arc::default(),
        }
    }

    /// Lets the attempt pass, perhaps after others that are under way; sets its time.
    ///
    /// # Errors
    /// `TooManySignIns`, `TooManyWaiting`.
    pub(crate) async fn admit(
        &self,
        mut attempt: SignInAttempt,
        clock: &dyn Clock,
    ) -> Result<Entry, Error> {
        for _ in 0..LOOKS {
            self.refusals.check(&attempt, clock.now())?;
            let place = self.place(attempt.place).await?;
            attempt.at = clock.now();
            // Somebody before it in the queue may have been the last.
            self.refusals.check(&attempt, attempt.at)?;
            match self.begin(&attempt).await? {
                (Admission::Admitted, undecided) => {
                    return Ok(Entry {
                        undecided,
                        _place: place,
                    });
                }
                (Admission::Undecided, _) => {
                    // Whom it waits for may need the place.
                    drop(place);
                    sleep(PAUSE).await;
                }
                (Admission::Refused { until }, _) => {
                    self.refusals.add(&attempt, until);
                    return Err(refusal(until - attempt.at));
                }
            }
        }
        Err(refusal(super::DECISION))
    }

    async fn place(&self, of: PlaceKey) -> Result<Place<PlaceKey>, Error> {
        let place = timeout(LONGEST_WAIT, self.queue.enter(of)).await;
        let place = place.map_err(|_| Error::TooManyWaiting)?;
        place.map_err(|QueueFull| Error::TooManyWaiting)
    }

    /// Has the attempt judged and kept. That goes on without its client: what is kept of one that
    /// is gone is removed again.
    async fn begin(
        &self,
        attempt: &SignInAttempt,
    ) -> Result<(Admission, Option<Undecided>), Error> {
        if !self.is_watching() {
            return Ok((Admission::Admitted, None));
        }
        let (attempts, limits) = (Arc::clone(&self.attempts), self.limits);
        let attempt = attempt.clone();
        let begun = async move {
            let admission = attempts.begin(&attempt, limits).await?;
            let undecided = (admission == Admission::Admitted).then(|| Undecided {
                attempts,
                attempt: Some(attempt),
            });
            Ok((admission, undecided))
        };
        let begun = tokio::spawn(begun.in_current_span()).await;
        begun.map_err(PortError::other)?
    }

    /// The password was wrong.
    pub(crate) async fn refuse(&self, mut entry: Entry) -> Result<(), Error> {
        if let Some(attempt) = entry.attempt() {
            self.attempts.refuse(attempt).await?;
        }
        entry.is_decided();
        Ok(())
    }

    /// The password was right.
    pub(crate) async fn succeed(&self, mut entry: Entry) -> Result<(), Error> {
        if let Some(attempt) = entry.attempt() {
            self.attempts.succeed(attempt).await?;
        }
        entry.is_decided();
        Ok(())
    }

    /// Forgets what does not matter any more; how much.
    ///
    /// # Errors
    /// Only the store's own.
    pub(crate) async fn remove_outdated(&self, now: DateTime<Utc>) -> Result<u64, Error> {
        Ok(self.attempts.remove_outdated(now).await?)
    }

    fn is_watching(&self) -> bool {
        self.limits.failures_per_minute > 0
    }
}

impl Entry {
    fn attempt(&self) -> Option<&SignInAttempt> {
        self.undecided.as_ref()?.attempt.as_ref()
    }

    fn is_decided(&mut self) {
        if let Some(undecided) = &mut self.undecided {
            undecided.attempt = None;
        }
    }
}

/// An attempt that is kept as undecided, and withdrawn when dropped like that: others would wait
/// for the decision.
struct Undecided {
    attempts: Arc<dyn SignInRepository>,
    attempt: Option<SignInAttempt>,
}

impl Drop for Undecided {
    fn drop(&mut self) {
        let Some(attempt) = self.attempt.take() else {
            return;
        };
        let attempts = Arc::clone(&self.attempts);
        let withdrawn = async move {
            if let Err(error) = attempts.withdraw(&attempt).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "abandoned sign-in not withdrawn");
            }
        };
        // Without a runtime the process is ending.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(withdrawn);
        }
    }
}

/// Who was refused of late, and until when: they need not ask the store again, since nothing can
/// make it sooner.
#[derive(Default)]
struct Refusals(Mutex<HashMap<(AccountKey, PlaceKey), DateTime<Utc>>>);

impl Refusals {
    fn check(&self, attempt: &SignInAttempt, now: DateTime<Utc>) -> Result<(), Error> {
        let until = self.lock().get(&(attempt.account, attempt.place)).copied();
        match until {
            Some(until) if until > now => Err(refusal(until - now)),
            _ => Ok(()),
        }
    }

    fn add(&self, attempt: &SignInAttempt, until: DateTime<Utc>) {
        let mut refusals = self.lock();
        if refusals.len() >= MAX_REFUSALS {
            refusals.retain(|_, until| *until > attempt.at);
        }
        if refusals.len() < MAX_REFUSALS {
            refusals.insert((attempt.account, attempt.place), until);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(AccountKey, PlaceKey), DateTime<Utc>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of attempts at once the others may be a moment later than this one; nobody waits for longer than
/// they count.
fn refusal(wait: TimeDelta) -> Error {
    let retry_after = wait.min(WINDOW).to_std().unwrap_or_default();
    Error::TooManySignIns { retry_after }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::TimeDelta;

    use super::{WINDOW, refusal};
    use crate::Error;

    #[test]
    fn nobody_waits_for_longer_than_a_wrong_password_counts() {
        let a_moment_later = refusal(WINDOW + TimeDelta::milliseconds(1));
        assert!(
            matches!(a_moment_later, Error::TooManySignIns { retry_after }
                if retry_after == Duration::from_secs(60))
        );
    }
}
