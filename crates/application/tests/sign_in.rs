//! Sign-in and bearer tokens, with a manual clock.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a failure ends the test")]

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{Duration, TimeDelta};
use colloquy_application::accounts::{AccountChanges, Accounts, NewAccount};
use colloquy_application::passwords::{Password, PasswordHash};
use colloquy_application::permissions::DefaultPolicy;
use colloquy_application::ports::{
    Authenticated, Clock as _, Credentials, InstanceId, OffsetList, OffsetPage, PasswordChange,
    PortError, UserChanges, UserRepository,
};
use colloquy_application::profile::{OwnPassword, Profile, ProfileChanges};
use colloquy_application::testing::fakes::{ManualClock, Memory, ScriptedModel, SequentialIds};
use colloquy_application::tokens::{SESSION_LIFETIME, Tokens};
use colloquy_application::{Error, Ports, Settings, Stores, UseCases};
use colloquy_domain::{AccessToken, Actor, Email, Role, TokenKind, TokenName, User, UserId};
use tokio::task::{JoinSet, yield_now};
use tokio::time::Instant;
use uuid::Uuid;

struct Door {
    clock: Arc<ManualClock>,
    accounts: Accounts,
    tokens: Tokens,
    profile: Profile,
}

const PASSWORD: &str = "correct horse";

impl Door {
    fn new() -> Self {
        let stores = Memory::new().stores();
        let users = stores.users.clone();
        Self::on(stores, users)
    }

    /// Signs in on these stores, with that user repository.
    fn on(stores: Stores, users: Arc<dyn UserRepository>) -> Self {
        let clock = Arc::new(ManualClock::default());
        let stores = Stores { users, ..stores };
        let ports = Ports::builder(stores, Arc::new(ScriptedModel::new([])))
            .clock(clock.clone())
            .ids(Arc::new(SequentialIds::default()))
            .build();
        let settings = Settings {
            password_slots: 2,
            ..Settings::new(InstanceId(Uuid::nil()))
        };
        let UseCases {
            accounts,
            tokens,
            profile,
            ..
        } = UseCases::new(ports, Arc::new(DefaultPolicy), settings);
        Self {
            clock,
            accounts,
            tokens,
            profile,
        }
    }

    async fn account(&self, email: &str, password: Option<&str>) -> User {
        let account = NewAccount {
            email: Email::parse(email).unwrap(),
            password: password.map(|text| Password::parse(text).unwrap()),
            name: None,
            role: Role::User,
        };
        self.accounts.create(account).await.unwrap()
    }

    async fn login(&self, email: &str, password: &str) -> Result<String, Error> {
        self.login_from("192.0.2.1", email, password).await
    }

    async fn login_from(&self, from: &str, email: &str, password: &str) -> Result<String, Error> {
        let password = Password::presented(password);
        let from = from.parse().unwrap();
        let issued = self.tokens.login(email, password, from).await?;
        Ok(issued.text.expose().to_owned())
    }

    /// A wrong password that was checked.
    async fn errs(&self, from: &str, email: &str) {
        let refused = self.login_from(from, email, "wrong password").await;
        assert!(
            matches!(refused, Err(Error::InvalidCredentials)),
            "{refused:?}"
        );
    }

    /// A rate-limited attempt; returns when to retry.
    async fn is_stopped(&self, from: &str, email: &str, password: &str) -> std::time::Duration {
        match self.login_from(from, email, password).await {
            Err(Error::TooManySignIns { retry_after }) => retry_after,
            other => panic!("not stopped: {other:?}"),
        }
    }

    async fn is_refused(&self, token: &str) -> bool {
        matches!(
            self.tokens.authenticate(token).await,
            Err(Error::Unauthenticated)
        )
    }
}

#[tokio::test]
async fn the_right_password_opens_in_any_case_of_the_email() {
    let door = Door::new();
    let user = door.account("Ada@Example.org", Some(PASSWORD)).await;
    let token = door.login("ada@EXAMPLE.org", PASSWORD).await.unwrap();
    let found = door.tokens.authenticate(&token).await.unwrap();
    assert_eq!(*found.user, user);
    assert_eq!(found.token.kind, TokenKind::Session);
}

