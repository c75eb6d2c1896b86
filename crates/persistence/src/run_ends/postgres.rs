//! How a run ends on PostgreSQL where its holder ends it: in one statement, which is a transaction
//! of its own. As a transaction of several it would cost a round trip for each of them, and hold
//! the thread's row for as long.
//!
//! All parts of the statement see one moment, before it; they hand each other what they wrote, and
//! each waits for the one before: the thread's row is locked first, as it is everywhere, then that
//! of the run. When somebody else has changed a row meanwhile, PostgreSQL looks at it again as it
//! stands then: a run that has lost its lease is not ended, no position is taken, and nothing is
//! left but the locks. Rows that somebody else has *added* meanwhile are not seen. The thread's
//! position tells of those among the messages; those among the events are why the holder has to
//! know the end of the log.

use colloquy_application::ports::{FinishedRun, NewMessage, PortError, RunEnd};
use colloquy_domain::Run;
use sea_orm::sqlx;
use sea_orm::{ActiveValue, FromQueryResult, QueryResult};

use super::events;
use crate::connections::Connections;
use crate::entities::{message_reasoning, messages, runs};
use crate::error::Failure;
use crate::positions;

/// `IS TRUE` keeps the index of lease holders out of it: the planner thinks that nobody holds more
/// than one of the runs, nearly all of which have ended, and would go through all that this
/// instance holds or has held lately.
const FINISH: &str = "
WITH thread AS MATERIALIZED (
    SELECT id AS of_run FROM threads
    WHERE id = (SELECT thread_id FROM runs WHERE id = $1)
    FOR NO KEY UPDATE
), ended AS (
    UPDATE runs SET
        status = $4, finish_reason = $5, error_code = $6, error_message = $7,
        input_tokens = $8, output_tokens = $9,
        cache_hit = $10, cache_similarity = $11, cache_age_seconds = $12,
        lease_holder = NULL, lease_expires_at = NULL, finished_at = $13
    FROM thread
    WHERE id = $1 AND thread_id = of_run AND (lease_holder = $2) IS TRUE
        AND NOT EXISTS (SELECT FROM run_events WHERE run_id = $1 AND last_number > $3)
    RETURNING
        id, thread_id, assistant_id, user_id, status, finish_reason, error_code, error_message,
        input_tokens, output_tokens, cache_hit, cache_similarity, cache_age_seconds,
        lease_holder, lease_expires_at, idempotency_key, idempotency_fingerprint,
        created_at, finished_at, output_format
), taken AS (
    UPDATE threads SET
        last_position = last_position + $14,
        last_message_at = greatest(last_message_at, $30),
        updated_at = greatest(threads.updated_at, $30)
    FROM ended
    WHERE threads.id = ended.thread_id
    RETURNING last_position
), message AS (
    INSERT INTO messages (
        id, thread_id, position, kind, content, status, run_id, assistant_id, created_at, tool_call
    )
    SELECT
        said.id, ended.thread_id, last_position - $14 + place, said.kind, said.content,
        said.status, $1, said.assistant_id, said.created_at, said.tool_call
    FROM ended, taken, unnest($15, $16, $17, $18, $19, $20, $21) WITH ORDINALITY
        AS said (id, kind, content, status, assistant_id, created_at, tool_call, place)
), thought AS (
    INSERT INTO message_reasoning (message_id, content)
    SELECT thought.* FROM ended, unnest($28, $29) AS thought (message_id, content)
), event AS (
    INSERT INTO run_events (
        run_id, first_number, last_number, kind, message_id, texts, tool
    )
    SELECT $1, told.*
    FROM ended, unnest($22, $23, $24, $25, $26, $27)
        AS told (first_number, last_number, kind, message_id, texts, tool)
)
SELECT ended.*, last_position FROM ended, taken";

