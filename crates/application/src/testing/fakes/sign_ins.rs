//! In-memory sign-in attempts.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::memory::Memory;
use crate::ports::{PastAttempt, PortError, SignInAttempt, SignInRepository};
use crate::sign_in_limits::{Admission, SignInLimits};

#[async_trait]
impl SignInRepository for Memory {
    async fn begin(
        &self,
        attempt: &SignInAttempt,
        limits: SignInLimits,
    ) -> Result<Admission, PortError> {
        self.with(|records| {
            let outdated = SignInLimits::outdated(attempt.at);
            let attempts = records.sign_ins.values();
            let past = attempts
                .filter(|it| it.account == attempt.account || it.place == attempt.place)
                .filter(|it| it.at > outdated);
            let past: Vec<_> = past.cloned().collect();
            let last = records.places.get(&(attempt.account, attempt.place));
            let is_known = last.is_some_and(|last| *last > SignInLimits::forgotten(attempt.at));
            let admission = limits.judge(attempt, is_known, &past);
            if admission == Admission::Admitted {
                let undecided = PastAttempt {
                    account: attempt.account,
                    place: attempt.place,
                    at: attempt.at,
                    is_refused: false,
                };
                records.sign_ins.insert(attempt.id, undecided);
            }
            Ok(admission)
        })
    }

    async fn refuse(&self, attempt: &SignInAttempt) -> Result<(), PortError> {
        self.with(|records| {
            if let Some(kept) = records.sign_ins.get_mut(&attempt.id) {
                kept.is_refused = true;
            }
            Ok(())
        })
    }

    async fn succeed(&self, attempt: &SignInAttempt) -> Result<(), PortError> {
        self.with(|records| {
            records.sign_ins.remove(&attempt.id);
            let place = (attempt.account, attempt.place);
            records.places.insert(place, attempt.at);
            Ok(())
        })
    }

    async fn withdraw(&self, attempt: &SignInAttempt) -> Result<(), PortError> {
        self.with(|records| {
            records.sign_ins.remove(&attempt.id);
            Ok(())
        })
    }

    async fn remove_outdated(&self, now: DateTime<Utc>) -> Result<u64, PortError> {
        self.with(|records| {
            let before = records.sign_ins.len() + records.places.len();
            let outdated = SignInLimits::outdated(now);
            records.sign_ins.retain(|_, kept| kept.at > outdated);
            let forgotten = SignInLimits::forgotten(now);
            records.places.retain(|_, last| *last > forgotten);
            Ok((before - records.sign_ins.len() - records.places.len()) as u64)
        })
    }
}
