//! Which lookups the token cache saves, and what it must not cache.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_application::ports::{
    Authenticated, Grounds, OffsetList, OffsetPage, PortError, TokenHash, TokenRepository,
    UserChanges, UserRepository as _,
};
use colloquy_application::testing::fakes::{Gate, Memory};
use colloquy_application::testing::samples::{Samples, second, token_hash};
use colloquy_cache::{CachedTokenRepository, TokenForgettingUserRepository};
use colloquy_domain::{AccessToken, TokenId, TokenKind, UserId};
use futures_util::future::join_all;

/// Counts lookups and delays their results.
struct Slow {
    memory: Memory,
    lookups: AtomicUsize,
    gate: Gate,
}

#[async_trait]
impl TokenRepository for Slow {
    async fn authenticate(
        &self,
        hash: &TokenHash,
        now: DateTime<Utc>,
    ) -> Result<Option<Authenticated>, PortError> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        let answer = self.memory.authenticate(hash, now).await;
        self.gate.opened().await;
        answer
    }

    async fn add(
        &self,
        token: &AccessToken,
        hash: &TokenHash,
        grounds: &Grounds,
    ) -> Result<(), PortError> {
        TokenRepository::add(&self.memory, token, hash, grounds).await
    }

    async fn list(
        &self,
        user: UserId,
        kind: Option<TokenKind>,
        page: OffsetPage,
    ) -> Result<OffsetList<AccessToken>, PortError> {
        TokenRepository::list(&self.memory, user, kind, page).await
    }

    async fn revoke(&self, user: UserId, id: TokenId) -> Result<(), PortError> {
        self.memory.revoke(user, id).await
    }

    async fn remove_expired(&self, now: DateTime<Utc>) -> Result<u64, PortError> {
        self.memory.remove_expired(now).await
    }
}

const HASH: TokenHash = token_hash(7);

struct Setting {
    slow: Arc<Slow>,
    cached: CachedTokenRepository,
    token: AccessToken,
}

impl Setting {
    async fn new() -> Self {
        let (make, memory) = (Samples::new(), Memory::new());
        let user = make.user("ada@example.org");
        memory.stores().users.add(&user, None).await.unwrap();
        let token = make.token(user.id, TokenKind::Session);
        let tokens = memory.stores().tokens;
        let added = tokens.add(&token, &HASH, &Grounds::Operator);
        added.await.unwrap();
        let slow = Arc::new(Slow {
            memory,
            lookups: AtomicUsize::new(0),
            gate: Gate::new(),
        });
        let cached = CachedTokenRepository::new(slow.clone());
        Self {
            slow,
            cached,
            token,
        }
    }

    async fn with_open_gate() -> Self {
        let setting = Self::new().await;
        setting.slow.gate.open();
        setting
    }

    async fn is_found(&self, now: DateTime<Utc>) -> bool {
        let answer = self.cached.authenticate(&HASH, now).await;
        answer.unwrap().is_some()
    }

    async fn revoke(&self) {
        let answer = self.cached.revoke(self.token.user_id, self.token.id);
        answer.await.unwrap();
    }

    fn lookups(&self) -> usize {
        self.slow.lookups.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_token_is_looked_up_once_and_then_remembered() {
    let setting = Setting::with_open_gate().await;
    for _ in 0..10 {
        assert!(setting.is_found(second(0)).await);
    }
    assert_eq!(setting.lookups(), 1);
}

#[tokio::test]
async fn no_answer_is_five_seconds_old() {
    // Wherever in a period the first lookup falls.
    for begin in 0..8 {
        let setting = Setting::with_open_gate().await;
        assert!(setting.is_found(second(begin)).await);
        assert!(setting.is_found(second(begin + 5)).await);
        assert_eq!(setting.lookups(), 2);
    }
}

#[tokio::test]
async fn absent_tokens_are_not_remembered() {
    let setting = Setting::with_open_gate().await;
    let unknown = token_hash(8);
    for lookups in 1..4 {
        let answer = setting.cached.authenticate(&unknown, second(0)).await;
        assert!(answer.unwrap().is_none());
        assert_eq!(setting.lookups(), lookups);
    }
}

#[tokio::test]
async fn concurrent_lookups_of_a_token_are_one() {
    let setting = Setting::new().await;
    let lookups = join_all((0..16).map(|_| setting.is_found(second(0))));
    let (found, ()) = tokio::join!(lookups, async { setting.slow.gate.open() });
    assert_eq!(found, [true; 16]);
    assert_eq!(setting.lookups(), 1);
}

#[tokio::test]
async fn a_lookup_that_a_revocation_overtakes_is_not_remembered() {
    let setting = Setting::new().await;
    let early = setting.is_found(second(0));
    let (early, ()) = tokio::join!(early, async {
        // The early lookup is blocked at the gate with the token.
        assert_eq!(setting.lookups(), 1);
        setting.revoke().await;
        setting.slow.gate.open();
    });
    assert!(early, "it began before the revocation");
    assert!(!setting.is_found(second(0)).await);
}

#[tokio::test]
async fn a_lookup_after_a_revocation_joins_none_from_before() {
    let setting = Setting::new().await;
    let (early, late) = tokio::join!(setting.is_found(second(0)), async {
        setting.revoke().await;
        let late = setting.is_found(second(0));
        let (late, ()) = tokio::join!(late, async { setting.slow.gate.open() });
        late
    });
    assert!(early && !late);
    assert_eq!(setting.lookups(), 2);
}

#[tokio::test]
async fn a_lookup_that_is_given_up_is_done_by_the_next() {
    let setting = Setting::new().await;
    let mut early = Box::pin(setting.is_found(second(0)));
    assert!(futures_util::poll!(&mut early).is_pending());
    drop(early);
    setting.slow.gate.open();
    assert!(setting.is_found(second(0)).await);
    assert_eq!(setting.lookups(), 2);
}

#[tokio::test]
async fn every_caller_is_told_of_a_failure_and_it_is_not_remembered() {
    let setting = Setting::new().await;
    setting.slow.memory.set_down(true);
    let lookups = join_all((0..4).map(|_| setting.cached.authenticate(&HASH, second(0))));
    let (answers, ()) = tokio::join!(lookups, async { setting.slow.gate.open() });
    for answer in answers {
        assert!(
            matches!(answer, Err(PortError::Unavailable(_))),
            "{answer:?}"
        );
    }
    assert_eq!(setting.lookups(), 1);
    setting.slow.memory.set_down(false);
    assert!(setting.is_found(second(0)).await);
}

#[tokio::test]
async fn a_users_change_counts_at_once() {
    let disabled = UserChanges {
        is_active: Some(false),
        ..UserChanges::none(second(0))
    };
    let setting = Setting::with_open_gate().await;
    let cached = Arc::new(setting.cached);
    let users = setting.slow.memory.stores().users;
    let users = TokenForgettingUserRepository::new(users, cached.clone());
    let found = async || cached.authenticate(&HASH, second(0)).await.unwrap();
    assert!(found().await.unwrap().user.is_active);
    let user = setting.token.user_id;
    users.update(user, &disabled).await.unwrap();
    assert!(found().await.is_none(), "disabling a user ends sessions");
    users.delete(user).await.unwrap();
    assert!(found().await.is_none());
}
