//! Contract of [`TokenRepository`](crate::ports::TokenRepository).

use chrono::{DateTime, TimeDelta, Utc};
use colloquy_domain::{AccessToken, TokenKind, TokenName, User, UserId};

use super::{Stores, assert_not_found, at_once};
use crate::ports::{
    Authenticated, Grounds, OffsetPage, PasswordChange, PortError, TokenHash, UserChanges,
};
use crate::testing::samples::{Samples, moment, password_hash, second, token_hash};

const LAG: TimeDelta = TimeDelta::seconds(5);
const OPERATOR: Grounds = Grounds::Operator;

async fn list(
    stores: &Stores,
    user: UserId,
    kind: TokenKind,
) -> Result<Vec<AccessToken>, PortError> {
    let page = OffsetPage {
        skip: 0,
        limit: 1_000,
    };
    let list = stores.tokens.list(user, Some(kind), page).await?;
    assert_eq!(list.total, list.items.len() as u64);
    Ok(list.items)
}

async fn authenticate(
    stores: &Stores,
    hash: &TokenHash,
    now: DateTime<Utc>,
) -> Option<Authenticated> {
    stores.tokens.authenticate(hash, now).await.unwrap()
}

/// A user and a session with an all-ones hash.
async fn signed_in(stores: &Stores, make: &Samples) -> (User, AccessToken, TokenHash) {
    let user = stores.has_user(make, "ada@example.org").await;
    let token = make.token(user.id, TokenKind::Session);
    let hash = token_hash(1);
    stores.tokens.add(&token, &hash, &OPERATOR).await.unwrap();
    (user, token, hash)
}

pub async fn a_token_is_listed_as_it_was_written(stores: &Stores) {
    let make = Samples::new();
    let user = stores.has_user(&make, "ada@example.org").await;
    let plain = make.token(user.id, TokenKind::ApiKey);
    let full = AccessToken {
        name: TokenName::parse("CI 🦀 'nightly'").unwrap(),
        created_at: moment(1),
        last_used_at: Some(moment(60_000_001)),
        expires_at: Some(moment(999_999_999_999)),
        ..make.token(user.id, TokenKind::ApiKey)
    };
    for (token, byte) in [(&plain, 1), (&full, 2)] {
        stores
            .tokens
            .add(token, &token_hash(byte), &OPERATOR)
            .await
            .unwrap();
    }
    let listed = list(stores, user.id, TokenKind::ApiKey).await;
    assert_eq!(listed.unwrap(), [plain, full]);
}

pub async fn a_token_needs_its_user(stores: &Stores) {
    let make = Samples::new();
    let token = make.token(make.user_id(), TokenKind::Session);
    let hash = token_hash(1);
    assert_not_found(stores.tokens.add(&token, &hash, &OPERATOR).await);
    assert!(authenticate(stores, &hash, moment(0)).await.is_none());
}

pub async fn a_token_is_found_by_its_whole_hash_with_its_user(stores: &Stores) {
    let make = Samples::new();
    let (user, token, hash) = signed_in(stores, &make).await;
    let other = stores.has_user(&make, "bob@example.org").await;
    let foreign = make.token(other.id, TokenKind::ApiKey);
    let foreign_hash = token_hash(2);
    stores
        .tokens
        .add(&foreign, &foreign_hash, &OPERATOR)
        .await
        .unwrap();
    for (hash, token, user) in [(hash, token, user), (foreign_hash, foreign, other)] {
        let found = authenticate(stores, &hash, moment(0)).await.unwrap();
        assert_eq!(found.token.id, token.id);
        assert_eq!(found.token.kind, token.kind);
        assert_eq!(*found.user, user);
    }
}

pub async fn a_hash_that_differs_in_one_byte_is_absent(stores: &Stores) {
    let make = Samples::new();
    let (_, _, hash) = signed_in(stores, &make).await;
    for place in [0, 15, 31] {
        let mut other = hash;
        other.0[place] ^= 1;
        assert!(authenticate(stores, &other, moment(0)).await.is_none());
    }
}

pub async fn a_token_added_after_it_was_asked_for_is_found(stores: &Stores) {
    let make = Samples::new();
    let hash = token_hash(1);
    assert!(authenticate(stores, &hash, moment(0)).await.is_none());
    signed_in(stores, &make).await;
    assert!(authenticate(stores, &hash, moment(0)).await.is_some());
}

