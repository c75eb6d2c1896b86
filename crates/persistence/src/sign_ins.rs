//! Stores sign-in attempts and the places of successful ones.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_application::ports::{PastAttempt, PortError, SignInAttempt, SignInRepository};
use colloquy_application::sign_in_limits::{Admission, SignInLimits};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Select, Set};

use crate::Database;
use crate::entities::{sign_in_attempts as attempts, sign_in_places as places};
use crate::error::StoreError;
use crate::locks::lock_hashes;
use crate::rows::all;
use crate::transaction::Transaction;

/// Maximum attempts removed per transaction.
const REMOVED_AT_ONCE: u64 = 10_000;

/// Stores sign-in attempts in a [`Database`].
#[derive(Debug, Clone)]
pub struct SeaSignInRepository {
    database: Database,
}

impl SeaSignInRepository {
    /// The sign-in attempts of this database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl SignInRepository for SeaSignInRepository {
    async fn begin(
        &self,
        attempt: &SignInAttempt,
        limits: SignInLimits,
    ) -> Result<Admission, PortError> {
        // Under attack most attempts are refused here, without a write.
        let reader = self.database.reader();
        let first_look = self.database.read(judge(reader, attempt, limits)).await?;
        if first_look != Admission::Admitted {
            return Ok(first_look);
        }
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                lock(&transaction, attempt).await?;
                let admission = judge(&transaction, attempt, limits).await?;
                if admission == Admission::Admitted {
                    attempts::Entity::insert(attempts::ActiveModel::undecided(attempt))
                        .exec_without_returning(&transaction)
                        .await?;
                }
                transaction.commit().await?;
                Ok(admission)
            })
            .await
    }

    async fn refuse(&self, attempt: &SignInAttempt) -> Result<(), PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let refused = attempts::ActiveModel {
                    is_refused: Set(true),
                    ..Default::default()
                };
                attempts::Entity::update_many()
                    .set(refused)
                    .filter(attempts::COLUMN.id.eq(attempt.id))
                    .exec(&transaction)
                    .await?;
                transaction.commit().await?;
                Ok(())
            })
            .await
    }

    async fn succeed(&self, attempt: &SignInAttempt) -> Result<(), PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                attempts::Entity::delete_by_id(attempt.id)
                    .exec(&transaction)
                    .await?;
                let place = OnConflict::columns([places::Column::Account, places::Column::Place])
                    .update_column(places::Column::LastUsedAt)
                    .to_owned();
                places::Entity::insert(places::ActiveModel::of(attempt))
                    .on_conflict(place)
                    .exec_without_returning(&transaction)
                    .await?;
                transaction.commit().await?;
                Ok(())
            })
            .await
    }

    async fn withdraw(&self, attempt: &SignInAttempt) -> Result<(), PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                attempts::Entity::delete_by_id(attempt.id)
                    .exec(&transaction)
                    .await?;
                transaction.commit().await?;
                Ok(())
            })
            .await
    }

    async fn remove_outdated(&self, now: DateTime<Utc>) -> Result<u64, PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let removed = remove_attempts(&transaction, now).await?
                    + remove_places(&transaction, now).await?;
                transaction.commit().await?;
                Ok(removed)
            })
            .await
    }
}

/// Serialises attempts that share an account or place. SQLite has a single writer.
async fn lock(transaction: &Transaction, attempt: &SignInAttempt) -> Result<(), StoreError> {
    lock_hashes(transaction, [&attempt.account.0, &attempt.place.0]).await
}

async fn judge(
    connection: &impl ConnectionTrait,
    attempt: &SignInAttempt,
    limits: SignInLimits,
) -> Result<Admission, StoreError> {
    let of_account = of_account(attempt).all(connection).await?;
    let of_place = of_place(attempt).all(connection).await?;
    let past: Vec<PastAttempt> = all(of_account.into_iter().chain(of_place).collect())?;
    let key = (attempt.account.0.to_vec(), attempt.place.0.to_vec());
    let place = places::Entity::find_by_id(key).one(connection).await?;
    let forgotten = SignInLimits::forgotten(attempt.at);
    let is_known = place.is_some_and(|place| place.last_used_at > forgotten);
    Ok(limits.judge(attempt, is_known, &past))
}

fn of_account(attempt: &SignInAttempt) -> Select<attempts::Entity> {
    attempts::Entity::find()
        .filter(attempts::COLUMN.account.eq(attempt.account.0.to_vec()))
        .filter(
            attempts::COLUMN
                .begun_at
                .gt(SignInLimits::outdated(attempt.at)),
        )
}

/// Other accounts' attempts from this place.
fn of_place(attempt: &SignInAttempt) -> Select<attempts::Entity> {
    attempts::Entity::find()
        .filter(attempts::COLUMN.place.eq(attempt.place.0.to_vec()))
        .filter(
            attempts::COLUMN
                .begun_at
                .gt(SignInLimits::outdated(attempt.at)),
        )
        .filter(attempts::COLUMN.account.ne(attempt.account.0.to_vec()))
}

async fn remove_attempts(transaction: &Transaction, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let outdated = attempts::Entity::find()
        .select_only()
        .column(attempts::Column::Id)
        .filter(attempts::COLUMN.begun_at.lte(SignInLimits::outdated(now)))
        .limit(REMOVED_AT_ONCE)
        .into_query();
    let deletion = attempts::Entity::delete_many()
        .filter(attempts::COLUMN.id.in_subquery(outdated))
        .exec(transaction);
    Ok(deletion.await?.rows_affected)
}

async fn remove_places(transaction: &Transaction, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let deletion = places::Entity::delete_many()
        .filter(
            places::COLUMN
                .last_used_at
                .lte(SignInLimits::forgotten(now)),
        )
        .exec(transaction);
    Ok(deletion.await?.rows_affected)
}

#[cfg(test)]
mod tests {
    use colloquy_application::ports::{AccountKey, PlaceKey};
    use colloquy_application::testing::samples::{Samples, moment};

    use super::*;
    use crate::query_plan::{assert_served_by, databases};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn attempts_of_an_account_and_of_a_place_are_found_by_indexes() {
        let attempt = SignInAttempt {
            id: Samples::new().user_id().as_uuid(),
            account: AccountKey([1; 32]),
            place: PlaceKey([2; 32]),
            at: moment(0),
        };
        for (_place, database) in databases().await {
            for (rows, index) in [
                (
                    of_account(&attempt),
                    "sign_in_attempts_account_begun_at_idx",
                ),
                (of_place(&attempt), "sign_in_attempts_place_begun_at_idx"),
            ] {
                assert_served_by(&database, &rows, index).await;
            }
        }
    }
}