/// See [`finish_at_once`](super::finish_at_once).
pub(crate) async fn finish(
    connections: &Connections,
    end: &RunEnd,
    log_end: u64,
) -> Result<Option<FinishedRun>, Failure> {
    let count = i64::try_from(end.messages.len()).map_err(PortError::other)?;
    let mut row = runs::ActiveModel::ended(end);
    let mut said = unplaced(end)?;
    let mut told = events(end, log_end)?;
    let thought = end.messages.iter();
    let mut thought: Vec<_> = thought
        .filter_map(message_reasoning::ActiveModel::of)
        .collect();
    let query = sqlx::query(FINISH)
        .bind(end.run_id.as_uuid())
        .bind(end.holder.0)
        .bind(i64::try_from(log_end).map_err(PortError::other)?)
        .bind(row.status.take())
        .bind(row.finish_reason.take())
        .bind(row.error_code.take())
        .bind(row.error_message.take())
        .bind(row.input_tokens.take())
        .bind(row.output_tokens.take())
        .bind(row.cache_hit.take())
        .bind(row.cache_similarity.take())
        .bind(row.cache_age_seconds.take())
        .bind(row.finished_at.take())
        .bind(count)
        .bind(column(&mut said, |row| &mut row.id))
        .bind(column(&mut said, |row| &mut row.kind))
        .bind(column(&mut said, |row| &mut row.content))
        .bind(column(&mut said, |row| &mut row.status))
        .bind(column(&mut said, |row| &mut row.assistant_id))
        .bind(column(&mut said, |row| &mut row.created_at))
        .bind(column(&mut said, |row| &mut row.tool_call))
        .bind(column(&mut told, |row| &mut row.first_number))
        .bind(column(&mut told, |row| &mut row.last_number))
        .bind(column(&mut told, |row| &mut row.kind))
        .bind(column(&mut told, |row| &mut row.message_id))
        .bind(column(&mut told, |row| &mut row.texts))
        .bind(column(&mut told, |row| &mut row.tool))
        .bind(column(&mut thought, |row| &mut row.message_id))
        .bind(column(&mut thought, |row| &mut row.content))
        .bind(end.messages.last().map(|message| message.created_at));
    let rows = connections.query_postgres(query).await?;
    let Some(ended) = rows.into_iter().next().map(QueryResult::from) else {
        return Ok(None);
    };
    let run = Run::try_from(runs::Model::from_query_result(&ended, "")?)?;
    let first = positions::first(ended.try_get("", "last_position")?, count)?;
    let messages = positions::placed(run.thread_id, run.id, &end.messages, first);
    Ok(Some(FinishedRun { run, messages }))
}

fn unplaced(end: &RunEnd) -> Result<Vec<messages::ActiveModel>, PortError> {
    let row = |message: &NewMessage| messages::ActiveModel::unplaced(end.run_id, message);
    end.messages.iter().map(row).collect()
}

/// What the rows have in one column, which is an array for PostgreSQL.
fn column<M, V: Into<sea_orm::Value>>(
    rows: &mut [M],
    value: fn(&mut M) -> &mut ActiveValue<V>,
) -> Vec<Option<V>> {
    rows.iter_mut().map(|row| value(row).take()).collect()
}

#[cfg(test)]
mod tests {
    use colloquy_application::ports::{
        InstanceId, RunEnd, RunRepository as _, ThreadRepository as _, UserRepository as _,
    };
    use colloquy_application::testing::samples::Samples;
    use uuid::Uuid;

    use super::finish;
    use crate::database::AtOnce;
    use crate::{Database, SeaRunRepository, SeaThreadRepository, SeaUserRepository, places};

    /// The end of a run in progress.
    async fn has_end(database: &Database, make: &Samples) -> RunEnd {
        let owner = make.user("ada@example.org");
        let users = SeaUserRepository::new(database.clone());
        users.add(&owner, None).await.unwrap();
        let thread = make.thread(owner.id);
        let threads = SeaThreadRepository::new(database.clone());
        threads.add(&thread).await.unwrap();
        let start = make.start(&thread, make.instance(), make.question("Well?"));
        let runs = SeaRunRepository::new(database.clone());
        runs.start(&start).await.unwrap();
        make.end(&start, vec![make.answer("Well.")])
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_statement_ends_runs_that_are_held_and_whose_log_ends_so() {
        let Some(place) = places::postgres().await else {
            return;
        };
        let database = place.migrated().await;
        let make = Samples::new();
        let end = has_end(&database, &make).await;
        let AtOnce::Postgres(pool) = database.at_once() else {
            panic!("not PostgreSQL")
        };
        let ended = async |end: &RunEnd, log_end| {
            let finished = finish(pool, end, log_end).await.ok().unwrap();
            finished.map(|finished| finished.messages[0].position)
        };
        let of_another = RunEnd {
            holder: InstanceId(Uuid::max()),
            ..end.clone()
        };
        assert_eq!(ended(&of_another, 1).await, None);
        assert_eq!(ended(&end, 0).await, None, "the log has more");
        assert_eq!(ended(&end, 1).await, Some(2), "no position was taken");
        assert_eq!(ended(&end, 1).await, None);
    }
}
