//! How a run ends on SQLite where its holder ends it: in one call.

use colloquy_application::ports::{FinishedRun, PortError, RunEnd};
use colloquy_domain::Run;
use sea_orm::sea_query::{ExprTrait as _, Query, UpdateStatement};
use sea_orm::{FromQueryResult as _, Iterable as _, QueryTrait as _};

use super::{ending, events, is_held};
use crate::entities::runs::{ActiveModel, Column, Model};
use crate::error::Failure;
use crate::locks::is_thread_of;
use crate::positions;
use crate::script::{Script, Scripts, has_changed, insertion_if_changed};

/// See [`finish_at_once`](super::finish_at_once).
pub(crate) async fn finish(
    scripts: &Scripts,
    end: &RunEnd,
    log_end: u64,
) -> Result<Option<FinishedRun>, Failure> {
    let count = end.messages.len();
    let is_thread = is_thread_of(end.run_id).and(has_changed());
    let events = events(end, log_end)?.into_iter();
    let events = events.map(|event| insertion_if_changed(&event, []));
    let rows = Script::begin()
        .with([ending_returned(end)])
        .with([positions::taking(is_thread, &end.messages, None)?])
        .with(positions::insertions_if_taken(end.run_id, &end.messages)?)
        .with(events.collect::<Result<Vec<_>, PortError>>()?)
        .commit(scripts)
        .await?;
    let (ended, taken) = match rows.as_slice() {
        [ended, taken] => (ended, taken),
        [] => return Ok(None),
        _ => return Err(PortError::NotFound.into()),
    };
    let run = Run::try_from(Model::from_query_result(ended, "")?)?;
    let first = positions::first_taken(taken, count)?;
    let messages = positions::placed(run.thread_id, run.id, &end.messages, first);
    Ok(Some(FinishedRun { run, messages }))
}

fn ending_returned(end: &RunEnd) -> UpdateStatement {
    let mut ending = ending(end.run_id, ActiveModel::ended(end), is_held(end)).into_query();
    ending.returning(Query::returning().columns(Column::iter()));
    ending
}
