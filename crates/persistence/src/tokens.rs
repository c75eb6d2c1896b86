//! Stores sessions and API keys.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use colloquy_application::ports::{
    Authenticated, Constraint, Grounds, MAX_API_KEYS, OffsetList, OffsetPage, PortError, TokenHash,
    TokenRepository,
};
use colloquy_domain::{AccessToken, TokenId, TokenKind, User, UserId};
use sea_orm::sea_query::{Expr, ExprTrait as _, SimpleExpr};
use sea_orm::{Condition, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, Select, Set};
use tokio::time::timeout;
use uuid::Uuid;

use crate::entities::{access_tokens, users};
use crate::error::StoreError;
use crate::locks::locked_account;
use crate::rows::{expect_found, page};
use crate::transaction::Transaction;
use crate::{Database, presence};

/// A use is not recorded again within this time, so that authentication usually only reads.
const USE_PRECISION: TimeDelta = TimeDelta::minutes(1);
/// How long authentication waits for its use to be recorded; best effort.
const USE_TIMEOUT: Duration = Duration::from_millis(250);

/// Maximum tokens removed per transaction.
const BATCH_TOKENS: u64 = 500;

/// Stores access tokens in a [`Database`].
#[derive(Debug, Clone)]
pub struct SeaTokenRepository {
    database: Database,
}

impl SeaTokenRepository {
    /// The access tokens of this database.
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

    /// Removes some tokens that expired before `now`. Returns their number.
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

    /// Records a due use; returns whether that succeeded. Reads continue where writes fail or wait.
    async fn try_to_record_use(
        &self,
        token: TokenId,
        now: DateTime<Utc>,
    ) -> Result<bool, PortError> {
        match timeout(USE_TIMEOUT, self.record_use(token, now)).await {
            Ok(Ok(())) => Ok(true),
            Ok(Err(PortError::Unavailable(error))) => {
                tracing::debug!(error, "token use not recorded");
                Ok(false)
            }
            Ok(Err(error)) => Err(error),
            Err(_) => {
                tracing::debug!("token use not recorded in time");
                Ok(false)
            }
        }
    }

    /// Records a use unless another request just did.
    async fn record_use(&self, token: TokenId, now: DateTime<Utc>) -> Result<(), PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let last_used_at = access_tokens::COLUMN.last_used_at;
                let is_due = Condition::any()
                    .add(last_used_at.is_null())
                    .add(last_used_at.lte(now - USE_PRECISION));
                let used = access_tokens::ActiveModel {
                    last_used_at: Set(Some(now)),
                    ..Default::default()
                };
                access_tokens::Entity::update_many()
                    .set(used)
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
    async fn add(
        &self,
        token: &AccessToken,
        hash: &TokenHash,
        grounds: &Grounds,
    ) -> Result<(), PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                check_grounds(&transaction, token.user_id, grounds).await?;
                if token.kind == TokenKind::ApiKey {
                    check_room_for(&transaction, token).await?;
                }
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
        if token.last_used_at.is_none_or(is_due) && self.try_to_record_use(token.id, now).await? {
            token.last_used_at = Some(now);
        }
        let user = Arc::new(user);
        Ok(Some(Authenticated {
            token: Arc::new(token),
            user,
        }))
    }

    async fn list(
        &self,
        user: UserId,
        kind: Option<TokenKind>,
        wanted: OffsetPage,
    ) -> Result<OffsetList<AccessToken>, PortError> {
        self.database
            .read(async {
                let transaction = self.database.begin_snapshot().await?;
                // Rows are small: no byte limit.
                let bytes = Expr::val(0_i64);
                page(transaction, of_user(user, kind), &ORDER, wanted, bytes).await
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

/// A deleted user has no tokens, even before their rows are removed.
fn is_of(user: UserId) -> SimpleExpr {
    let column = (access_tokens::Entity, access_tokens::Column::UserId);
    Expr::col(column).eq(presence::user(user.as_uuid()))
}

const ORDER: [access_tokens::Column; 2] = [access_tokens::Column::Kind, access_tokens::Column::Id];

fn of_user(user: UserId, kind: Option<TokenKind>) -> Select<access_tokens::Entity> {
    let tokens = access_tokens::Entity::find().filter(is_of(user));
    match kind {
        Some(kind) => tokens.filter(access_tokens::COLUMN.kind.eq(kind.as_str())),
        None => tokens,
    }
}

/// Locks the user's row against concurrent changes and tokens.
async fn check_grounds(
    transaction: &Transaction,
    user: UserId,
    grounds: &Grounds,
) -> Result<(), StoreError> {
    let account = locked_account(transaction, user).await?;
    let account = account.filter(|account| account.is_active);
    let account = account.ok_or(PortError::NotFound)?;
    let holds = match grounds {
        Grounds::Password(hash) => account.password().as_ref() == Some(hash),
        Grounds::Token(id) => is_there(transaction, user, *id).await?,
        Grounds::Operator => true,
    };
    holds.then_some(()).ok_or(PortError::NotFound.into())
}

async fn is_there(
    transaction: &Transaction,
    user: UserId,
    token: TokenId,
) -> Result<bool, StoreError> {
    let token = access_tokens::Entity::find_by_id(token.as_uuid())
        .filter(access_tokens::COLUMN.user_id.eq(user.as_uuid()));
    Ok(token.count(transaction).await? > 0)
}

async fn check_room_for(transaction: &Transaction, key: &AccessToken) -> Result<(), StoreError> {
    let expires_at = access_tokens::COLUMN.expires_at;
    let counts = Condition::any()
        .add(expires_at.is_null())
        .add(expires_at.gt(key.created_at));
    let keys = of_user(key.user_id, Some(TokenKind::ApiKey)).filter(counts);
    if keys.count(transaction).await? >= u64::from(MAX_API_KEYS) {
        return Err(PortError::Conflict(Constraint::ApiKeysPerUser).into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use colloquy_application::testing::samples::Samples;

    use sea_orm::Order;

    use super::*;
    use crate::query_plan::{assert_served_by, databases};
    use crate::rows::ordered;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_tokens_of_a_user_have_an_index_in_the_order_of_the_list() {
        let user = Samples::new().user_id();
        for (_place, database) in databases().await {
            for kind in [None, Some(TokenKind::ApiKey)] {
                let rows = ordered(of_user(user, kind), &ORDER, &Order::Asc);
                assert_served_by(&database, &rows, "access_tokens_user_id_kind_id_idx").await;
            }
        }
    }
}
