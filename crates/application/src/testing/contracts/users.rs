//! Contract of [`UserRepository`](crate::ports::UserRepository).

use colloquy_domain::{AccessToken, Email, PersonName, Role, TokenKind, User, UserId};

use super::{Stores, assert_conflict, assert_not_found, at_once, only_winner};
use crate::ports::{
    Constraint, MessageScope, MessagesFrom, OffsetPage, PasswordChange, ThreadScope, UserChanges,
};
use crate::testing::samples::{Samples, moment, password_hash};

fn changes() -> UserChanges {
    UserChanges::none(moment(999_999))
}

fn new_password() -> PasswordChange {
    PasswordChange::to(password_hash("new"))
}

fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

/// Also compares the email's case, which `==` ignores.
#[track_caller]
fn assert_same(stored: &User, expected: &User) {
    assert_eq!(stored, expected);
    assert_eq!(stored.email.as_str(), expected.email.as_str());
}

pub async fn an_added_account_is_read_as_it_was_written(stores: &Stores) {
    let make = Samples::new();
    let plain = make.user("Ada@Example.org");
    let full = User {
        name: Some(PersonName::parse("Zoë \"𝄞\" O'Neil").unwrap()),
        role: Role::Admin,
        is_active: false,
        created_at: moment(1),
        updated_at: moment(999_999),
        ..make.user("zoë@example.org")
    };
    for user in [plain, full] {
        stores.users.add(&user, None).await.unwrap();
        let stored = stores.users.get(user.id).await.unwrap();
        assert_same(&stored.unwrap(), &user);
    }
}

pub async fn accounts_are_found_together_whatever_their_state(stores: &Stores) {
    let make = Samples::new();
    let ada = stores.has_user(&make, "ada@example.org").await;
    stores.has_user(&make, "bob@example.org").await;
    let eve = User {
        is_active: false,
        ..make.user("eve@example.org")
    };
    stores.users.add(&eve, None).await.unwrap();
    let ids = [eve.id, make.user_id(), ada.id];
    let mut found = stores.users.find_all(&ids).await.unwrap();
    found.sort_by_key(|user| user.id);
    assert_eq!(found, [ada, eve]);
    assert_eq!(stores.users.find_all(&[]).await.unwrap(), []);
}

pub async fn an_absent_account_is_none(stores: &Stores) {
    let make = Samples::new();
    stores.has_user(&make, "ada@example.org").await;
    assert_eq!(stores.users.get(make.user_id()).await.unwrap(), None);
    let unknown = email("eve@example.org");
    let found = stores.users.find_credentials(&unknown).await.unwrap();
    assert!(found.is_none());
}

pub async fn an_email_is_taken_in_every_case(stores: &Stores) {
    let make = Samples::new();
    stores.has_user(&make, "Änne@Example.org").await;
    let second = make.user("äNNE@example.ORG");
    let answer = stores.users.add(&second, None).await;
    assert_conflict(answer, Constraint::UserEmail);
    assert_eq!(stores.users.get(second.id).await.unwrap(), None);
}

pub async fn one_of_many_accounts_with_one_email_is_added(stores: &Stores) {
    let make = Samples::new();
    let answers = at_once((0..8).map(|_| {
        let (users, user) = (stores.users.clone(), make.user("ada@example.org"));
        async move { users.add(&user, None).await }
    }));
    only_winner(answers.await, Constraint::UserEmail);
    assert_eq!(total(stores).await, 1);
}

pub async fn credentials_are_found_in_every_case(stores: &Stores) {
    let make = Samples::new();
    let user = make.user("Ada@Example.org");
    let hash = password_hash("ada");
    stores.users.add(&user, Some(&hash)).await.unwrap();
    for written in ["Ada@Example.org", "ada@example.org", "ADA@EXAMPLE.ORG"] {
        let found = stores.users.find_credentials(&email(written)).await;
        let found = found.unwrap().unwrap();
        assert_same(&found.user, &user);
        assert_eq!(found.password, Some(hash.clone()));
    }
}

pub async fn an_account_may_have_no_password(stores: &Stores) {
    let make = Samples::new();
    let user = make.user("ada@example.org");
    stores.users.add(&user, None).await.unwrap();
    let found = stores.users.find_credentials(&user.email).await.unwrap();
    assert_eq!(found.unwrap().password, None);
}

