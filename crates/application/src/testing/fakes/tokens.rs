use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use colloquy_domain::{AccessToken, TokenId, TokenKind, UserId};

use super::memory::{Memory, StoredToken};
use crate::ports::{Authenticated, PortError, TokenHash, TokenRepository};

#[async_trait]
impl TokenRepository for Memory {
    async fn add(&self, token: &AccessToken, hash: &TokenHash) -> Result<(), PortError> {
        self.with(|records| {
            if !records.users.contains_key(&token.user_id) {
                return Err(PortError::NotFound);
            }
            let stored = StoredToken {
                token: token.clone(),
                hash: *hash,
            };
            records.tokens.insert(token.id, stored);
            Ok(())
        })
    }

    async fn authenticate(
        &self,
        hash: &TokenHash,
        now: DateTime<Utc>,
    ) -> Result<Option<Authenticated>, PortError> {
        self.with(|records| {
            let mut tokens = records.tokens.values_mut();
            let Some(stored) = tokens.find(|stored| stored.hash == *hash) else {
                return Ok(None);
            };
            note_use(&mut stored.token, now);
            let user = records.users.get(&stored.token.user_id);
            Ok(user.map(|owner| Authenticated {
                token: Arc::new(stored.token.clone()),
                user: Arc::new(owner.user.clone()),
            }))
        })
    }

    async fn list(&self, user: UserId, kind: TokenKind) -> Result<Vec<AccessToken>, PortError> {
        self.with(|records| {
            let tokens = records.tokens.values().map(|stored| &stored.token);
            let asked = tokens.filter(|token| token.user_id == user && token.kind == kind);
            Ok(asked.cloned().collect())
        })
    }

    async fn revoke(&self, user: UserId, id: TokenId) -> Result<(), PortError> {
        self.with(|records| match records.tokens.get(&id) {
            Some(stored) if stored.token.user_id == user => {
                records.tokens.remove(&id);
                Ok(())
            }
            _ => Err(PortError::NotFound),
        })
    }

    async fn remove_expired(&self, now: DateTime<Utc>) -> Result<u64, PortError> {
        self.with(|records| {
            let before = records.tokens.len();
            let lives = |token: &AccessToken| token.expires_at.is_none_or(|end| end >= now);
            records.tokens.retain(|_, stored| lives(&stored.token));
            Ok((before - records.tokens.len()) as u64)
        })
    }
}

fn note_use(token: &mut AccessToken, now: DateTime<Utc>) {
    let is_due = |last| now - last >= TimeDelta::minutes(1);
    if token.last_used_at.is_none_or(is_due) {
        token.last_used_at = Some(now);
    }
}
