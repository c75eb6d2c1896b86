//! Read cache for token lookups.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_application::ports::{
    Authenticated, Grounds, OffsetList, OffsetPage, PortError, Reading, Readings, TokenHash,
    TokenRepository,
};
use colloquy_domain::{AccessToken, TokenId, TokenKind, UserId};
use moka::future::Cache;
use moka::policy::EvictionPolicy;

use crate::lookups::Lookups;
use crate::shared_load::{Missing, same_error};

/// By the caller's clock and by the machine's.
const LIFETIME: Duration = Duration::from_secs(4);
const CAPACITY: u64 = 10_000;

/// Caches the user of a token. Concurrent lookups share one load. Misses are not cached.
pub struct CachedTokenRepository {
    inner: Arc<dyn TokenRepository>,
    answers: Cache<Key, Authenticated>,
    generation: AtomicU64,
    lookups: Lookups,
}

/// Entries of earlier generations or periods are unreachable: invalidation removes nothing, and a
/// slow load cannot bring a stale entry back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    hash: TokenHash,
    generation: u64,
    /// Index of the [`LIFETIME`]-long period of the lookup.
    period: i64,
}

impl CachedTokenRepository {
    /// Creates an empty cache in front of `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn TokenRepository>) -> Self {
        let answers = Cache::builder()
            .max_capacity(CAPACITY)
            .time_to_live(LIFETIME)
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self {
            inner,
            answers,
            generation: AtomicU64::new(0),
            lookups: Lookups::default(),
        }
    }

    /// Invalidates everything, so that a change to a user takes effect here at once.
    pub fn forget_all(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    fn key(&self, hash: &TokenHash, now: DateTime<Utc>) -> Key {
        Key {
            hash: *hash,
            generation: self.generation.load(Ordering::SeqCst),
            period: period(hash, now),
        }
    }

    async fn look_up(
        &self,
        hash: &TokenHash,
        now: DateTime<Utc>,
    ) -> Result<Authenticated, Missing> {
        self.lookups.record_load();
        match self.inner.authenticate(hash, now).await {
            Ok(found) => found.ok_or(Missing::Absent),
            Err(error) => Err(Missing::Failed(Arc::new(error))),
        }
    }
}

impl Readings for CachedTokenRepository {
    fn readings(&self) -> Vec<Reading> {
        self.lookups.readings("tokens")
    }
}

#[async_trait]
impl TokenRepository for CachedTokenRepository {
    async fn add(
        &self,
        token: &AccessToken,
        hash: &TokenHash,
        grounds: &Grounds,
    ) -> Result<(), PortError> {
        self.inner.add(token, hash, grounds).await
    }

    async fn authenticate(
        &self,
        hash: &TokenHash,
        now: DateTime<Utc>,
    ) -> Result<Option<Authenticated>, PortError> {
        self.lookups.note();
        let key = self.key(hash, now);
        let answer = self.answers.try_get_with(key, self.look_up(hash, now));
        match answer.await {
            Ok(found) => Ok(Some(found)),
            Err(missing) => match &*missing {
                Missing::Absent => Ok(None),
                Missing::Failed(error) => Err(same_error(error)),
            },
        }
    }

    async fn list(
        &self,
        user: UserId,
        kind: Option<TokenKind>,
        page: OffsetPage,
    ) -> Result<OffsetList<AccessToken>, PortError> {
        self.inner.list(user, kind, page).await
    }

    async fn revoke(&self, user: UserId, id: TokenId) -> Result<(), PortError> {
        let answer = self.inner.revoke(user, id).await;
        // Also after a failure: the removal may have been applied.
        self.forget_all();
        answer
    }

    async fn remove_expired(&self, now: DateTime<Utc>) -> Result<u64, PortError> {
        let answer = self.inner.remove_expired(now).await;
        self.forget_all();
        answer
    }
}

/// Offset per token, so that entries do not all expire together.
fn period(hash: &TokenHash, now: DateTime<Utc>) -> i64 {
    const LENGTH: i64 = LIFETIME.as_millis() as i64;
    let offset = i64::from(u16::from_be_bytes([hash.0[0], hash.0[1]]));
    (now.timestamp_millis() + offset).div_euclid(LENGTH)
}
