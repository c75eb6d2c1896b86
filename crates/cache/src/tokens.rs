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

/// How old an answer may get, by the caller's clock and by the machine's.
const LIFETIME: Duration = Duration::from_secs(4);
/// How many answers are kept at the most.
const CAPACITY: u64 = 10_000;

/// A token repository that remembers whom a token authenticates. Concurrent lookups of one token
/// are one lookup of the repository behind it; tokens that are absent are not remembered.
pub struct CachedTokenRepository {
    inner: Arc<dyn TokenRepository>,
    answers: Cache<Key, Authenticated>,
    generation: AtomicU64,
    lookups: Lookups,
}

/// What an answer is good for. An answer whose generation or period has passed is never asked for
/// again, so nothing needs to be taken out of the cache, not even from under a load that is still
/// under way and would put it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    hash: TokenHash,
    /// How often tokens were removed before.
    generation: u64,
    /// The stretch of time, one [`LIFETIME`] long, that the lookup falls into.
    period: i64,
}

impl CachedTokenRepository {
    /// A cache, still empty, around the repository.
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

    /// Forgets every answer: whoever changed a user through another port makes the change count
    /// at once on this instance, instead of within the lifetime of an answer.
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
        self.lookups.note_load();
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
        kind: TokenKind,
        page: OffsetPage,
    ) -> Result<OffsetList<AccessToken>, PortError> {
        self.inner.list(user, kind, page).await
    }

    async fn revoke(&self, user: UserId, id: TokenId) -> Result<(), PortError> {
        let answer = self.inner.revoke(user, id).await;
        // Also after a failure: it may have come after the removal.
        self.forget_all();
        answer
    }

    async fn remove_expired(&self, now: DateTime<Utc>) -> Result<u64, PortError> {
        let answer = self.inner.remove_expired(now).await;
        self.forget_all();
        answer
    }
}

/// Periods begin at a different moment for each token, so that not all of them are looked up anew
/// at once.
fn period(hash: &TokenHash, now: DateTime<Utc>) -> i64 {
    const LENGTH: i64 = LIFETIME.as_millis() as i64;
    let offset = i64::from(u16::from_be_bytes([hash.0[0], hash.0[1]]));
    (now.timestamp_millis() + offset).div_euclid(LENGTH)
}
