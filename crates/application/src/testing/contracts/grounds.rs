//! Contract of [`TokenRepository::add`](crate::ports::TokenRepository::add): grounds.

use colloquy_domain::{AccessToken, TokenKind, User};

use super::{Stores, assert_conflict, assert_not_found, at_once};
use crate::ports::{
    Constraint, Grounds, MAX_API_KEYS, OffsetPage, PasswordChange, PortError, TokenHash,
    UserChanges,
};
use crate::testing::samples::{Samples, password_hash, second, token_hash};

/// A distinct token hash per number.
fn numbered(number: u32) -> TokenHash {
    let mut hash = token_hash(0);
    hash.0[..4].copy_from_slice(&number.to_be_bytes());
    hash
}

async fn add(stores: &Stores, token: &AccessToken, grounds: Grounds) -> Result<(), PortError> {
    let hash = numbered(7_000);
    stores.tokens.add(token, &hash, &grounds).await
}

async fn count(stores: &Stores, user: &User, kind: TokenKind) -> u64 {
    let page = OffsetPage { skip: 0, limit: 1 };
    let list = stores.tokens.list(user.id, Some(kind), page).await.unwrap();
    list.total
}

fn to(password: &str) -> UserChanges {
    UserChanges {
        password: Some(PasswordChange::to(password_hash(password))),
        ..UserChanges::none(second(0))
    }
}

pub async fn a_session_needs_the_password_that_was_verified(stores: &Stores) {
    let make = Samples::new();
    let user = stores.has_user(&make, "ada@example.org").await;
    let keyless = make.user("keyless@example.org");
    stores.users.add(&keyless, None).await.unwrap();
    let old = || Grounds::Password(password_hash("stored"));
    for user in [&user, &keyless] {
        let token = make.token(user.id, TokenKind::Session);
        let other = Grounds::Password(password_hash("other"));
        assert_not_found(add(stores, &token, other).await);
        assert_eq!(count(stores, user, TokenKind::Session).await, 0);
    }
    stores.users.update(user.id, &to("new")).await.unwrap();
    let token = make.token(user.id, TokenKind::Session);
    assert_not_found(add(stores, &token, old()).await);
    let new = Grounds::Password(password_hash("new"));
    add(stores, &token, new).await.unwrap();
    assert_eq!(count(stores, &user, TokenKind::Session).await, 1);
}

pub async fn a_token_needs_the_token_that_was_presented(stores: &Stores) {
    let make = Samples::new();
    let user = stores.has_user(&make, "ada@example.org").await;
    let other = stores.has_user(&make, "bob@example.org").await;
    let session = make.token(user.id, TokenKind::Session);
    stores.has_token(&session, 1).await;
    let foreign = make.token(other.id, TokenKind::ApiKey);
    let grounds = || Grounds::Token(session.id);
    assert_not_found(add(stores, &foreign, grounds()).await);
    let key = make.token(user.id, TokenKind::ApiKey);
    add(stores, &key, grounds()).await.unwrap();
    stores.tokens.revoke(user.id, key.id).await.unwrap();
    stores.tokens.revoke(user.id, session.id).await.unwrap();
    let late = make.token(user.id, TokenKind::ApiKey);
    assert_not_found(add(stores, &late, grounds()).await);
    assert_eq!(count(stores, &user, TokenKind::ApiKey).await, 0);
}

pub async fn a_token_needs_an_active_user(stores: &Stores) {
    let make = Samples::new();
    let user = stores.has_user(&make, "ada@example.org").await;
    let session = make.token(user.id, TokenKind::Session);
    stores.has_token(&session, 1).await;
    let disabled = UserChanges {
        is_active: Some(false),
        ..UserChanges::none(second(0))
    };
    stores.users.update(user.id, &disabled).await.unwrap();
    for grounds in [
        Grounds::Password(password_hash("stored")),
        Grounds::Token(session.id),
        Grounds::Operator,
    ] {
        let token = make.token(user.id, TokenKind::ApiKey);
        assert_not_found(add(stores, &token, grounds).await);
    }
    assert_eq!(count(stores, &user, TokenKind::ApiKey).await, 0);
}

pub async fn a_change_of_password_leaves_none_of_many_sessions_under_way(stores: &Stores) {
    let make = Samples::new();
    let user = stores.has_user(&make, "ada@example.org").await;
    let sign_ins = at_once((0..32).map(|number| {
        let (tokens, token) = (
            stores.tokens.clone(),
            make.token(user.id, TokenKind::Session),
        );
        let grounds = Grounds::Password(password_hash("stored"));
        async move { tokens.add(&token, &numbered(number), &grounds).await }
    }));
    let change = to("new");
    let (sign_ins, changed) = tokio::join!(sign_ins, stores.users.update(user.id, &change));
    changed.unwrap();
    sign_ins
        .into_iter()
        .filter(Result::is_err)
        .for_each(assert_not_found);
    assert_eq!(count(stores, &user, TokenKind::Session).await, 0);
}

pub async fn a_user_has_so_many_api_keys_and_no_more(stores: &Stores) {
    let make = Samples::new();
    let user = stores.has_user(&make, "ada@example.org").await;
    let other = stores.has_user(&make, "bob@example.org").await;
    let mut expired = make.token(user.id, TokenKind::ApiKey);
    expired.expires_at = Some(expired.created_at);
    add(stores, &expired, Grounds::Operator).await.unwrap();
    for number in 0..MAX_API_KEYS {
        let key = make.token(user.id, TokenKind::ApiKey);
        let hash = numbered(number);
        let added = stores.tokens.add(&key, &hash, &Grounds::Operator);
        added.await.unwrap();
    }
    let more = make.token(user.id, TokenKind::ApiKey);
    let answer = add_next(stores, &more).await;
    assert_conflict(answer, Constraint::ApiKeysPerUser);
    let session = make.token(user.id, TokenKind::Session);
    let foreign = make.token(other.id, TokenKind::ApiKey);
    stores.has_token(&session, 1).await;
    stores.has_token(&foreign, 2).await;
    let total = u64::from(MAX_API_KEYS) + 1;
    assert_eq!(count(stores, &user, TokenKind::ApiKey).await, total);
}

async fn add_next(stores: &Stores, token: &AccessToken) -> Result<(), PortError> {
    let hash = numbered(8_000);
    stores.tokens.add(token, &hash, &Grounds::Operator).await
}

pub async fn of_many_api_keys_at_once_no_more_are_added_than_may(stores: &Stores) {
    let make = Samples::new();
    let user = stores.has_user(&make, "ada@example.org").await;
    let few = 40;
    let answers = at_once((0..MAX_API_KEYS + few).map(|number| {
        let (tokens, key) = (
            stores.tokens.clone(),
            make.token(user.id, TokenKind::ApiKey),
        );
        async move {
            let grounds = Grounds::Operator;
            tokens.add(&key, &numbered(number), &grounds).await
        }
    }))
    .await;
    let refused: Vec<_> = answers.into_iter().filter(Result::is_err).collect();
    assert_eq!(refused.len(), few as usize);
    for answer in refused {
        assert_conflict(answer, Constraint::ApiKeysPerUser);
    }
    let total = u64::from(MAX_API_KEYS);
    assert_eq!(count(stores, &user, TokenKind::ApiKey).await, total);
}
