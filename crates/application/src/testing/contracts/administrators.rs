//! The contract of [`UserRepository`](crate::ports::UserRepository): the first administrator.

use super::{Stores, assert_conflict, at_once};
use crate::ports::{Constraint, OffsetPage};
use crate::testing::samples::{Samples, password_hash};

pub async fn the_first_administrator_is_added_once(stores: &Stores) {
    let make = Samples::new();
    let hash = password_hash("first");
    stores.has_user(&make, "ordinary@example.org").await;
    let first = make.administrator("first@example.org");
    let added = stores.users.add_first_administrator(&first, &hash).await;
    assert!(added.unwrap(), "an ordinary user is no administrator");
    let found = stores.users.find_credentials(&first.email).await.unwrap();
    assert_eq!(found.unwrap().password, Some(hash.clone()));

    let second = make.administrator("second@example.org");
    let added = stores.users.add_first_administrator(&second, &hash).await;
    assert!(!added.unwrap());
    assert_eq!(stores.users.get(second.id).await.unwrap(), None);
}

pub async fn an_inactive_administrator_is_one_too(stores: &Stores) {
    let make = Samples::new();
    let mut inactive = make.administrator("inactive@example.org");
    inactive.is_active = false;
    stores.users.add(&inactive, None).await.unwrap();
    let next = make.administrator("next@example.org");
    let hash = password_hash("next");
    let added = stores.users.add_first_administrator(&next, &hash).await;
    assert!(!added.unwrap());
}

pub async fn the_first_administrator_needs_a_free_email(stores: &Stores) {
    let make = Samples::new();
    stores.has_user(&make, "ada@example.org").await;
    let first = make.administrator("ADA@example.org");
    let hash = password_hash("first");
    let answer = stores.users.add_first_administrator(&first, &hash).await;
    assert_conflict(answer, Constraint::UserEmail);
    assert_eq!(stores.users.get(first.id).await.unwrap(), None);
}

pub async fn one_of_many_first_administrators_is_added(stores: &Stores) {
    let make = Samples::new();
    let answers = at_once((0..8).map(|number| {
        let users = stores.users.clone();
        let user = make.administrator(&format!("admin{number}@example.org"));
        async move {
            users
                .add_first_administrator(&user, &password_hash("a"))
                .await
        }
    }))
    .await;
    let added = answers
        .into_iter()
        .map(Result::unwrap)
        .filter(|added| *added);
    assert_eq!(added.count(), 1);
    let page = OffsetPage { skip: 0, limit: 10 };
    assert_eq!(stores.users.list(page).await.unwrap().total, 1);
}