pub async fn expired_tokens_and_inactive_users_are_found_too(stores: &Stores) {
    let make = Samples::new();
    let user = stores.has_user(&make, "ada@example.org").await;
    let mut token = make.token(user.id, TokenKind::ApiKey);
    token.expires_at = Some(second(1));
    let hash = token_hash(1);
    stores.tokens.add(&token, &hash, &OPERATOR).await.unwrap();
    stores.users.update(user.id, &deactivation()).await.unwrap();
    let found = authenticate(stores, &hash, second(2)).await.unwrap();
    assert_eq!(found.token.expires_at, Some(second(1)));
    assert!(!found.user.is_active);
    let listed = list(stores, user.id, TokenKind::ApiKey).await;
    assert_eq!(listed.unwrap().len(), 1);
}

pub async fn a_use_is_noted_at_most_once_a_minute(stores: &Stores) {
    let make = Samples::new();
    let (user, _, hash) = signed_in(stores, &make).await;
    let mut noted = Vec::new();
    for now in [0, 1, 30, 59, 120, 150].map(second) {
        authenticate(stores, &hash, now).await.unwrap();
        let listed = list(stores, user.id, TokenKind::Session).await;
        noted.push(listed.unwrap()[0].last_used_at.unwrap());
    }
    assert_eq!(noted, [0, 0, 0, 0, 120, 120].map(second));
}

pub async fn a_users_change_is_seen_within_five_seconds(stores: &Stores) {
    let make = Samples::new();
    let user = stores.has_user(&make, "ada@example.org").await;
    // Disabling the user ends sessions.
    let key = make.token(user.id, TokenKind::ApiKey);
    let hash = token_hash(1);
    stores.tokens.add(&key, &hash, &OPERATOR).await.unwrap();
    authenticate(stores, &hash, second(0)).await.unwrap();
    stores.users.update(user.id, &deactivation()).await.unwrap();
    let found = authenticate(stores, &hash, second(0) + LAG).await.unwrap();
    assert!(!found.user.is_active);
}

pub async fn the_tokens_of_a_deleted_user_are_absent_within_five_seconds(stores: &Stores) {
    let make = Samples::new();
    let (user, _, hash) = signed_in(stores, &make).await;
    authenticate(stores, &hash, second(0)).await.unwrap();
    stores.users.delete(user.id).await.unwrap();
    let found = authenticate(stores, &hash, second(0) + LAG).await;
    assert!(found.is_none());
}

pub async fn a_session_is_absent_within_five_seconds_of_a_new_password(stores: &Stores) {
    let make = Samples::new();
    let (user, _, hash) = signed_in(stores, &make).await;
    authenticate(stores, &hash, second(0)).await.unwrap();
    let change = UserChanges {
        is_active: None,
        password: Some(PasswordChange::to(password_hash("new"))),
        ..deactivation()
    };
    stores.users.update(user.id, &change).await.unwrap();
    let found = authenticate(stores, &hash, second(0) + LAG).await;
    assert!(found.is_none());
}

pub async fn tokens_are_listed_by_user_and_kind_oldest_first(stores: &Stores) {
    let make = Samples::new();
    let (ada, session, _) = signed_in(stores, &make).await;
    let bob = stores.has_user(&make, "bob@example.org").await;
    let mut keys: Vec<_> = (0..4)
        .map(|_| make.token(ada.id, TokenKind::ApiKey))
        .collect();
    // Not stored in ID order.
    keys.reverse();
    for (key, byte) in keys.iter().zip(10..) {
        stores
            .tokens
            .add(key, &token_hash(byte), &OPERATOR)
            .await
            .unwrap();
    }
    keys.reverse();
    for (user, kind, expected) in [
        (&ada, TokenKind::ApiKey, keys),
        (&ada, TokenKind::Session, vec![session]),
        (&bob, TokenKind::ApiKey, vec![]),
    ] {
        let listed = list(stores, user.id, kind).await.unwrap();
        assert_eq!(listed, expected);
    }
}

pub async fn tokens_are_listed_in_pages(stores: &Stores) {
    let make = Samples::new();
    let user = stores.has_user(&make, "ada@example.org").await;
    let keys: Vec<_> = (0..5)
        .map(|_| make.token(user.id, TokenKind::ApiKey))
        .collect();
    for (key, byte) in keys.iter().zip(1..) {
        let hash = token_hash(byte);
        stores.tokens.add(key, &hash, &OPERATOR).await.unwrap();
    }
    for (skip, limit) in [(0, 2), (2, 2), (4, 2), (5, 2), (0, 1000)] {
        let page = OffsetPage { skip, limit };
        let kind = Some(TokenKind::ApiKey);
        let list = stores.tokens.list(user.id, kind, page).await.unwrap();
        let rest = keys.iter().skip(skip as usize).take(limit as usize);
        assert_eq!(list.items, rest.cloned().collect::<Vec<_>>(), "{page:?}");
        assert_eq!(list.total, 5, "{page:?}");
    }
}