#[tokio::test]
async fn every_other_sign_in_is_refused_alike() {
    let door = Door::new();
    door.account("ada@example.org", Some(PASSWORD)).await;
    door.account("keyless@example.org", None).await;
    let disabled = door.account("disabled@example.org", Some(PASSWORD)).await;
    let disable = AccountChanges {
        is_active: Some(false),
        ..AccountChanges::default()
    };
    door.accounts.update(disabled.id, disable).await.unwrap();
    for (email, password) in [
        ("ada@example.org", "wrong password"),
        ("nobody@example.org", PASSWORD),
        ("not an address", PASSWORD),
        ("keyless@example.org", PASSWORD),
        ("keyless@example.org", ""),
        ("disabled@example.org", PASSWORD),
    ] {
        let refused = door.login(email, password).await;
        assert!(matches!(refused, Err(Error::InvalidCredentials)), "{email}");
    }
}

#[tokio::test]
async fn a_session_ends_with_its_time_with_logout_and_with_a_new_password() {
    let door = Door::new();
    let user = door.account("ada@example.org", Some(PASSWORD)).await;
    let expiring = door.login("ada@example.org", PASSWORD).await.unwrap();
    door.clock
        .advance(SESSION_LIFETIME - TimeDelta::microseconds(1));
    assert!(!door.is_refused(&expiring).await);
    door.clock.advance(TimeDelta::microseconds(1));
    assert!(door.is_refused(&expiring).await);

    let left = door.login("ada@example.org", PASSWORD).await.unwrap();
    let session = door.tokens.authenticate(&left).await.unwrap();
    door.tokens.logout(&session).await.unwrap();
    assert!(door.is_refused(&left).await);

    let replaced = door.login("ada@example.org", PASSWORD).await.unwrap();
    let change = AccountChanges {
        password: Some(Password::parse("another password").unwrap()),
        ..AccountChanges::default()
    };
    door.accounts.update(user.id, change).await.unwrap();
    assert!(door.is_refused(&replaced).await);
}

#[tokio::test]
async fn an_inactive_users_tokens_do_not_count() {
    let door = Door::new();
    let user = door.account("ada@example.org", Some(PASSWORD)).await;
    let token = door.login("ada@example.org", PASSWORD).await.unwrap();
    let disable = AccountChanges {
        is_active: Some(false),
        ..AccountChanges::default()
    };
    door.accounts.update(user.id, disable).await.unwrap();
    assert!(door.is_refused(&token).await);
}

#[tokio::test]
async fn what_is_not_a_token_of_ours_is_refused() {
    let door = Door::new();
    door.account("ada@example.org", Some(PASSWORD)).await;
    let token = door.login("ada@example.org", PASSWORD).await.unwrap();
    let mut forged = token.clone();
    forged.pop();
    forged.push(if token.ends_with('A') { 'B' } else { 'A' });
    for text in [
        "",
        "clq_",
        &token[1..],
        &forged,
        &"x".repeat(80),
        &token.to_uppercase(),
    ] {
        assert!(door.is_refused(text).await, "{text}");
    }
}

impl Door {
    /// A holder of an API key.
    async fn caller(&self, email: &str) -> Authenticated {
        let user = self.account(email, Some(PASSWORD)).await;
        let key = self.tokens.issue_api_key(user.id, name("first"), None);
        let key = key.await.unwrap();
        let caller = self.tokens.authenticate(key.text.expose()).await;
        caller.unwrap()
    }

    async fn keys(&self, caller: &Authenticated) -> Vec<AccessToken> {
        let actor = Actor::User(caller.user.clone());
        let list = self.tokens.list_api_keys(&actor, ALL).await.unwrap();
        list.items
    }
}

fn name(text: &str) -> TokenName {
    TokenName::parse(text).unwrap()
}

const ALL: OffsetPage = OffsetPage { skip: 0, limit: 10 };

#[tokio::test]
async fn api_keys_are_their_owners_to_list_and_revoke() {
    let door = Door::new();
    let ada = door.caller("ada@example.org").await;
    let bob = door.caller("bob@example.org").await;
    let lifetime = Some(Some(Duration::days(30)));
    let issued = door.tokens.create_api_key(&ada, name("laptop"), lifetime);
    let issued = issued.await.unwrap();
    let id = issued.token.id;
    let end = door.clock.now() + Duration::days(30);
    assert_eq!(issued.token.expires_at, Some(end));
    assert_eq!(door.keys(&ada).await[1], issued.token);
    assert_eq!(door.keys(&bob).await.len(), 1);
    let bob = Actor::User(bob.user);
    let refused = door.tokens.revoke(&bob, id).await;
    assert!(matches!(refused, Err(Error::NotFound)));
    let actor = Actor::User(ada.user);
    door.tokens.revoke(&actor, id).await.unwrap();
    assert!(door.is_refused(issued.text.expose()).await);
    assert!(matches!(
        door.tokens.list_api_keys(&Actor::Guest, ALL).await,
        Err(Error::Unauthenticated)
    ));
}

