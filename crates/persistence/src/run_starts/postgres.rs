//! How a run starts on PostgreSQL: in one statement, which is a transaction of its own. As a
//! transaction of several it would cost a round trip for each of them, and hold the thread's row
//! for as long.
//!
//! All parts of the statement see one moment, before it; they hand each other what they wrote.
//! Each of the others waits for `taken`, so that the thread's row is locked first, as it is
//! everywhere; and when somebody else has changed that row meanwhile, PostgreSQL counts on from
//! what stands in it then. A thread that is busy and a key that was used offend a unique index,
//! and then nothing of the statement happened.

use colloquy_application::ports::{PortError, RunStart};
use colloquy_domain::{Message, ThreadName, UserId};
use sea_orm::sqlx::{self, Row as _};

use crate::connections::Connections;
use crate::entities::{messages, run_events, runs};
use crate::error::Failure;

/// How far from the limit starts need not see each other: more of one user than are likely to be
/// under way at once, which is bounded by the connections to the database. Nearer to it they pass
/// one by one, in transactions; further away they would only hold each other up.
const MARGIN: u32 = 64;

const START: &str = "
WITH taken AS (
    UPDATE threads SET
        last_position = last_position + 1,
        last_message_at = greatest(last_message_at, $18),
        updated_at = greatest(updated_at, $18),
        name = CASE WHEN is_named THEN name ELSE coalesce($22, name) END,
        is_named = is_named OR $22 IS NOT NULL
    WHERE id = $1
        AND (SELECT count(*) FROM runs WHERE user_id = $2 AND lease_holder IS NOT NULL) < $3
    RETURNING last_position
), run AS (
    INSERT INTO runs (
        id, thread_id, assistant_id, user_id, status, lease_holder, lease_expires_at,
        idempotency_key, idempotency_fingerprint, created_at, output_format
    )
    SELECT $4, $1, $5, $2, $6, $7, $8, $9, $10, $11, $12 FROM taken
), message AS (
    INSERT INTO messages (
        id, thread_id, position, kind, content, status, run_id, assistant_id, created_at, tool_call
    )
    SELECT $13, $1, last_position, $14, $15, $16, $4, $17, $18, $19 FROM taken
), event AS (
    INSERT INTO run_events (run_id, first_number, last_number, kind, message_id)
    SELECT $4, $20, $20, $21, $13 FROM taken
)
SELECT last_position FROM taken";

/// Stores what [`insert`](super::insert) stores; the message as it stands then. None when there is
/// no such thread or its user may be about to have more runs than they may: nothing is stored
/// then, and a transaction has to find out which it is.
pub(crate) async fn insert(
    connections: &Connections,
    start: &RunStart,
) -> Result<Option<Message>, Failure> {
    let Some(few) = start.max_per_user.checked_sub(MARGIN) else {
        return Ok(None);
    };
    let run = &start.run;
    let mut row = runs::ActiveModel::started(start);
    let mut message = messages::ActiveModel::unplaced(run.id, &start.message)?;
    let mut event = run_events::first(run.id, start.message.id)?;
    let query = sqlx::query(START)
        .bind(run.thread_id.as_uuid())
        .bind(run.user_id.map(UserId::as_uuid))
        .bind(i64::from(few))
        .bind(row.id.take())
        .bind(row.assistant_id.take())
        .bind(row.status.take())
        .bind(row.lease_holder.take())
        .bind(row.lease_expires_at.take())
        .bind(row.idempotency_key.take())
        .bind(row.idempotency_fingerprint.take())
        .bind(row.created_at.take())
        .bind(row.output_format.take())
        .bind(message.id.take())
        .bind(message.kind.take())
        .bind(message.content.take())
        .bind(message.status.take())
        .bind(message.assistant_id.take())
        .bind(message.created_at.take())
        .bind(message.tool_call.take())
        .bind(event.last_number.take())
        .bind(event.kind.take())
        .bind(start.thread_name.as_ref().map(ThreadName::as_str));
    let rows = connections.query_postgres(query).await?;
    let Some(row) = rows.into_iter().next() else {
        return Ok(None);
    };
    let position: i64 = row.try_get(0)?;
    let position = u64::try_from(position).map_err(PortError::other)?;
    let message = start.message.clone();
    Ok(Some(message.placed(run.thread_id, run.id, position)))
}

#[cfg(test)]
mod tests {
    use colloquy_application::ports::{RunStart, ThreadRepository as _, UserRepository as _};
    use colloquy_application::testing::samples::Samples;
    use colloquy_domain::{Thread, User};

    use super::{MARGIN, insert};
    use crate::database::AtOnce;
    use crate::{Database, SeaThreadRepository, SeaUserRepository, places};

    async fn has_thread(database: &Database, make: &Samples, owner: &User) -> Thread {
        let thread = make.thread(owner.id);
        let threads = SeaThreadRepository::new(database.clone());
        threads.add(&thread).await.unwrap();
        thread
    }

    fn new_start(make: &Samples, thread: &Thread, max_per_user: u32) -> RunStart {
        let question = make.question("Well?");
        RunStart {
            max_per_user,
            ..make.start(thread, make.instance(), question)
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_statement_starts_runs_of_users_far_from_their_limit_in_threads_that_are_there() {
        let Some(place) = places::postgres().await else {
            return;
        };
        let database = place.migrated().await;
        let make = Samples::new();
        let owner = make.user("ada@example.org");
        let users = SeaUserRepository::new(database.clone());
        users.add(&owner, None).await.unwrap();
        let AtOnce::Postgres(pool) = database.at_once() else {
            panic!("not PostgreSQL")
        };
        for (limit, is_enough) in [(2, false), (MARGIN, false), (MARGIN + 1, true)] {
            let thread = has_thread(&database, &make, &owner).await;
            let start = new_start(&make, &thread, limit);
            let message = insert(pool, &start).await.ok().unwrap();
            assert_eq!(message.is_some(), is_enough, "limit {limit}");
        }
        // One is in progress by now.
        for (limit, is_enough) in [(MARGIN + 1, false), (MARGIN + 2, true)] {
            let thread = has_thread(&database, &make, &owner).await;
            let start = new_start(&make, &thread, limit);
            let message = insert(pool, &start).await.ok().unwrap();
            assert_eq!(message.is_some(), is_enough, "limit {limit}");
        }
        let gone = make.thread(owner.id);
        let start = new_start(&make, &gone, 1_000);
        assert_eq!(insert(pool, &start).await.ok().unwrap(), None);
    }
}
