//! Stands at the door: lets attempts to sign in pass as the limits say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use super::{Admission, SignInLimits, WINDOW};
use crate::Error;
use crate::ports::{AccountKey, Clock, PlaceKey, PortError, SignInAttempt, SignInRepository};

/// Between two looks whether others are decided, and how many; together as long as an attempt may
/// be undecided.
const PAUSE: Duration = Duration::from_millis(100);
const LOOKS: u32 = 100;
/// How many refusals are kept in memory: a few megabytes.
const MAX_REFUSALS: usize = 20_000;

/// Lets attempts to sign in pass as the limits say.
#[derive(Clone)]
pub struct SignInGuard {
    attempts: Arc<dyn SignInRepository>,
    limits: SignInLimits,
    /// Attempts go in as passwords can be looked at: a crowd waits here, and not in the store.
    queue: Arc<Semaphore>,
    refusals: Arc<Refusals>,
}

/// An attempt that may go on. While it is kept, it has its place in the queue.
pub(crate) struct Entry {
    attempt: SignInAttempt,
    _place: Option<OwnedSemaphorePermit>,
}

impl SignInGuard {
    /// A guard that counts there, where so many passwords are looked at at once.
    #[must_use]
    pub fn new(
        attempts: Arc<dyn SignInRepository>,
        limits: SignInLimits,
        password_slots: usize,
    ) -> Self {
        // One asks the store while another's password is looked at.
        let places = password_slots.max(1).saturating_mul(2);
        Self {
            attempts,
            limits,
            queue: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))),
            refusals: Arc::default(),
        }
    }

    /// Lets the attempt pass, perhaps after others that are under way; sets its time.
    ///
    /// # Errors
    /// `TooManySignIns`.
    pub(crate) async fn admit(
        &self,
        mut attempt: SignInAttempt,
        clock: &dyn Clock,
    ) -> Result<Entry, Error> {
        if !self.is_watching() {
            return Ok(Entry {
                attempt,
                _place: None,
            });
        }
        self.refusals.check(&attempt, clock.now())?;
        let queue = Arc::clone(&self.queue);
        let place = queue.acquire_owned().await.map_err(PortError::other)?;
        for _ in 0..LOOKS {
            attempt.at = clock.now();
            // Somebody before it in the queue may have been the last.
            self.refusals.check(&attempt, attempt.at)?;
            match self.attempts.begin(&attempt, self.limits).await? {
                Admission::Admitted => {
                    let _place = Some(place);
                    return Ok(Entry { attempt, _place });
                }
                Admission::Undecided => sleep(PAUSE).await,
                Admission::Refused { until } => {
                    self.refusals.add(&attempt, until);
                    return Err(refusal(until - attempt.at));
                }
            }
        }
        Err(refusal(super::DECISION))
    }

    /// The password was wrong.
    pub(crate) async fn refuse(&self, entry: &Entry) -> Result<(), Error> {
        if self.is_watching() {
            self.attempts.refuse(&entry.attempt).await?;
        }
        Ok(())
    }

    /// The password was right.
    pub(crate) async fn succeed(&self, entry: &Entry) -> Result<(), Error> {
        if self.is_watching() {
            self.attempts.succeed(&entry.attempt).await?;
        }
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
