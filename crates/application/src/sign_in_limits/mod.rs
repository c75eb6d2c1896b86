//! Rate limits for wrong passwords.
//!
//! Within any minute, with the default limit of ten:
//!
//! - A place (an IPv4 address or an IPv6 /64 network) may fail ten times.
//! - All strangers together may fail ten times per account. A place that signed in to the account
//!   within thirty days is no stranger to it, so the owner can sign in during a distributed attack.
//! - One place may fail nine times per account. The tenth is left for others, so that a single
//!   attacker cannot lock the owner out of a new place.
//!
//! Only wrong passwords count. An attempt counts before its password is checked, so that concurrent
//! attempts are limited like sequential ones. Later attempts wait for an undecided one that
//! matters.
//!
//! Limitations: during a distributed attack the owner cannot sign in from a new place; sessions and
//! API keys keep working. Somebody at the owner's place can learn that the account exists.

mod guard;

use chrono::{DateTime, TimeDelta, Utc};

use crate::ports::{PastAttempt, SignInAttempt};

pub(crate) use guard::Entry;
pub(crate) use guard::SignInGuard;

/// Rate limits for wrong passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignInLimits {
    /// Wrong passwords per minute, per place and, by strangers, per account; 0 disables the limit.
    pub failures_per_minute: u32,
}

impl Default for SignInLimits {
    /// Ten a minute: above human error, at most 14,400 guesses a day.
    fn default() -> Self {
        Self {
            failures_per_minute: 10,
        }
    }
}

/// The decision about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Admission {
    /// Check the password.
    Admitted,
    /// Depends on undecided attempts.
    Undecided,
    /// Do not check the password.
    Refused {
        /// When it would be admitted, without further failures.
        until: DateTime<Utc>,
    },
}

/// How long wrong passwords count.
const WINDOW: TimeDelta = TimeDelta::minutes(1);
/// How long a place stays known after a sign-in.
const KNOWN: TimeDelta = TimeDelta::days(30);
/// How long an attempt may be undecided. Then it counts as wrong: the client left, or the instance
/// died.
const DECISION: TimeDelta = TimeDelta::seconds(10);

impl SignInLimits {
    /// Attempts up to that time are outdated at `now`.
    #[must_use]
    pub fn outdated(now: DateTime<Utc>) -> DateTime<Utc> {
        now - WINDOW
    }

    /// Places that last signed in up to that time are strangers at `now`.
    #[must_use]
    pub fn forgotten(now: DateTime<Utc>) -> DateTime<Utc> {
        now - KNOWN
    }

    /// Judges the attempt. `past` has the attempts for its account and from its place that are not
    /// [`outdated`](Self::outdated); `is_known` tells whether the account knows the place.
    #[must_use]
    pub fn judge(self, attempt: &SignInAttempt, is_known: bool, past: &[PastAttempt]) -> Admission {
        let limit = self.failures_per_minute as usize;
        if limit == 0 {
            return Admission::Admitted;
        }
        let is_here = |past: &&PastAttempt| past.place == attempt.place;
        let is_same = |past: &&PastAttempt| past.account == attempt.account;
        let of_place = past.iter().filter(is_here);
        let of_account = past.iter().filter(is_same);
        let of_both = of_account.clone().filter(is_here);
        let for_place = admission(of_place, limit, attempt.at);
        let for_both = admission(of_both, (limit - 1).max(1), attempt.at);
        let for_account = match is_known {
            true => Admission::Admitted,
            false => admission(of_account, limit, attempt.at),
        };
        for_place.max(for_both).max(for_account)
    }
}

