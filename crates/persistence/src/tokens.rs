use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use colloquy_application::ports::{Authenticated, PortError, TokenHash, TokenRepository};
use colloquy_domain::{AccessToken, TokenId, TokenKind, User, UserId};
use sea_orm::sea_query::{Expr, ExprTrait as _, SimpleExpr};
use sea_orm::{Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, Set};
use uuid::Uuid;

use crate::entities::{access_tokens, users};
use crate::locks::keep_user;
use crate::rows::{all, expect_found};
use crate::{Database, presence};

/// A use is not noted again within this time, so that authenticating usually only reads.
const USE_PRECISION: TimeDelta = TimeDelta::minutes(1);

/// How many expired tokens one transaction removes at the most.
const BATCH_TOKENS: u64 = 500;

/// Keeps the access tokens in a [`Database`].
#[derive(Debug, Clone)]
pub struct SeaTokenRepository {
    database: Database,
}

impl SeaTokenRepository {
    /// The access tokens of that database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn find(&self, hash: &TokenHash) -> Result<Option<(AccessToken, User)>, PortError> {
        self.database
            .read(async {
                let found = access_tokens::Entity::find()
                    .filter(access_tokens::COLUMN.hash.eq(hash.0.to_vec()))
                    .find_also_related(users::Entity)
                    .one(self.database.reader())
                    .await?;
                let Some((token, Some(user))) = found else {
                    return Ok(None);
                };
                Ok(Some((token.try_into()?, user.try_into()?)))
            })
            .await
    }

    /// Removes some of the tokens that expired before `now`; how many.
    async fn remove_expired_batch(&self, now: DateTime<Utc>) -> Result<u64, PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let expired: Vec<Uuid> = access_tokens::Entity::find()
                    .select_only()
                    .column(access_tokens::Column::Id)
                    .filter(access_tokens::COLUMN.expires_at.lt(now))
                    .limit(BATCH_TOKENS)
                    .into_tuple()
                    .all(&transaction)
                    .await?;
                let deletion = access_tokens::Entity::delete_many()
                    .filter(access_tokens::COLUMN.id.is_in(expired));
                let removed = deletion.exec(&transaction).await?.rows_affected;
                transaction.commit().await?;
                Ok(removed)
            })
            .await
    }

    /// Notes the use unless somebody else has just done so.
    async fn note_use(&self, token: TokenId, now: DateTime<Utc>) -> Result<(), PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let last_used_at = access_tokens::COLUMN.last_used_at;
                let is_due = Condition::any()
                    .add(last_used_at.is_null())
                    .add(last_used_at.lte(now - USE_PRECISION));
                let use_noted = access_tokens::ActiveModel {
                    last_used_at: Set(Some(now)),
                    ..Default::default()
                };
                access_tokens::Entity::update_many()
                    .set(use_noted)
                    .filter(access_tokens::COLUMN.id.eq(token.as_uuid()))
                    .filter(is_due)
                    .exec(&transaction)
                    .await?;
                transaction.commit().await?;
                Ok(())
            })
            .await
    }
}

#[async_trait]
impl TokenRepository for SeaTokenRepository {
    async fn add(&self, token: &AccessToken, hash: &TokenHash) -> Result<(), PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                keep_user(&transaction, token.user_id).await?;
                access_tokens::Entity::insert(access_tokens::ActiveModel::new(token, hash))
                    .exec_without_returning(&transaction)
                    .await?;
                transaction.commit().await?;
                Ok(())
            })
            .await
    }

    async fn authenticate(
        &self,
        hash: &TokenHash,
        now: DateTime<Utc>,
    ) -> Result<Option<Authenticated>, PortError> {
        let Some((mut token, user)) = self.find(hash).await? else {
            return Ok(None);
        };
        let is_due = |last| now - last >= USE_PRECISION;
        if token.last_used_at.is_none_or(is_due) {
            match self.note_use(token.id, now).await {
                Ok(()) => token.last_used_at = Some(now),
                // Reading goes on where nothing can be written.
                Err(PortError::Unavailable(error)) => {
                    tracing::debug!(error, "use of a token not noted");
                }
                Err(error) => return Err(error),
            }
        }
        let user = Arc::new(user);
        Ok(Some(Authenticated {
            token: Arc::new(token),
            user,
        }))
    }

    async fn list(&self, user: UserId, kind: TokenKind) -> Result<Vec<AccessToken>, PortError> {
        self.database
            .read(async {
                let models = of_user(user, kind).all(self.database.reader()).await?;
                Ok(all(models)?)
            })
            .await
    }

    async fn revoke(&self, user: UserId, id: TokenId) -> Result<(), PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let deletion = access_tokens::Entity::delete_many()
                    .filter(access_tokens::COLUMN.id.eq(id.as_uuid()))
                    .filter(is_of(user));
                expect_found(deletion.exec(&transaction).await?.rows_affected)?;
                transaction.commit().await?;
                Ok(())
            })
            .await
    }

    async fn remove_expired(&self, now: DateTime<Utc>) -> Result<u64, PortError> {
        let mut removed = 0;
        loop {
            let batch = self.remove_expired_batch(now).await?;
            removed += batch;
            if batch < BATCH_TOKENS {
                return Ok(removed);
            }
        }
    }
}

/// Nothing is the token of somebody who was deleted.
fn is_of(user: UserId) -> SimpleExpr {
    let column = (access_tokens::Entity, access_tokens::Column::UserId);
    Expr::col(column).eq(presence::user(user.as_uuid()))
}

fn of_user(user: UserId, kind: TokenKind) -> Select<access_tokens::Entity> {
    access_tokens::Entity::find()
        .filter(is_of(user))
        .filter(access_tokens::COLUMN.kind.eq(kind.as_str()))
        .order_by_asc(access_tokens::COLUMN.id)
}

#[cfg(test)]
mod tests {
    use colloquy_application::testing::samples::Samples;

    use super::*;
    use crate::plans::{assert_served_by, databases};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_tokens_of_a_user_have_an_index_in_the_order_of_the_list() {
        let rows = of_user(Samples::new().user_id(), TokenKind::ApiKey);
        for (_place, database) in databases().await {
            assert_served_by(&database, &rows, "access_tokens_user_id_kind_id_idx").await;
        }
    }
}
