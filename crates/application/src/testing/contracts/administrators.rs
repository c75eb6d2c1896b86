//! Contract of [`UserRepository`](crate::ports::UserRepository): first and last administrator.

use colloquy_domain::{AccessToken, Role, TokenKind, User};

use super::{Stores, assert_conflict, assert_not_found, at_once};
use crate::ports::{Constraint, OffsetPage, UserChanges};
use crate::testing::samples::{Samples, password_hash, second};

pub async fn the_first_administrator_is_added_once(stores: &Stores) {
    let make = Samples::new();
    let hash = password_hash("first");
    stores.has_user(&make, "ordinary@example.org").await;
    let first = make.administrator("first@example.org");
    let added = stores.users.add_first_administrator(&first, &hash).await;
    assert!(added.unwrap(), "only administrators count");
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

fn demotion() -> UserChanges {
    UserChanges {
        role: Some(Role::User),
        ..UserChanges::none(second(0))
    }
}

fn deactivation() -> UserChanges {
    UserChanges {
        is_active: Some(false),
        ..UserChanges::none(second(0))
    }
}

async fn has_administrator(stores: &Stores, make: &Samples, email: &str) -> User {
    let user = make.administrator(email);
    let hash = password_hash("administrator");
    stores.users.add(&user, Some(&hash)).await.unwrap();
    user
}

pub async fn the_last_active_administrator_stays(stores: &Stores) {
    let make = Samples::new();
    let last = has_administrator(stores, &make, "last@example.org").await;
    let mut inactive = make.administrator("inactive@example.org");
    inactive.is_active = false;
    stores.users.add(&inactive, None).await.unwrap();
    let ordinary = stores.has_user(&make, "ada@example.org").await;
    for change in [demotion(), deactivation()] {
        let answer = stores.users.update(last.id, &change).await;
        assert_conflict(answer, Constraint::LastAdministrator);
    }
    let answer = stores.users.delete(last.id).await;
    assert_conflict(answer, Constraint::LastAdministrator);
    let stored = stores.users.get(last.id).await.unwrap();
    assert_eq!(stored, Some(last));

    for user in [&inactive, &ordinary] {
        stores.users.update(user.id, &demotion()).await.unwrap();
        let disabled = stores.users.update(user.id, &deactivation()).await;
        disabled.unwrap();
        stores.users.delete(user.id).await.unwrap();
        assert_not_found(stores.users.delete(user.id).await);
        assert_not_found(stores.users.update(user.id, &demotion()).await);
    }
}

pub async fn an_administrator_goes_where_another_is_active(stores: &Stores) {
    let make = Samples::new();
    for number in 0..3 {
        has_administrator(stores, &make, &format!("admin{number}@example.org")).await;
    }
    let page = OffsetPage { skip: 0, limit: 10 };
    let all = stores.users.list(page).await.unwrap().items;
    stores.users.delete(all[0].id).await.unwrap();
    stores.users.update(all[1].id, &demotion()).await.unwrap();
    let rename = UserChanges {
        role: Some(Role::Admin),
        is_active: Some(true),
        ..UserChanges::none(second(0))
    };
    stores.users.update(all[2].id, &rename).await.unwrap();
    let answer = stores.users.update(all[2].id, &demotion()).await;
    assert_conflict(answer, Constraint::LastAdministrator);
}

pub async fn an_administrator_who_cannot_sign_in_is_not_the_last(stores: &Stores) {
    let make = Samples::new();
    let last = has_administrator(stores, &make, "last@example.org").await;
    let keyless = make.administrator("keyless@example.org");
    stores.users.add(&keyless, None).await.unwrap();
    let mut expiring = make.token(keyless.id, TokenKind::ApiKey);
    expiring.expires_at = Some(second(60));
    stores.has_token(&expiring, 1).await;
    let session = make.token(keyless.id, TokenKind::Session);
    stores.has_token(&session, 2).await;
    for change in [demotion(), deactivation()] {
        let answer = stores.users.update(last.id, &change).await;
        assert_conflict(answer, Constraint::LastAdministrator);
    }
    let answer = stores.users.delete(last.id).await;
    assert_conflict(answer, Constraint::LastAdministrator);

    let lasting = AccessToken {
        expires_at: None,
        ..make.token(keyless.id, TokenKind::ApiKey)
    };
    stores.has_token(&lasting, 3).await;
    stores.users.delete(last.id).await.unwrap();
}

pub async fn of_administrators_who_unseat_each_other_one_stays(stores: &Stores) {
    let make = Samples::new();
    let mut all = Vec::new();
    for number in 0..9 {
        let email = format!("admin{number}@example.org");
        all.push(has_administrator(stores, &make, &email).await);
    }
    let answers = at_once(all.iter().enumerate().map(|(number, user)| {
        let (users, id) = (stores.users.clone(), user.id);
        async move {
            match number % 3 {
                0 => users.update(id, &demotion()).await.map(drop),
                1 => users.update(id, &deactivation()).await.map(drop),
                _ => users.delete(id).await,
            }
        }
    }))
    .await;
    let mut refused = answers.into_iter().filter(Result::is_err);
    assert_conflict(refused.next().unwrap(), Constraint::LastAdministrator);
    assert!(refused.next().is_none());
}