fn admission<'a>(
    past: impl Iterator<Item = &'a PastAttempt>,
    limit: usize,
    now: DateTime<Utc>,
) -> Admission {
    let (mut wrong, undecided): (Vec<_>, Vec<_>) =
        past.partition(|past| past.is_refused || past.at <= now - DECISION);
    wrong.sort_by_key(|past| past.at);
    if let Some(last) = wrong.len().checked_sub(limit) {
        let until = wrong[last].at + WINDOW;
        return Admission::Refused { until };
    }
    if wrong.len() + undecided.len() >= limit {
        return Admission::Undecided;
    }
    Admission::Admitted
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use uuid::Uuid;

    use super::{Admission, SignInLimits};
    use crate::ports::{AccountKey, PastAttempt, PlaceKey, SignInAttempt};

    const LIMITS: SignInLimits = SignInLimits {
        failures_per_minute: 10,
    };

    fn second(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_767_225_600 + second, 0).unwrap()
    }

    fn attempt(account: u8, place: u8, at: DateTime<Utc>) -> SignInAttempt {
        SignInAttempt {
            id: Uuid::nil(),
            account: AccountKey([account; 32]),
            place: PlaceKey([place; 32]),
            at,
        }
    }

    fn wrong(account: u8, place: u8, at: DateTime<Utc>) -> PastAttempt {
        PastAttempt {
            account: AccountKey([account; 32]),
            place: PlaceKey([place; 32]),
            at,
            is_refused: true,
        }
    }

    #[test]
    fn a_place_is_wrong_ten_times_whatever_the_accounts() {
        let mut past: Vec<_> = (0..9).map(|n| wrong(n, 1, second(i64::from(n)))).collect();
        let next = attempt(100, 1, second(30));
        assert_eq!(LIMITS.judge(&next, false, &past), Admission::Admitted);
        past.push(wrong(9, 1, second(9)));
        let until = second(60);
        for is_known in [false, true] {
            let judged = LIMITS.judge(&next, is_known, &past);
            assert_eq!(judged, Admission::Refused { until });
        }
        let elsewhere = attempt(100, 2, second(30));
        assert_eq!(LIMITS.judge(&elsewhere, false, &past), Admission::Admitted);
    }

    #[test]
    fn one_place_leaves_an_attempt_at_the_account_to_the_others() {
        let past: Vec<_> = (0..9).map(|n| wrong(1, 1, second(n))).collect();
        let judged = |place| LIMITS.judge(&attempt(1, place, second(9)), false, &past);
        let until = second(60);
        assert_eq!(judged(1), Admission::Refused { until });
        assert_eq!(judged(2), Admission::Admitted);
    }

    #[test]
    fn strangers_are_wrong_ten_times_about_an_account_and_its_owner_still_comes_in() {
        let past: Vec<_> = (0..10).map(|n| wrong(1, n, second(i64::from(n)))).collect();
        let next = attempt(1, 100, second(10));
        let until = second(60);
        assert_eq!(
            LIMITS.judge(&next, false, &past),
            Admission::Refused { until }
        );
        assert_eq!(LIMITS.judge(&next, true, &past), Admission::Admitted);
    }

    #[test]
    fn who_is_over_the_limit_waits_until_enough_is_outdated() {
        let past: Vec<_> = (0..12).rev().map(|n| wrong(1, 1, second(n))).collect();
        let strict = SignInLimits {
            failures_per_minute: 3,
        };
        let judged = strict.judge(&attempt(1, 1, second(12)), false, &past);
        // Two may be left, from one place for one account: the second newest must expire.
        let until = second(70);
        assert_eq!(judged, Admission::Refused { until });
    }

    #[test]
    fn what_is_undecided_is_waited_for_and_wrong_after_ten_seconds() {
        let past: Vec<_> = (0..10)
            .map(|n| PastAttempt {
                is_refused: n > 0,
                ..wrong(n, 1, second(0))
            })
            .collect();
        let at = |at| LIMITS.judge(&attempt(100, 1, at), false, &past);
        assert_eq!(at(second(0)), Admission::Undecided);
        let until = second(60);
        let late = second(0) + TimeDelta::seconds(10);
        assert_eq!(at(late), Admission::Refused { until });
    }

    #[test]
    fn without_a_limit_everybody_is_admitted() {
        let past = vec![wrong(1, 1, second(0)); 1_000];
        let none = SignInLimits {
            failures_per_minute: 0,
        };
        let judged = none.judge(&attempt(1, 1, second(1)), false, &past);
        assert_eq!(judged, Admission::Admitted);
    }
}