#[tokio::test]
async fn whoever_is_removed_after_they_were_let_in_has_to_sign_in() {
    let door = Door::new();
    let ada = door.caller("ada@example.org").await;
    door.accounts.delete(ada.user.id).await.unwrap();
    let issued = door.tokens.create_api_key(&ada, name("laptop"), None).await;
    assert!(matches!(issued, Err(Error::Unauthenticated)), "{issued:?}");
}

/// A repository in which an account changes right after its credentials were read.
struct Racing {
    inner: Arc<dyn UserRepository>,
    change: UserChanges,
}

#[async_trait]
impl UserRepository for Racing {
    async fn find_credentials(&self, email: &Email) -> Result<Option<Credentials>, PortError> {
        let found = self.inner.find_credentials(email).await?;
        if let Some(Credentials { user, .. }) = &found {
            self.inner.update(user.id, &self.change).await?;
        }
        Ok(found)
    }

    async fn add(&self, user: &User, password: Option<&PasswordHash>) -> Result<(), PortError> {
        self.inner.add(user, password).await
    }

    async fn add_first_administrator(
        &self,
        user: &User,
        password: &PasswordHash,
    ) -> Result<bool, PortError> {
        self.inner.add_first_administrator(user, password).await
    }

    async fn get(&self, id: UserId) -> Result<Option<User>, PortError> {
        self.inner.get(id).await
    }

    async fn find_all(&self, ids: &[UserId]) -> Result<Vec<User>, PortError> {
        self.inner.find_all(ids).await
    }

    async fn list(&self, page: OffsetPage) -> Result<OffsetList<User>, PortError> {
        self.inner.list(page).await
    }

    async fn update(&self, id: UserId, changes: &UserChanges) -> Result<User, PortError> {
        self.inner.update(id, changes).await
    }

