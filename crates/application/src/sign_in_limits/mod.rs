//! How often somebody may be wrong about a password.
//!
//! Within any minute, and with the default limit of ten:
//!
//! - A place (an IPv4 address, or an IPv6 network of 64 bits) may be wrong ten times.
//! - All strangers together may be wrong ten times about one account. A place is no stranger to an
//!   account to which it has signed in within thirty days: its owner, there, goes on signing in
//!   while an attack from many places goes on.
//! - One place may be wrong nine times about one account: the tenth is kept for the others, so
//!   that a single attacker never locks the owner out of a new place.
//!
//! Only wrong passwords count. An attempt is counted before its password is looked at, so that
//! many at once are no more than many in turn; while it is undecided, and it matters, the next
//! ones wait for it.
//!
//! What the rule cannot do: during an attack from several places the owner is refused at a place
//! that is new to the account, since nothing but the password tells them from the attackers.
//! Sessions and API keys that they have go on. And who shares the owner's place can find out that
//! the account is one, by not being a stranger to it.

mod guard;

use chrono::{DateTime, TimeDelta, Utc};

use crate::ports::{PastAttempt, SignInAttempt};

pub(crate) use guard::Entry;
pub(crate) use guard::SignInGuard;

/// How often somebody may be wrong about a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignInLimits {
    /// How many wrong passwords within a minute, from one place and, by strangers, for one
    /// account; 0 is no limit at all.
    pub failures_per_minute: u32,
}

impl Default for SignInLimits {
    /// Ten a minute: more than a person mistypes, and no more than 14,400 guesses a day.
    fn default() -> Self {
        Self {
            failures_per_minute: 10,
        }
    }
}

/// What becomes of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Admission {
    /// The password may be looked at.
    Admitted,
    /// That depends on attempts which are not decided yet.
    Undecided,
    /// The password is not looked at.
    Refused {
        /// When it would be again, if nobody is wrong meanwhile.
        until: DateTime<Utc>,
    },
}

/// How far back wrong passwords count.
const WINDOW: TimeDelta = TimeDelta::minutes(1);
/// How long a place is known to an account after the last sign-in.
const KNOWN: TimeDelta = TimeDelta::days(30);
/// How long an attempt may be undecided before it counts as wrong: whoever tried has gone away,
/// or the instance is lost.
const DECISION: TimeDelta = TimeDelta::seconds(10);

impl SignInLimits {
    /// Attempts from then or before do not matter at `now`.
    #[must_use]
    pub fn outdated(now: DateTime<Utc>) -> DateTime<Utc> {
        now - WINDOW
    }

    /// Places whose last sign-in was then or before are strangers at `now`.
    #[must_use]
    pub fn forgotten(now: DateTime<Utc>) -> DateTime<Utc> {
        now - KNOWN
    }

    /// What becomes of the attempt. `past` holds those of its account and those of its place that
    /// are not [`outdated`](Self::outdated); `is_known` says whether its place is known to its
    /// account.
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

/// What becomes of an attempt next to these.
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
        // Two of them may be left, of one place about one account: the newest but one is to go.
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
