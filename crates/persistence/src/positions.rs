use colloquy_application::ports::{NewMessage, PortError};
use colloquy_domain::{Message, RunId, ThreadId};
use sea_orm::sea_query::{Expr, ExprTrait, InsertStatement, Query, SimpleExpr, UpdateStatement};
use sea_orm::{DatabaseTransaction, EntityTrait, QueryFilter, QueryResult, QueryTrait};

use crate::batch::Batch;
use crate::entities::{messages, threads};
use crate::error::Failure;

/// Stores the messages at the thread's next positions, in the order given. Locks its row, also
/// when there are none; `NotFound` when it is gone.
pub(crate) async fn place(
    transaction: &DatabaseTransaction,
    thread: ThreadId,
    run: RunId,
    messages: &[NewMessage],
) -> Result<(), Failure> {
    let is_thread = threads::COLUMN.id.eq(thread.as_uuid());
    let first = take(transaction, is_thread, messages.len()).await?;
    let insertion = insertion(thread, run, messages, first)?;
    Batch::new(transaction).with(insertion).run().await?;
    Ok(())
}

/// Stores the messages at the positions from `first` on, which have been taken for them.
pub(crate) fn insertion(
    thread: ThreadId,
    run: RunId,
    messages: &[NewMessage],
    first: u64,
) -> Result<Option<InsertStatement>, PortError> {
    if messages.is_empty() {
        return Ok(None);
    }
    let rows = (first..).zip(messages).map(|(position, message)| {
        messages::ActiveModel::unplaced(run, message)?.placed(thread, position)
    });
    let insertion = messages::Entity::insert_many(rows.collect::<Result<Vec<_>, _>>()?);
    Ok(Some(insertion.into_query()))
}

/// The messages as they stand at the positions from `first` on.
pub(crate) fn placed(
    thread: ThreadId,
    run: RunId,
    messages: &[NewMessage],
    first: u64,
) -> Vec<Message> {
    let messages = (first..).zip(messages.iter().cloned());
    messages
        .map(|(position, message)| message.placed(thread, run, position))
        .collect()
}

/// The first of `count` positions in the one thread of which `is_thread` is true. They are then
/// the transaction's own, and the thread's row is locked; `NotFound` when it is gone.
pub(crate) async fn take(
    transaction: &DatabaseTransaction,
    is_thread: SimpleExpr,
    count: usize,
) -> Result<u64, Failure> {
    let taking = taking(is_thread, count)?;
    let rows = Batch::new(transaction).with([taking]).run().await?;
    taken(rows.first(), count)
}

/// Takes the positions; see [`take`], and [`taken`] for what it returns.
pub(crate) fn taking(is_thread: SimpleExpr, count: usize) -> Result<UpdateStatement, PortError> {
    let count = i64::try_from(count).map_err(PortError::other)?;
    let last_position = threads::COLUMN.last_position;
    let mut taking = threads::Entity::update_many()
        .col_expr(last_position, Expr::col(last_position).add(count))
        .filter(is_thread)
        .into_query();
    taking.returning(Query::returning().column(last_position));
    Ok(taking)
}

/// The first of the `count` positions that were taken, by the row that tells the last.
pub(crate) fn taken(row: Option<&QueryResult>, count: usize) -> Result<u64, Failure> {
    let last: i64 = row.ok_or(PortError::NotFound)?.try_get_by_index(0)?;
    let count = i64::try_from(count).map_err(PortError::other)?;
    Ok(first(last, count)?)
}

/// The first of `count` positions that were taken, up to the `last`.
pub(crate) fn first(last: i64, count: i64) -> Result<u64, PortError> {
    u64::try_from(last - count + 1).map_err(PortError::other)
}
