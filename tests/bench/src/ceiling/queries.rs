//! Bare SQL queries equivalent to the service's responses.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::store::{Store, with_pool};

const PAGE: usize = 100;

/// The service's statements, through sqlx and serde.
pub(super) fn routes(store: Store) -> Router {
    Router::new()
        .route("/messages/{thread}/{after}", get(messages))
        .route("/threads/{owner}", get(threads))
        .with_state(store)
}

#[derive(Serialize)]
struct Thread {
    id: Uuid,
    name: String,
    owner_id: Option<Uuid>,
    assistant_id: Option<Uuid>,
    #[serde(serialize_with = "moment")]
    created_at: DateTime<Utc>,
    #[serde(serialize_with = "moment")]
    updated_at: DateTime<Utc>,
    #[serde(serialize_with = "moment")]
    last_message_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct Message {
    id: Uuid,
    thread_id: Uuid,
    #[serde(rename = "type")]
    kind: String,
    content: String,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call: Option<String>,
    run_id: Option<Uuid>,
    assistant_id: Option<Uuid>,
    #[serde(serialize_with = "moment")]
    created_at: DateTime<Utc>,
}

fn moment<S: Serializer>(moment: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&moment.to_rfc3339_opts(SecondsFormat::Micros, true))
}

type ThreadRow = (
    Uuid,
    String,
    Option<Uuid>,
    Option<Uuid>,
    i64,
    DateTime<Utc>,
    DateTime<Utc>,
    bool,
    DateTime<Utc>,
);

const THREAD_COLUMNS: &str = "id, name, owner_id, assistant_id, last_position, created_at, updated_at, is_named, last_message_at";

fn thread(row: ThreadRow) -> Thread {
    let (id, name, owner_id, assistant_id, _, created_at, updated_at, _, last_message_at) = row;
    Thread {
        id,
        name,
        owner_id,
        assistant_id,
        created_at,
        updated_at,
        last_message_at,
    }
}

type MessageRow = (
    Uuid,
    Uuid,
    i64,
    String,
    String,
    String,
    Option<Uuid>,
    Option<Uuid>,
    DateTime<Utc>,
    Option<String>,
);

const MESSAGE_COLUMNS: &str = "id, thread_id, position, kind, content, status, run_id, \
     assistant_id, created_at, tool_call";

fn message(row: MessageRow) -> Message {
    let (id, thread_id, _, kind, content, status, run_id, assistant_id, created_at, tool_call) =
        row;
    Message {
        id,
        thread_id,
        kind,
        content,
        status,
        tool_call,
        run_id,
        assistant_id,
        created_at,
    }
}

async fn threads(State(store): State<Store>, Path(owner): Path<Uuid>) -> Json<Vec<Thread>> {
    let list = format!(
        "SELECT {THREAD_COLUMNS} FROM threads WHERE owner_id IN ($1) AND owner_id = $2 \
         ORDER BY last_message_at DESC, id DESC LIMIT $3"
    );
    let rows: Vec<ThreadRow> = with_pool!(&store, pool => {
        let list = sqlx::query_as(AssertSqlSafe(list)).bind(owner).bind(owner);
        list.bind(PAGE as i64 + 1).fetch_all(pool).await.expect("threads")
    });
    Json(rows.into_iter().take(PAGE).map(thread).collect())
}

/// Looks up the thread's owner too, as the service must.
async fn messages(
    State(store): State<Store>,
    Path((thread, after)): Path<(Uuid, i64)>,
) -> Json<Vec<Message>> {
    let find = format!("SELECT {THREAD_COLUMNS} FROM threads WHERE id = $1 LIMIT $2");
    let list = format!(
        "SELECT {MESSAGE_COLUMNS} FROM messages WHERE thread_id = $1 AND kind <> $2 \
         AND position > $3 ORDER BY position ASC LIMIT $4"
    );
    let rows: Vec<MessageRow> = with_pool!(&store, pool => {
        let find = sqlx::query_as::<_, ThreadRow>(AssertSqlSafe(find));
        let found = find.bind(thread).bind(1_i64).fetch_optional(pool).await;
        found.expect("a query").expect("the thread");
        let list = sqlx::query_as(AssertSqlSafe(list)).bind(thread).bind("tool").bind(after);
        list.bind(PAGE as i64 + 1).fetch_all(pool).await.expect("messages")
    });
    Json(rows.into_iter().take(PAGE).map(message).collect())
}