pub async fn accounts_are_listed_oldest_first_in_pages(stores: &Stores) {
    let make = Samples::new();
    let mut users: Vec<_> = ["c", "a", "e", "b", "d"]
        .map(|name| make.user(&format!("{name}@example.org")))
        .into();
    // Not stored in ID order.
    users.rotate_left(2);
    for user in &users {
        stores.users.add(user, None).await.unwrap();
    }
    users.sort_by_key(|user| user.id);
    for (skip, limit) in [(0, 2), (2, 2), (4, 2), (5, 2), (99, 2), (0, 1000)] {
        let page = OffsetPage { skip, limit };
        let list = stores.users.list(page).await.unwrap();
        let rest = users.iter().skip(skip as usize).take(limit as usize);
        assert_eq!(list.items, rest.cloned().collect::<Vec<_>>(), "{page:?}");
        assert_eq!(list.total, 5, "{page:?}");
    }
}

pub async fn a_change_writes_what_it_holds_and_nothing_else(stores: &Stores) {
    let make = Samples::new();
    let other = stores.has_user(&make, "other@example.org").await;
    let mut user = stores.has_user(&make, "ada@example.org").await;

    let update = changes();
    user.updated_at = update.updated_at;
    expect_update(stores, &user, &update).await;

    user.email = email("Ada.Lovelace@example.org");
    user.name = Some(PersonName::parse("Ada").unwrap());
    user.role = Role::Admin;
    user.is_active = false;
    let update = UserChanges {
        email: Some(user.email.clone()),
        name: Some(user.name.clone()),
        role: Some(user.role),
        is_active: Some(user.is_active),
        ..changes()
    };
    expect_update(stores, &user, &update).await;

    user.name = None;
    let update = UserChanges {
        name: Some(None),
        ..changes()
    };
    expect_update(stores, &user, &update).await;
    let stored = stores.users.get(other.id).await.unwrap();
    assert_same(&stored.unwrap(), &other);
}

async fn expect_update(stores: &Stores, expected: &User, update: &UserChanges) {
    let answer = stores.users.update(expected.id, update).await.unwrap();
    assert_same(&answer, expected);
    let stored = stores.users.get(expected.id).await.unwrap();
    assert_same(&stored.unwrap(), expected);
}

pub async fn a_changed_email_must_be_free(stores: &Stores) {
    let make = Samples::new();
    stores.has_user(&make, "ada@example.org").await;
    let user = stores.has_user(&make, "bob@example.org").await;
    let taken = UserChanges {
        email: Some(email("ADA@example.org")),
        is_active: Some(false),
        password: Some(new_password()),
        ..changes()
    };
    let answer = stores.users.update(user.id, &taken).await;
    assert_conflict(answer, Constraint::UserEmail);
    let found = stores.users.find_credentials(&user.email).await.unwrap();
    let found = found.unwrap();
    assert_same(&found.user, &user);
    assert_eq!(found.password, Some(password_hash("stored")));
}

pub async fn an_account_may_change_the_case_of_its_email(stores: &Stores) {
    let make = Samples::new();
    let user = stores.has_user(&make, "ada@example.org").await;
    let update = UserChanges {
        email: Some(email("ADA@example.org")),
        ..changes()
    };
    let changed = stores.users.update(user.id, &update).await.unwrap();
    assert_eq!(changed.email.as_str(), "ADA@example.org");
}

pub async fn a_change_of_an_absent_account_is_not_found(stores: &Stores) {
    let make = Samples::new();
    assert_not_found(stores.users.update(make.user_id(), &changes()).await);
}

