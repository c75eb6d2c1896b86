//! Contract of [`SignInRepository`](crate::ports::SignInRepository).

use chrono::{DateTime, TimeDelta, Utc};

use super::{Stores, at_once};
use crate::ports::{AccountKey, PlaceKey, SignInAttempt};
use crate::sign_in_limits::{Admission, SignInLimits};
use crate::testing::samples::{Samples, second};

const LIMITS: SignInLimits = SignInLimits {
    failures_per_minute: 10,
};

fn attempt(make: &Samples, account: u8, place: u8, at: DateTime<Utc>) -> SignInAttempt {
    SignInAttempt {
        id: make.user_id().as_uuid(),
        account: AccountKey([account; 32]),
        place: PlaceKey([place; 32]),
        at,
    }
}

async fn begin(stores: &Stores, attempt: &SignInAttempt) -> Admission {
    stores.sign_ins.begin(attempt, LIMITS).await.unwrap()
}

async fn is_wrong(stores: &Stores, attempt: &SignInAttempt) {
    assert_eq!(begin(stores, attempt).await, Admission::Admitted);
    stores.sign_ins.refuse(attempt).await.unwrap();
}

pub async fn wrong_passwords_count_for_a_minute(stores: &Stores) {
    let make = Samples::new();
    for n in 0..10 {
        is_wrong(stores, &attempt(&make, n, 1, second(i64::from(n)))).await;
    }
    let until = second(60);
    let tenth = attempt(&make, 10, 1, second(30));
    assert_eq!(begin(stores, &tenth).await, Admission::Refused { until });
    let late = until - TimeDelta::microseconds(1);
    let late = attempt(&make, 10, 1, late);
    assert_eq!(begin(stores, &late).await, Admission::Refused { until });
    is_wrong(stores, &attempt(&make, 10, 1, until)).await;
    let until = second(61);
    let next = attempt(&make, 10, 1, second(60));
    assert_eq!(begin(stores, &next).await, Admission::Refused { until });
}

pub async fn a_place_and_an_account_are_counted_apart(stores: &Stores) {
    let make = Samples::new();
    for n in 0..9 {
        is_wrong(stores, &attempt(&make, 1, 1, second(n))).await;
    }
    let until = second(60);
    let here = attempt(&make, 1, 1, second(10));
    assert_eq!(begin(stores, &here).await, Admission::Refused { until });
    is_wrong(stores, &attempt(&make, 2, 1, second(10))).await;
    is_wrong(stores, &attempt(&make, 1, 2, second(10))).await;
    for (account, place) in [(3, 1), (1, 3)] {
        let next = attempt(&make, account, place, second(20));
        assert_eq!(begin(stores, &next).await, Admission::Refused { until });
    }
    is_wrong(stores, &attempt(&make, 3, 3, second(20))).await;
}

pub async fn a_right_password_counts_for_nothing(stores: &Stores) {
    let make = Samples::new();
    for _ in 0..30 {
        let right = attempt(&make, 1, 1, second(0));
        assert_eq!(begin(stores, &right).await, Admission::Admitted);
        stores.sign_ins.succeed(&right).await.unwrap();
    }
}

pub async fn a_place_is_known_for_thirty_days_after_the_last_sign_in(stores: &Stores) {
    let make = Samples::new();
    for day in [0, 20] {
        let right = attempt(&make, 1, 1, second(0) + TimeDelta::days(day));
        assert_eq!(begin(stores, &right).await, Admission::Admitted);
        stores.sign_ins.succeed(&right).await.unwrap();
    }
    let forgotten = second(0) + TimeDelta::days(50);
    let before = forgotten - TimeDelta::microseconds(1);
    for n in 100..110 {
        is_wrong(stores, &attempt(&make, 1, n, before)).await;
    }
    let until = before + TimeDelta::minutes(1);
    let stranger = attempt(&make, 1, 2, before);
    assert_eq!(begin(stores, &stranger).await, Admission::Refused { until });
    is_wrong(stores, &attempt(&make, 1, 1, before)).await;
    let late = attempt(&make, 1, 1, forgotten);
    let late = begin(stores, &late).await;
    assert!(matches!(late, Admission::Refused { .. }), "{late:?}");
}

