//! Writes all run transitions: starts, pauses, resumptions and ends.
//!
//! A transition is a chain of statements. The first checks the expected state and locks the thread;
//! the others take effect only if it did. SQLite gets the chain in one call, PostgreSQL as one
//! statement, so that links cost no round trips. If the expectation can only be checked under
//! locks, or the chain had no effect, a transaction takes the locks and runs the same chain.

mod chain;

use colloquy_application::ports::{Constraint, Expected, Idempotency, PortError, RunCommit};
use colloquy_domain::{Message, Run, RunStatus, ThreadId, UserId};
use sea_orm::sea_query::{Expr, ExprTrait as _, SelectStatement};
use sea_orm::{
    ConnectionTrait, DbBackend, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect as _,
    QueryTrait as _, Select, Set,
};

use self::chain::Chain;
use crate::entities::runs::{ActiveModel, COLUMN, Column, Entity, find};
use crate::entities::threads;
use crate::error::StoreError;
use crate::locks::{lock_runs, lock_thread, lock_user};
use crate::run_events::{behind, last_number};
use crate::transaction::Transaction;
use crate::{Database, messages, presence};

/// A user's starts are serialised on PostgreSQL only within this distance of the limit. More than
/// can be concurrent, which the number of connections bounds.
const MARGIN: u32 = 64;

/// See [`RunRepository::commit`](colloquy_application::ports::RunRepository::commit). Returns the
/// messages as stored.
pub(crate) async fn commit(
    database: &Database,
    commit: &RunCommit,
) -> Result<Vec<Message>, StoreError> {
    if let Some(chain) = unlocked(database.backend(), commit)?
        && let Some(last_position) = chain.run(database.at_once()).await?
    {
        return placed(commit, last_position);
    }
    locked(database, commit).await
}

/// The chain, unless it needs locks first.
fn unlocked(backend: DbBackend, commit: &RunCommit) -> Result<Option<Chain>, StoreError> {
    let chain = match &commit.expected {
        Expected::New { .. } if commit.truncate_after.is_some() => None,
        Expected::New { max_per_user, .. } => {
            let max = match backend {
                DbBackend::Postgres => max_per_user.checked_sub(MARGIN),
                // There is no other writer.
                _ => Some(*max_per_user),
            };
            max.map(|max| Chain::start(backend, commit, max))
        }
        Expected::HeldBy { log_end, .. } => {
            log_end.map(|end| Chain::change(backend, commit, &commit.events, end))
        }
        Expected::AsRead { .. } | Expected::Paused { .. } => None,
    };
    Ok(chain.transpose()?)
}

async fn locked(database: &Database, commit: &RunCommit) -> Result<Vec<Message>, StoreError> {
    let transaction = database.begin().await?;
    let chain = match &commit.expected {
        Expected::New { max_per_user, .. } => {
            if let Some(user) = commit.run.user_id {
                lock_user(&transaction, user).await?;
            }
            if let Some(position) = commit.truncate_after {
                let thread = commit.run.thread_id;
                lock_thread(&transaction, thread).await?;
                messages::truncate(&transaction, thread, position).await?;
            }
            Chain::start(database.backend(), commit, *max_per_user)?
        }
        Expected::HeldBy { .. } | Expected::AsRead { .. } | Expected::Paused { .. } => {
            if let (Expected::Paused { .. }, Some(user)) = (&commit.expected, commit.run.user_id) {
                lock_user(&transaction, user).await?;
            }
            lock_thread(&transaction, commit.run.thread_id).await?;
            lock_runs(&transaction, &[commit.run.id.as_uuid()]).await?;
            let last = last_number(&transaction, commit.run.id).await?;
            if matches!(&commit.expected, Expected::AsRead { log_end, .. }
                | Expected::Paused { log_end, .. } if *log_end != last)
            {
                return Err(PortError::Conflict(Constraint::RunLease).into());
            }
            let events = behind(&commit.events, last);
            Chain::change(database.backend(), commit, events, last)?
        }
    };
    let Some(last_position) = chain.run_in(&transaction).await? else {
        return Err(refusal(&transaction, commit).await?.into());
    };
    transaction.commit().await?;
    placed(commit, last_position)
}

