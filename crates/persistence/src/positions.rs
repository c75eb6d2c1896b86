//! Where new messages stand in their thread, and what they change of its row.

use colloquy_application::ports::{NewMessage, PortError};
use colloquy_domain::{Message, RunId, ThreadId, ThreadName};
use sea_orm::sea_query::{
    CaseStatement, Expr, ExprTrait, Func, InsertStatement, Query, SelectStatement, SimpleExpr,
    UpdateStatement,
};
use sea_orm::{EntityTrait, QueryFilter, QueryResult, QueryTrait, UpdateMany};

use crate::entities::{message_reasoning, messages, threads};
use crate::error::Failure;
use crate::locks::is_thread_of;
use crate::script::insertion_if_changed;
use crate::transaction::Transaction;

/// Stores the messages at the thread's next positions, in the order given. Locks its row, also
/// when there are none; `NotFound` when it is gone.
pub(crate) async fn place(
    transaction: &Transaction,
    thread: ThreadId,
    run: RunId,
    messages: &[NewMessage],
) -> Result<(), Failure> {
    let is_thread = threads::COLUMN.id.eq(thread.as_uuid());
    let first = take(transaction, is_thread, messages, None).await?;
    insert(transaction, thread, run, messages, first).await
}

/// Stores the messages at the positions from `first` on, which have been taken for them.
pub(crate) async fn insert(
    transaction: &Transaction,
    thread: ThreadId,
    run: RunId,
    messages: &[NewMessage],
    first: u64,
) -> Result<(), Failure> {
    let rows = (first..).zip(messages).map(|(position, message)| {
        messages::ActiveModel::unplaced(run, message)?.placed(thread, position)
    });
    messages::Entity::insert_many(rows.collect::<Result<Vec<_>, _>>()?)
        .exec_without_returning(transaction)
        .await?;
    let reasoning = messages
        .iter()
        .filter_map(message_reasoning::ActiveModel::of);
    message_reasoning::Entity::insert_many(reasoning)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
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

/// The first of the positions for these messages in the one thread of which `is_thread` is true.
/// They are then the transaction's own, and the thread's row is locked; `NotFound` when it is gone.
/// The thread gets the name unless it has one that stays.
pub(crate) async fn take(
    transaction: &Transaction,
    is_thread: SimpleExpr,
    messages: &[NewMessage],
    name: Option<&ThreadName>,
) -> Result<u64, Failure> {
    let count = i64::try_from(messages.len()).map_err(PortError::other)?;
    let updated = extended(is_thread, messages, count, name)
        .exec_with_returning(transaction)
        .await?;
    let thread = updated.into_iter().next().ok_or(PortError::NotFound)?;
    Ok(first(thread.last_position, count)?)
}

/// The thread's row with `count` messages more.
fn extended(
    is_thread: SimpleExpr,
    messages: &[NewMessage],
    count: i64,
    name: Option<&ThreadName>,
) -> UpdateMany<threads::Entity> {
    let columns = threads::COLUMN;
    let last_position = Expr::col(columns.last_position).add(count);
    let mut update = threads::Entity::update_many()
        .col_expr(columns.last_position, last_position)
        .filter(is_thread);
    if let Some(last) = messages.last() {
        // Another instance's clock may be ahead.
        let latest = |column| Func::greatest([Expr::col(column), Expr::val(last.created_at)]);
        update = update
            .col_expr(
                columns.last_message_at,
                latest(threads::Column::LastMessageAt).into(),
            )
            .col_expr(
                columns.updated_at,
                latest(threads::Column::UpdatedAt).into(),
            );
    }
    if let Some(name) = name {
        let named = CaseStatement::new()
            .case(Expr::col(columns.is_named), Expr::col(columns.name))
            .finally(name.as_str());
        update = update
            .col_expr(columns.name, named.into())
            .col_expr(columns.is_named, Expr::val(true));
    }
    update
}

/// Takes positions as [`take`] does, in a script; [`insertions_if_taken`] fills them, and
/// [`first_taken`] tells the first by the row that this returns.
pub(crate) fn taking(
    is_thread: SimpleExpr,
    messages: &[NewMessage],
    name: Option<&ThreadName>,
) -> Result<UpdateStatement, PortError> {
    let count = i64::try_from(messages.len()).map_err(PortError::other)?;
    let mut taking = extended(is_thread, messages, count, name).into_query();
    taking.returning(Query::returning().column(threads::Column::LastPosition));
    Ok(taking)
}

/// The first of the `count` positions that were [taken](taking).
pub(crate) fn first_taken(row: &QueryResult, count: usize) -> Result<u64, Failure> {
    let count = i64::try_from(count).map_err(PortError::other)?;
    Ok(first(row.try_get_by_index(0)?, count)?)
}

/// Stores the messages of a run that is stored already, at the last positions of its thread, if the
/// script's statement before has changed anything.
pub(crate) fn insertions_if_taken(
    run: RunId,
    messages: &[NewMessage],
) -> Result<Vec<InsertStatement>, PortError> {
    let from_the_last = messages.iter().rev().zip(0_i64..);
    let insertion = |(message, behind): (&NewMessage, i64)| {
        let row = messages::ActiveModel::unplaced(run, message)?;
        let position = Expr::from(of_thread(run, threads::Column::LastPosition)).sub(behind);
        let place = [
            (
                messages::Column::ThreadId,
                of_thread(run, threads::Column::Id).into(),
            ),
            (messages::Column::Position, position),
        ];
        let reasoning = message_reasoning::ActiveModel::of(message);
        let reasoning = reasoning.map(|row| insertion_if_changed(&row, []));
        let insertions = [Some(insertion_if_changed(&row, place)), reasoning];
        insertions
            .into_iter()
            .flatten()
            .collect::<Result<Vec<_>, _>>()
    };
    let insertions: Result<Vec<_>, _> = from_the_last.map(insertion).collect();
    Ok(insertions?.concat())
}

/// What the run's thread has in a column.
fn of_thread(run: RunId, column: threads::Column) -> SelectStatement {
    Query::select()
        .column(column)
        .from(threads::Entity)
        .and_where(is_thread_of(run))
        .take()
}

/// The first of `count` positions that were taken, up to the `last`.
pub(crate) fn first(last: i64, count: i64) -> Result<u64, PortError> {
    u64::try_from(last - count + 1).map_err(PortError::other)
}
