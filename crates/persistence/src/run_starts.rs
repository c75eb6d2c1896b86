//! How runs start, and how a start is found that was made before.

use colloquy_application::ports::{Constraint, PortError, RunStart};
use colloquy_domain::{Message, Run, RunEvent, RunEventKind, UserId};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter, Select,
};

use crate::entities::runs::{ActiveModel, COLUMN, Entity};
use crate::error::Failure;
use crate::locks::lock_user;
use crate::positions::place;
use crate::run_events::{FIRST, add};

/// The run that the same request of the same user has started before.
pub(crate) async fn known(
    connection: &impl ConnectionTrait,
    start: &RunStart,
) -> Result<Option<Run>, Failure> {
    let (Some(user), Some(asked)) = (start.run.user_id, &start.idempotency) else {
        return Ok(None);
    };
    let known = Entity::find()
        .filter(COLUMN.user_id.eq(user.as_uuid()))
        .filter(COLUMN.idempotency_key.eq(asked.key.as_str()))
        .one(connection)
        .await?;
    let Some(known) = known else {
        return Ok(None);
    };
    if known.idempotency_fingerprint.as_deref() != Some(&asked.fingerprint) {
        return Err(PortError::Conflict(Constraint::IdempotencyKey).into());
    }
    Ok(Some(known.try_into()?))
}

/// Stores the run, its message and the first event of its log; the message as it stands then.
/// The starts of one user pass one by one, so that each sees those before it.
pub(crate) async fn insert(
    transaction: &DatabaseTransaction,
    start: &RunStart,
) -> Result<Message, Failure> {
    let run = &start.run;
    if let Some(user) = run.user_id {
        lock_user(transaction, user).await?;
    }
    let placed = place(
        transaction,
        run.thread_id,
        run.id,
        std::slice::from_ref(&start.message),
    );
    let message = placed.await?.remove(0);
    Entity::insert(ActiveModel::started(start))
        .exec_without_returning(transaction)
        .await?;
    let started = RunEvent {
        number: FIRST,
        kind: RunEventKind::Started {
            run: Box::new(run.clone()),
            message: Box::new(message.clone()),
        },
    };
    add(transaction, run.id, &[started]).await?;
    check_count(transaction, start).await?;
    Ok(message)
}

/// After the run was stored: a thread that is busy is the nearer reason to refuse it.
async fn check_count(transaction: &DatabaseTransaction, start: &RunStart) -> Result<(), Failure> {
    let Some(user) = start.run.user_id else {
        return Ok(());
    };
    let count = active_of(user).count(transaction).await?;
    if count > u64::from(start.max_per_user) {
        return Err(PortError::Conflict(Constraint::ActiveRunsPerUser).into());
    }
    Ok(())
}

/// Those of the user's runs that are in progress: they have a lease.
pub(crate) fn active_of(user: UserId) -> Select<Entity> {
    Entity::find()
        .filter(COLUMN.user_id.eq(user.as_uuid()))
        .filter(COLUMN.lease_holder.is_not_null())
}