pub async fn a_new_password_ends_the_sessions_and_no_others(stores: &Stores) {
    let make = Samples::new();
    let ada = stores.has_user(&make, "ada@example.org").await;
    let bob = stores.has_user(&make, "bob@example.org").await;
    let tokens = [
        make.token(ada.id, TokenKind::Session),
        make.token(ada.id, TokenKind::ApiKey),
        make.token(bob.id, TokenKind::Session),
    ];
    for (token, byte) in tokens.iter().zip(1..) {
        stores.has_token(token, byte).await;
    }
    let [_, key, foreign] = &tokens;

    let rename = UserChanges {
        name: Some(PersonName::parse("Ada").ok()),
        ..changes()
    };
    stores.users.update(ada.id, &rename).await.unwrap();
    assert_eq!(count_tokens(stores, ada.id, TokenKind::Session).await, 1);

    let password = UserChanges {
        password: Some(new_password()),
        ..changes()
    };
    stores.users.update(ada.id, &password).await.unwrap();
    let found = stores.users.find_credentials(&ada.email).await.unwrap();
    assert_eq!(found.unwrap().password, Some(password_hash("new")));
    assert_eq!(count_tokens(stores, ada.id, TokenKind::Session).await, 0);
    let keys = list_tokens(stores, ada.id, TokenKind::ApiKey).await;
    assert_eq!(keys, std::slice::from_ref(key));
    let sessions = list_tokens(stores, bob.id, TokenKind::Session).await;
    assert_eq!(sessions, std::slice::from_ref(foreign));
}

pub async fn a_new_password_may_keep_a_session_and_end_the_api_keys(stores: &Stores) {
    let make = Samples::new();
    let ada = stores.has_user(&make, "ada@example.org").await;
    let bob = stores.has_user(&make, "bob@example.org").await;
    let kinds = [TokenKind::Session, TokenKind::Session, TokenKind::ApiKey];
    let tokens = kinds.map(|kind| make.token(ada.id, kind));
    let foreign = make.token(bob.id, TokenKind::ApiKey);
    for (token, byte) in tokens.iter().chain([&foreign]).zip(1..) {
        stores.has_token(token, byte).await;
    }
    let change = UserChanges {
        password: Some(PasswordChange {
            keeps: Some(tokens[1].id),
            ..new_password()
        }),
        revokes_api_keys: true,
        ..changes()
    };
    stores.users.update(ada.id, &change).await.unwrap();
    let sessions = list_tokens(stores, ada.id, TokenKind::Session).await;
    assert_eq!(sessions, std::slice::from_ref(&tokens[1]));
    assert_eq!(count_tokens(stores, ada.id, TokenKind::ApiKey).await, 0);
    assert_eq!(count_tokens(stores, bob.id, TokenKind::ApiKey).await, 1);
}

pub async fn disabling_an_account_ends_its_sessions_for_good(stores: &Stores) {
    let make = Samples::new();
    let ada = stores.has_user(&make, "ada@example.org").await;
    let bob = stores.has_user(&make, "bob@example.org").await;
    let kinds = [TokenKind::Session, TokenKind::Session, TokenKind::ApiKey];
    let tokens = kinds.map(|kind| make.token(ada.id, kind));
    let foreign = make.token(bob.id, TokenKind::Session);
    for (token, byte) in tokens.iter().chain([&foreign]).zip(1..) {
        stores.has_token(token, byte).await;
    }
    let active = |is_active| UserChanges {
        is_active: Some(is_active),
        ..changes()
    };
    stores.users.update(ada.id, &active(true)).await.unwrap();
    assert_eq!(count_tokens(stores, ada.id, TokenKind::Session).await, 2);
    let disabled = UserChanges {
        password: Some(PasswordChange {
            keeps: Some(tokens[0].id),
            ..new_password()
        }),
        ..active(false)
    };
    stores.users.update(ada.id, &disabled).await.unwrap();
    stores.users.update(ada.id, &active(true)).await.unwrap();
    assert_eq!(count_tokens(stores, ada.id, TokenKind::Session).await, 0);
    assert_eq!(count_tokens(stores, ada.id, TokenKind::ApiKey).await, 1);
    assert_eq!(count_tokens(stores, bob.id, TokenKind::Session).await, 1);
}

