//! How a run starts on SQLite: in one call.

use colloquy_application::ports::RunStart;
use colloquy_domain::Message;
use sea_orm::sea_query::{Expr, ExprTrait as _, SimpleExpr};
use sea_orm::{QuerySelect as _, QueryTrait as _};

use super::active_of;
use crate::entities::{run_events, runs, threads};
use crate::error::Failure;
use crate::positions;
use crate::script::{Script, Scripts, insertion_if_changed};

/// Stores what [`insert`](super::insert) stores; the message as it stands then. None when there is
/// no such thread or its user has as many runs as they may: nothing is stored then, and a
/// transaction has to find out which it is.
pub(crate) async fn insert(
    scripts: &Scripts,
    start: &RunStart,
) -> Result<Option<Message>, Failure> {
    let run = &start.run;
    let message = std::slice::from_ref(&start.message);
    let event = run_events::first(run.id, start.message.id)?;
    let rows = Script::begin()
        .with([positions::taking(
            is_open_for(start),
            message,
            start.thread_name.as_ref(),
        )?])
        .with([insertion_if_changed(
            &runs::ActiveModel::started(start),
            [],
        )?])
        .with(positions::insertions_if_taken(run.id, message)?)
        .with([insertion_if_changed(&event, [])?])
        .commit(scripts)
        .await?;
    let Some(taken) = rows.first() else {
        return Ok(None);
    };
    let position = positions::first_taken(taken, 1)?;
    let message = start.message.clone();
    Ok(Some(message.placed(run.thread_id, run.id, position)))
}

/// Whether a thread is that of the run, and the run's user may have another one. Nobody else writes
/// meanwhile, so that each start counts those before it.
fn is_open_for(start: &RunStart) -> SimpleExpr {
    let is_thread = threads::COLUMN.id.eq(start.run.thread_id.as_uuid());
    match start.run.user_id {
        Some(user) => {
            let count = active_of(user).select_only().expr(runs::COLUMN.id.count());
            is_thread.and(Expr::from(count.into_query()).lt(start.max_per_user))
        }
        None => is_thread,
    }
}