pub async fn undecided_attempts_keep_the_next_ones_waiting(stores: &Stores) {
    let make = Samples::new();
    let begun: Vec<_> = (0..10).map(|n| attempt(&make, n, 1, second(0))).collect();
    for attempt in &begun {
        assert_eq!(begin(stores, attempt).await, Admission::Admitted);
    }
    let next = attempt(&make, 10, 1, second(1));
    assert_eq!(begin(stores, &next).await, Admission::Undecided);
    for attempt in &begun[1..] {
        stores.sign_ins.refuse(attempt).await.unwrap();
    }
    assert_eq!(begin(stores, &next).await, Admission::Undecided);
    stores.sign_ins.succeed(&begun[0]).await.unwrap();
    assert_eq!(begin(stores, &next).await, Admission::Admitted);
    stores.sign_ins.refuse(&next).await.unwrap();
    let until = second(60);
    let last = attempt(&make, 11, 1, second(1));
    assert_eq!(begin(stores, &last).await, Admission::Refused { until });
}

pub async fn of_many_attempts_at_once_no_more_begin_than_may(stores: &Stores) {
    let make = Samples::new();
    // From one place to many accounts, and from many places to one account.
    let from_one = (0..40).map(|n| attempt(&make, n, 200, second(0)));
    let to_one = (0..40).map(|n| attempt(&make, 201, n, second(0)));
    let attempts: Vec<_> = from_one.chain(to_one).collect();
    let answers = at_once(attempts.into_iter().map(|attempt| {
        let sign_ins = stores.sign_ins.clone();
        async move { sign_ins.begin(&attempt, LIMITS).await.unwrap() }
    }));
    let answers = answers.await;
    for half in answers.chunks(40) {
        let admitted = half.iter().filter(|it| **it == Admission::Admitted);
        assert_eq!(admitted.count(), 10);
    }
}

pub async fn what_is_outdated_is_removed_and_nothing_else(stores: &Stores) {
    let make = Samples::new();
    let now = second(0) + TimeDelta::days(60);
    let minute = TimeDelta::minutes(1);
    let month = TimeDelta::days(30);
    let step = TimeDelta::microseconds(1);
    is_wrong(stores, &attempt(&make, 1, 1, now - minute)).await;
    is_wrong(stores, &attempt(&make, 1, 1, now - minute + step)).await;
    for (place, at) in [(2, now - month), (3, now - month + step)] {
        let right = attempt(&make, 2, place, at);
        assert_eq!(begin(stores, &right).await, Admission::Admitted);
        stores.sign_ins.succeed(&right).await.unwrap();
    }
    assert_eq!(stores.sign_ins.remove_outdated(now).await.unwrap(), 2);
    assert_eq!(stores.sign_ins.remove_outdated(now).await.unwrap(), 0);
    for n in 0..8 {
        is_wrong(stores, &attempt(&make, 1, 1, now - minute + step * (2 + n))).await;
    }
    let next = attempt(&make, 1, 1, now - step);
    let next = begin(stores, &next).await;
    assert!(matches!(next, Admission::Refused { .. }), "{next:?}");
}

pub async fn deciding_what_was_removed_is_no_error(stores: &Stores) {
    let make = Samples::new();
    let gone = attempt(&make, 1, 1, second(0));
    stores.sign_ins.refuse(&gone).await.unwrap();
    stores.sign_ins.withdraw(&gone).await.unwrap();
    stores.sign_ins.succeed(&gone).await.unwrap();
}

pub async fn an_attempt_that_is_withdrawn_counts_for_nothing(stores: &Stores) {
    let make = Samples::new();
    let begun: Vec<_> = (0..10).map(|n| attempt(&make, n, 1, second(0))).collect();
    for attempt in &begun {
        assert_eq!(begin(stores, attempt).await, Admission::Admitted);
    }
    let next = attempt(&make, 10, 1, second(1));
    assert_eq!(begin(stores, &next).await, Admission::Undecided);
    stores.sign_ins.withdraw(&begun[0]).await.unwrap();
    assert_eq!(begin(stores, &next).await, Admission::Admitted);
    for attempt in &begun[1..] {
        stores.sign_ins.withdraw(attempt).await.unwrap();
    }
    // Its place does not become known.
    for n in 100..110 {
        is_wrong(stores, &attempt(&make, 1, n, second(2))).await;
    }
    let until = second(62);
    let stranger = attempt(&make, 1, 1, second(3));
    assert_eq!(begin(stores, &stranger).await, Admission::Refused { until });
}