pub async fn all_of_a_users_tokens_are_listed_by_kind_in_pages(stores: &Stores) {
    let make = Samples::new();
    let user = stores.has_user(&make, "ada@example.org").await;
    let bob = stores.has_user(&make, "bob@example.org").await;
    let kinds = [
        TokenKind::Session,
        TokenKind::ApiKey,
        TokenKind::Session,
        TokenKind::ApiKey,
    ];
    let tokens = kinds.map(|kind| make.token(user.id, kind));
    let foreign = make.token(bob.id, TokenKind::Session);
    for (token, byte) in tokens.iter().chain([&foreign]).zip(1..) {
        stores.has_token(token, byte).await;
    }
    let expected = [1, 3, 0, 2].map(|number| tokens[number].clone());
    for (skip, limit) in [(0, 3), (3, 3), (0, 10)] {
        let page = OffsetPage { skip, limit };
        let list = stores.tokens.list(user.id, None, page).await.unwrap();
        let rest = expected.iter().skip(skip as usize).take(limit as usize);
        assert_eq!(list.items, rest.cloned().collect::<Vec<_>>(), "{page:?}");
        assert_eq!(list.total, 4, "{page:?}");
    }
}

pub async fn a_revoked_token_is_absent_at_once(stores: &Stores) {
    let make = Samples::new();
    let (user, token, hash) = signed_in(stores, &make).await;
    authenticate(stores, &hash, moment(0)).await.unwrap();
    stores.tokens.revoke(user.id, token.id).await.unwrap();
    assert!(authenticate(stores, &hash, moment(0)).await.is_none());
    let listed = list(stores, user.id, TokenKind::Session).await;
    assert_eq!(listed.unwrap(), []);
    assert_not_found(stores.tokens.revoke(user.id, token.id).await);
}

pub async fn nobody_revokes_anothers_token(stores: &Stores) {
    let make = Samples::new();
    let (_, token, hash) = signed_in(stores, &make).await;
    let eve = stores.has_user(&make, "eve@example.org").await;
    assert_not_found(stores.tokens.revoke(eve.id, token.id).await);
    assert!(authenticate(stores, &hash, moment(0)).await.is_some());
}

pub async fn one_of_many_revocations_removes_the_token(stores: &Stores) {
    let make = Samples::new();
    let (user, token, _) = signed_in(stores, &make).await;
    let answers = at_once((0..16).map(|_| {
        let tokens = stores.tokens.clone();
        async move { tokens.revoke(user.id, token.id).await }
    }))
    .await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    lost.into_iter().for_each(assert_not_found);
}

pub async fn a_token_revoked_amid_lookups_is_absent_afterwards(stores: &Stores) {
    let make = Samples::new();
    let (user, token, hash) = signed_in(stores, &make).await;
    let lookups = at_once((0..32).map(|_| {
        let tokens = stores.tokens.clone();
        async move { tokens.authenticate(&hash, moment(0)).await.map(drop) }
    }));
    let (answers, revoked) = tokio::join!(lookups, stores.tokens.revoke(user.id, token.id));
    revoked.unwrap();
    answers
        .into_iter()
        .collect::<Result<(), PortError>>()
        .unwrap();
    assert!(authenticate(stores, &hash, moment(0)).await.is_none());
}

pub async fn expired_tokens_are_removed_and_no_others(stores: &Stores) {
    let make = Samples::new();
    let user = stores.has_user(&make, "ada@example.org").await;
    let now = second(100);
    let tick = TimeDelta::microseconds(1);
    let ends = [Some(now - tick), Some(second(1)), Some(now + tick), None];
    for (end, byte) in ends.into_iter().zip(0..) {
        let mut token = make.token(user.id, TokenKind::Session);
        token.expires_at = end;
        let hash = token_hash(byte);
        stores.tokens.add(&token, &hash, &OPERATOR).await.unwrap();
        authenticate(stores, &hash, second(0)).await.unwrap();
    }
    assert_eq!(stores.tokens.remove_expired(now).await.unwrap(), 2);
    for (byte, is_there) in [(0, false), (1, false), (2, true), (3, true)] {
        let found = authenticate(stores, &token_hash(byte), second(0)).await;
        assert_eq!(found.is_some(), is_there, "token {byte}");
    }
    assert_eq!(stores.tokens.remove_expired(now).await.unwrap(), 0);
}

fn deactivation() -> UserChanges {
    UserChanges {
        is_active: Some(false),
        ..UserChanges::none(second(0))
    }
}
