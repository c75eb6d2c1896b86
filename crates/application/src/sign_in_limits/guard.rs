//! Admits sign-in attempts within the limits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};
use tracing::Instrument as _;

use super::{Admission, SignInLimits, WINDOW};
use crate::Error;
use crate::fair_queue::{FairQueue, QueueFull, QueueLimits, QueuePermit};
use crate::ports::{AccountKey, Clock, PlaceKey, PortError, SignInAttempt, SignInRepository};

/// Poll interval for undecided attempts, and number of polls: together the time an attempt may be
/// undecided.
const PAUSE: Duration = Duration::from_millis(100);
const LOOKS: u32 = 100;
/// Queue bounds: what is checked within seconds for one place, and within [`LONGEST_WAIT`] in
/// total.
const QUEUE: QueueLimits = QueueLimits {
    per_client: 256,
    total: 2_048,
};
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Refusals kept in memory: a few megabytes.
const MAX_REFUSALS: usize = 20_000;

#[derive(Clone)]
pub(crate) struct SignInGuard {
    attempts: Arc<dyn SignInRepository>,
    limits: SignInLimits,
    /// Caps attempts at what can be checked, so that a crowd waits here and not in the store.
    queue: FairQueue<PlaceKey>,
    refusals: Arc<Refusals>,
}

/// An admitted attempt and its queue permit. Does not count if dropped undecided.
pub(crate) struct Entry {
    undecided: Option<Undecided>,
    _permit: QueuePermit<PlaceKey>,
}

impl SignInGuard {
    #[must_use]
    pub(crate) fn new(
        attempts: Arc<dyn SignInRepository>,
        limits: SignInLimits,
        password_slots: usize,
    ) -> Self {
        // While one password is checked, another attempt queries the store.
        let permits = password_slots.max(1).saturating_mul(2);
        Self {
            attempts,
            limits,
            queue: FairQueue::new(permits, QUEUE),
            refusals: Arc::default(),
        }
    }

    /// Waits until the attempt is admitted and sets its time.
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
            let permit = self.permit(attempt.place).await?;
            attempt.at = clock.now();
            // An attempt ahead in the queue may have exhausted the limit.
            self.refusals.check(&attempt, attempt.at)?;
            match self.begin(&attempt).await? {
                (Admission::Admitted, undecided) => {
                    return Ok(Entry {
                        undecided,
                        _permit: permit,
                    });
                }
                (Admission::Undecided, _) => {
                    // The undecided attempt may need the permit.
                    drop(permit);
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

    async fn permit(&self, of: PlaceKey) -> Result<QueuePermit<PlaceKey>, Error> {
        let permit = timeout(LONGEST_WAIT, self.queue.enter(of)).await;
        let permit = permit.map_err(|_| Error::TooManyWaiting)?;
        permit.map_err(|QueueFull| Error::TooManyWaiting)
    }

    /// Judges and stores the attempt. Completes even if the client leaves; the attempt is then
    /// withdrawn.
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

    pub(crate) async fn refuse(&self, mut entry: Entry) -> Result<(), Error> {
        if let Some(attempt) = entry.attempt() {
            self.attempts.refuse(attempt).await?;
        }
        entry.is_decided();
        Ok(())
    }

    pub(crate) async fn succeed(&self, mut entry: Entry) -> Result<(), Error> {
        if let Some(attempt) = entry.attempt() {
            self.attempts.succeed(attempt).await?;
        }
        entry.is_decided();
        Ok(())
    }

    /// Removes outdated attempts and places. Returns the number.
    ///
    /// # Errors
    /// Only the store's.
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

/// A stored, undecided attempt. Withdrawn on drop, so that others need not wait for it.
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
        // Without a runtime the process is exiting.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(withdrawn);
        }
    }
}

/// Recent refusals and their end times, so that repeated attempts need not query the store. Nothing
/// shortens a refusal.
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

/// Rounds up: concurrent attempts may be slightly later than this one.
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