pub async fn a_password_is_replaced_only_if_it_is_the_one_that_was_verified(stores: &Stores) {
    let make = Samples::new();
    let user = stores.has_user(&make, "ada@example.org").await;
    stores
        .has_token(&make.token(user.id, TokenKind::Session), 1)
        .await;
    let replacing = |old: &str| UserChanges {
        name: Some(PersonName::parse("Ada").ok()),
        password: Some(PasswordChange {
            replaces: Some(password_hash(old)),
            ..new_password()
        }),
        ..changes()
    };
    let answer = stores.users.update(user.id, &replacing("other")).await;
    assert_conflict(answer, Constraint::UserPassword);
    let found = stores.users.find_credentials(&user.email).await.unwrap();
    let found = found.unwrap();
    assert_eq!(found.password, Some(password_hash("stored")));
    assert_same(&found.user, &user);
    assert_eq!(count_tokens(stores, user.id, TokenKind::Session).await, 1);

    let answer = stores.users.update(user.id, &replacing("stored")).await;
    assert_eq!(answer.unwrap().name.unwrap().as_str(), "Ada");
    let inactive = UserChanges {
        is_active: Some(false),
        ..changes()
    };
    stores.users.update(user.id, &inactive).await.unwrap();
    let answer = stores.users.update(user.id, &replacing("new")).await;
    assert_conflict(answer, Constraint::UserPassword);
}

pub async fn a_password_is_hashed_anew_if_it_still_is_the_same(stores: &Stores) {
    let make = Samples::new();
    let user = stores.has_user(&make, "ada@example.org").await;
    stores
        .has_token(&make.token(user.id, TokenKind::Session), 1)
        .await;
    let rehash = async |old: &str, new: &str| {
        let (old, new) = (password_hash(old), password_hash(new));
        stores.users.rehash(user.id, &old, &new).await.unwrap()
    };
    assert!(!rehash("other", "new").await);
    assert!(rehash("stored", "new").await);
    assert!(!rehash("stored", "newer").await);
    let found = stores.users.find_credentials(&user.email).await.unwrap();
    let found = found.unwrap();
    assert_eq!(found.password, Some(password_hash("new")));
    assert_same(&found.user, &user);
    assert_eq!(count_tokens(stores, user.id, TokenKind::Session).await, 1);
}

pub async fn deleting_an_account_takes_its_tokens_and_orphans_its_threads(stores: &Stores) {
    let make = Samples::new();
    let thread = stores.has_thread(&make).await;
    let owner = thread.owner_id.unwrap();
    let other = stores.has_thread(&make).await;
    for (kind, byte) in [(TokenKind::Session, 1), (TokenKind::ApiKey, 2)] {
        let token = make.token(owner, kind);
        stores.has_token(&token, byte).await;
    }
    let start = make.start(&thread, make.instance(), make.question("Who am I?"));
    let message = stores.starts(&start).await;

    stores.users.delete(owner).await.unwrap();

    assert_eq!(stores.users.get(owner).await.unwrap(), None);
    assert_eq!(count_tokens(stores, owner, TokenKind::Session).await, 0);
    assert_eq!(count_tokens(stores, owner, TokenKind::ApiKey).await, 0);
    let orphan = stores
        .threads
        .get(thread.id, &ThreadScope::All)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(orphan.owner_id, None);
    let run = stores.runs.get(thread.id, start.run.id).await.unwrap();
    assert_eq!(run.unwrap().user_id, None);
    let messages = stores
        .messages
        .list(
            thread.id,
            MessageScope::Conversation,
            MessagesFrom::OLDEST,
            10,
        )
        .await
        .unwrap()
        .items;
    assert_eq!(messages, [message]);
    assert_eq!(
        stores
            .threads
            .get(other.id, &ThreadScope::All)
            .await
            .unwrap(),
        Some(other)
    );
}

pub async fn a_deleted_account_frees_its_email(stores: &Stores) {
    let make = Samples::new();
    let user = stores.has_user(&make, "ada@example.org").await;
    stores.users.delete(user.id).await.unwrap();
    stores.has_user(&make, "Ada@example.org").await;
    assert_not_found(stores.users.delete(user.id).await);
}

async fn total(stores: &Stores) -> u64 {
    let page = OffsetPage { skip: 0, limit: 1 };
    stores.users.list(page).await.unwrap().total
}

async fn count_tokens(stores: &Stores, user: UserId, kind: TokenKind) -> usize {
    list_tokens(stores, user, kind).await.len()
}

async fn list_tokens(stores: &Stores, user: UserId, kind: TokenKind) -> Vec<AccessToken> {
    let page = OffsetPage { skip: 0, limit: 10 };
    stores
        .tokens
        .list(user, Some(kind), page)
        .await
        .unwrap()
        .items
}
