//! In-memory tokens.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use colloquy_domain::{AccessToken, TokenId, TokenKind, UserId};

use super::memory::{Memory, Records, StoredToken, page_of};
use crate::ports::{
    Authenticated, Constraint, Grounds, MAX_API_KEYS, OffsetList, OffsetPage, PortError, TokenHash,
    TokenRepository,
};

#[async_trait]
impl TokenRepository for Memory {
    async fn add(
        &self,
        token: &AccessToken,
        hash: &TokenHash,
        grounds: &Grounds,
    ) -> Result<(), PortError> {
        self.with(|records| {
            records.check_grounds(token.user_id, grounds)?;
            if token.kind == TokenKind::ApiKey {
                records.check_room_for(token)?;
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

    async fn list(
        &self,
        user: UserId,
        kind: Option<TokenKind>,
        page: OffsetPage,
    ) -> Result<OffsetList<AccessToken>, PortError> {
        self.with(|records| {
            let mut listed: Vec<_> = records.tokens_of(user, kind).collect();
            listed.sort_by_key(|token| token.kind.as_str());
            Ok(page_of(listed.into_iter(), page))
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

impl Records {
    pub(super) fn tokens_of(
        &self,
        user: UserId,
        kind: Option<TokenKind>,
    ) -> impl Iterator<Item = &AccessToken> {
        let tokens = self.tokens.values().map(|stored| &stored.token);
        tokens.filter(move |token| {
            token.user_id == user && kind.is_none_or(|kind| token.kind == kind)
        })
    }

    fn check_grounds(&self, user: UserId, grounds: &Grounds) -> Result<(), PortError> {
        let owner = self.users.get(&user).filter(|owner| owner.user.is_active);
        let owner = owner.ok_or(PortError::NotFound)?;
        let holds = match grounds {
            Grounds::Password(hash) => owner.password.as_ref() == Some(hash),
            Grounds::Token(id) => {
                let presented = self.tokens.get(id);
                presented.is_some_and(|presented| presented.token.user_id == user)
            }
            Grounds::Operator => true,
        };
        holds.then_some(()).ok_or(PortError::NotFound)
    }

    fn check_room_for(&self, key: &AccessToken) -> Result<(), PortError> {
        let keys = self.tokens_of(key.user_id, Some(TokenKind::ApiKey));
        let count = keys.filter(|it| !it.is_expired_at(key.created_at)).count();
        if count >= MAX_API_KEYS as usize {
            return Err(PortError::Conflict(Constraint::ApiKeysPerUser));
        }
        Ok(())
    }
}

fn note_use(token: &mut AccessToken, now: DateTime<Utc>) {
    let is_due = |last| now - last >= TimeDelta::minutes(1);
    if token.last_used_at.is_none_or(is_due) {
        token.last_used_at = Some(now);
    }
}