/// Why the chain had no effect.
async fn refusal(transaction: &Transaction, commit: &RunCommit) -> Result<PortError, StoreError> {
    match commit.expected {
        Expected::New { .. } => {}
        // Locked before, so only the user's other runs can interfere.
        Expected::Paused { .. } if is_paused(transaction, commit).await? => {
            return Ok(PortError::Conflict(Constraint::ActiveRunsPerUser));
        }
        _ => return Ok(PortError::Conflict(Constraint::RunLease)),
    }
    let thread = commit.run.thread_id;
    let found = threads::Entity::find_by_id(thread.as_uuid());
    if found.count(transaction).await? == 0 {
        return Ok(PortError::NotFound);
    }
    // A busy thread is reported first.
    let active = Entity::find().filter(is_active_in(thread));
    Ok(PortError::Conflict(
        match active.count(transaction).await? {
            0 => Constraint::ActiveRunsPerUser,
            _ => Constraint::ActiveRunPerThread,
        },
    ))
}

async fn is_paused(transaction: &Transaction, commit: &RunCommit) -> Result<bool, StoreError> {
    let paused = Entity::find_by_id(commit.run.id.as_uuid())
        .filter(COLUMN.status.eq(RunStatus::RequiresAction.as_str()));
    Ok(paused.count(transaction).await? > 0)
}

fn placed(commit: &RunCommit, last_position: i64) -> Result<Vec<Message>, StoreError> {
    let last = u64::try_from(last_position).map_err(PortError::other)?;
    let first = (last + 1).saturating_sub(commit.messages.len() as u64);
    let messages = (first..).zip(commit.messages.iter().cloned());
    let run = &commit.run;
    Ok(messages
        .map(|(position, message)| message.placed(run.thread_id, run.id, position))
        .collect())
}

/// The run that the same request started before.
pub(crate) async fn known(
    connection: &impl ConnectionTrait,
    user: UserId,
    asked: &Idempotency,
) -> Result<Option<Run>, StoreError> {
    let known = find().filter(has_key(user, asked)).one(connection).await?;
    let Some(known) = known else {
        return Ok(None);
    };
    if known.idempotency_fingerprint.as_deref() != Some(&asked.fingerprint) {
        return Err(PortError::Conflict(Constraint::IdempotencyKey).into());
    }
    Ok(Some(known.try_into()?))
}

/// Takes the key from a run of a deleted thread; returns whether it did. The run itself is removed
/// with the thread's other rows.
pub(crate) async fn free_key(
    transaction: &Transaction,
    user: UserId,
    asked: &Idempotency,
) -> Result<bool, StoreError> {
    let thread = presence::thread(Expr::col((Entity, Column::ThreadId)));
    let without = ActiveModel {
        idempotency_key: Set(None),
        idempotency_fingerprint: Set(None),
        ..Default::default()
    };
    let update = Entity::update_many()
        .set(without)
        .filter(has_key(user, asked))
        .filter(thread.is_null());
    Ok(update.exec(transaction).await?.rows_affected > 0)
}

fn has_key(user: UserId, asked: &Idempotency) -> Expr {
    let is_users = COLUMN.user_id.eq(user.as_uuid());
    is_users.and(COLUMN.idempotency_key.eq(asked.key.as_str()))
}

/// The user's runs in progress, which have a lease.
pub(crate) fn in_progress_of(user: UserId) -> Select<Entity> {
    Entity::find()
        .filter(COLUMN.user_id.eq(user.as_uuid()))
        .filter(COLUMN.lease_holder.is_not_null())
}

/// Ends the active run of a deleted thread, if any.
pub(crate) async fn drop_active(
    transaction: &Transaction,
    thread: ThreadId,
) -> Result<(), StoreError> {
    let dropped = ActiveModel {
        status: Set(RunStatus::Cancelled.as_str().to_owned()),
        lease_holder: Set(None),
        lease_expires_at: Set(None),
        expires_at: Set(None),
        required_action: Set(None),
        ..Default::default()
    };
    Entity::update_many()
        .set(dropped)
        .col_expr(Column::FinishedAt, Expr::col(Column::CreatedAt))
        .filter(is_active_in(thread))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Matches the partial index literally, without parameters; otherwise all of the thread's runs are
/// scanned.
fn is_active_in(thread: ThreadId) -> Expr {
    let is_active = Expr::cust("status IN ('in_progress', 'requires_action')");
    COLUMN.thread_id.eq(thread.as_uuid()).and(is_active)
}

/// Counts the user's runs in progress.
fn count_of(user: UserId) -> SelectStatement {
    let count = in_progress_of(user).select_only();
    count.expr(COLUMN.id.count()).into_query()
}

#[cfg(test)]
mod tests;