    async fn rehash(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, PortError> {
        self.inner.rehash(id, old, new).await
    }

    async fn delete(&self, id: UserId) -> Result<(), PortError> {
        self.inner.delete(id).await
    }
}

/// Accounts change once a password was given.
fn racing(change: UserChanges) -> Door {
    let stores = Memory::new().stores();
    let inner = stores.users.clone();
    Door::on(stores, Arc::new(Racing { inner, change }))
}

fn new_password() -> UserChanges {
    let hash = PasswordHash::from_stored("$argon2id$another");
    UserChanges {
        password: Some(PasswordChange::to(hash)),
        ..UserChanges::none(chrono::DateTime::UNIX_EPOCH)
    }
}

#[tokio::test]
async fn a_sign_in_under_way_does_not_survive_what_happens_to_the_account() {
    let disabled = UserChanges {
        is_active: Some(false),
        ..UserChanges::none(chrono::DateTime::UNIX_EPOCH)
    };
    for change in [new_password(), disabled] {
        let door = racing(change);
        door.account("ada@example.org", Some(PASSWORD)).await;
        let refused = door.login("ada@example.org", PASSWORD).await;
        assert!(
            matches!(refused, Err(Error::InvalidCredentials)),
            "{refused:?}"
        );
    }
}

fn own_password(current: &str, new: &str) -> ProfileChanges {
    ProfileChanges {
        password: Some(OwnPassword {
            current: Password::presented(current),
            new: Password::parse(new).unwrap(),
        }),
        ..ProfileChanges::default()
    }
}

#[tokio::test]
async fn ones_own_password_is_not_changed_from_one_that_is_no_more() {
    let door = racing(new_password());
    let ada = door.caller("ada@example.org").await;
    let change = own_password(PASSWORD, "the next password");
    let refused = door.profile.update(&ada, change, HERE.parse().unwrap());
    let refused = refused.await;
    assert!(
        matches!(refused, Err(Error::InvalidCredentials)),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_wrong_current_password_counts_like_one_at_sign_in() {
    let door = Door::new();
    let ada = door.caller("ada@example.org").await;
    let from = HERE.parse().unwrap();
    for _ in 0..9 {
        let change = own_password("wrong password", "the next password");
        let refused = door.profile.update(&ada, change, from).await;
        assert!(
            matches!(refused, Err(Error::InvalidCredentials)),
            "{refused:?}"
        );
    }
    let change = own_password(PASSWORD, "the next password");
    let refused = door.profile.update(&ada, change, from).await;
    assert!(
        matches!(refused, Err(Error::TooManySignIns { .. })),
        "{refused:?}"
    );
    door.is_stopped(HERE, "ada@example.org", PASSWORD).await;
}

const HERE: &str = "192.0.2.1";
const ELSEWHERE: &str = "198.51.100.1";

#[tokio::test]
async fn an_address_that_was_wrong_ten_times_is_stopped_for_a_minute_and_no_other_is() {
    let door = Door::new();
    door.account("ada@example.org", Some(PASSWORD)).await;
    for _ in 0..9 {
        door.errs(HERE, "ada@example.org").await;
    }
    door.clock.advance(TimeDelta::seconds(20));
    let wait = door.is_stopped(HERE, "ADA@example.org", PASSWORD).await;
    assert_eq!(wait, std::time::Duration::from_secs(40));
    door.errs(HERE, "bob@example.org").await;
    door.is_stopped(HERE, "bob@example.org", PASSWORD).await;
    door.login_from(ELSEWHERE, "ada@example.org", PASSWORD)
        .await
        .unwrap();
    door.clock.advance(TimeDelta::seconds(40));
    door.login("ada@example.org", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn an_attack_from_many_addresses_does_not_stop_the_owner_where_they_have_been() {
    let door = Door::new();
    door.account("ada@example.org", Some(PASSWORD)).await;
    door.login("ada@example.org", PASSWORD).await.unwrap();
    for n in 0..10 {
        door.errs(&format!("203.0.113.{n}"), "ada@example.org")
            .await;
    }
    for n in 10..200 {
        let from = format!("203.0.113.{n}");
        door.is_stopped(&from, "ada@example.org", PASSWORD).await;
    }
    door.is_stopped(ELSEWHERE, "ada@example.org", PASSWORD)
        .await;
    door.errs(HERE, "ada@example.org").await;
    door.login("ada@example.org", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn accounts_that_are_not_there_are_counted_alike() {
    let door = Door::new();
    door.account("ada@example.org", Some(PASSWORD)).await;
    for (network, email) in [
        ("203.0.113", "ada@example.org"),
        ("198.51.100", "nobody@example.org"),
        ("192.0.2", "not an address"),
    ] {
        for n in 0..10 {
            door.errs(&format!("{network}.{n}"), email).await;
        }
        let from = format!("{network}.99");
        let wait = door.is_stopped(&from, email, PASSWORD).await;
        assert_eq!(wait, std::time::Duration::from_secs(60));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_wrong_passwords_at_once_are_no_more_than_in_turn() {
    let door = Arc::new(Door::new());
    door.account("ada@example.org", Some(PASSWORD)).await;
    let tries = (0..40).map(|_| {
        let door = Arc::clone(&door);
        tokio::spawn(async move { door.login("ada@example.org", "wrong password").await })
    });
    let mut looked_at = 0;
    for answer in tries.collect::<Vec<_>>() {
        match answer.await.unwrap() {
            Err(Error::InvalidCredentials) => looked_at += 1,
            Err(Error::TooManySignIns { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(looked_at, 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_right_passwords_at_once_are_all_right() {
    let door = Arc::new(Door::new());
    door.account("ada@example.org", Some(PASSWORD)).await;
    let tries = (0..40).map(|_| {
        let door = Arc::clone(&door);
        tokio::spawn(async move { door.login("ada@example.org", PASSWORD).await })
    });
    for answer in tries.collect::<Vec<_>>() {
        answer.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn sign_ins_that_were_given_up_hold_up_nobody() {
    let door = Arc::new(Door::new());
    door.account("ada@example.org", Some(PASSWORD)).await;
    let begin = Instant::now();
    for _ in 0..5 {
        let mut given_up = JoinSet::new();
        for _ in 0..80 {
            let door = Arc::clone(&door);
            given_up.spawn(async move { door.login("ada@example.org", "wrong password").await });
        }
        for _ in 0..20 {
            yield_now().await;
        }
        given_up.abort_all();
        while given_up.join_next().await.is_some() {}
        door.login("ada@example.org", PASSWORD).await.unwrap();
    }
    // Abandoned attempts do not delay others.
    assert_eq!(begin.elapsed(), std::time::Duration::ZERO);
}
