//! `GET /threads`.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use colloquy_application::ports::{ThreadActivity, ThreadOrder};
use colloquy_application::threads::{Owner, ThreadFilter, Threads};
use colloquy_domain::{AssistantRef, Thread, Violation};
use colloquy_web::input::{Fields, Input, Kind, Query, choice, text};
use colloquy_web::paging::{Keyset, stretch};
use colloquy_web::problem::Problem;
use colloquy_web::schema;
use colloquy_web::sign_in::SignedIn;

use super::view::ThreadView;
use crate::BASE;
use crate::assistants::assistant;
use crate::cursor::Cursor;

pub(super) struct ListThreads {
    owner: Owner,
    assistant: Option<AssistantRef>,
    order: Order,
    keyset: Keyset<Cursor>,
}

/// The sort orders.
#[derive(Clone, Copy, Default)]
enum Order {
    #[default]
    Activity,
    Created,
}

impl Input for ListThreads {
    type Value = Self;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let owner = fields.optional("owner", owner());
        let assistant = assistant().describe("Only threads of this assistant, by ID or slug.");
        let assistant = fields.optional("assistant_id", assistant);
        let order = choice(Order::from_name, || vec!["activity", "created"])
            .default_is("activity")
            .describe("By `last_message_at`, or by `created_at`; the latest first in either case.");
        let order = fields.optional("order", order);
        let keyset = Keyset::read(fields);
        Some(Self {
            owner: owner.unwrap_or_default(),
            assistant,
            order: order.unwrap_or_default(),
            keyset: keyset?,
        })
    }
}

impl Order {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "activity" => Some(Self::Activity),
            "created" => Some(Self::Created),
            _ => None,
        }
    }

    fn cursor(self, thread: &Thread) -> Cursor {
        match self {
            Self::Activity => Cursor::ActiveThreads(ThreadActivity::from(thread)),
            Self::Created => Cursor::Threads(thread.id),
        }
    }

    fn behind(self, keyset: &Keyset<Cursor>) -> Result<ThreadOrder, Problem> {
        let order = keyset.after(|cursor| match (self, cursor) {
            (Self::Activity, Cursor::ActiveThreads(after)) => {
                Some(ThreadOrder::Activity { after: Some(after) })
            }
            (Self::Created, Cursor::Threads(after)) => {
                Some(ThreadOrder::Creation { after: Some(after) })
            }
            _ => None,
        })?;
        Ok(order.unwrap_or(match self {
            Self::Activity => ThreadOrder::ACTIVITY,
            Self::Created => ThreadOrder::CREATION,
        }))
    }
}

fn owner() -> impl Kind<Value = Owner> {
    let schema = || {
        schema::string().pattern(Some(
            "^(me|all|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$",
        ))
    };
    text(|text| parse_owner(&text), schema)
        .default_is("me")
        .describe("Owner: `me`, `all` or a user ID, within what the caller may see.")
}

fn parse_owner(text: &str) -> Result<Owner, Violation> {
    match text {
        "me" => Ok(Owner::Me),
        "all" => Ok(Owner::Anyone),
        id => id.parse().map(Owner::User).map_err(|_| {
            Violation::new("invalid_format", "must be `me`, `all` or the id of a user")
        }),
    }
}

/// List threads, latest activity first; by default the caller's own.
#[utoipa::path(
    get,
    path = "/threads",
    tag = "threads",
    security(("bearer" = [])),
    params(Query<ListThreads>),
    responses((status = 200, description = "A page of threads", body = Vec<ThreadView>, headers(
        ("Link" = String, description = "The next page, if there is one"),
    ))),
)]
pub(crate) async fn list_threads(
    caller: SignedIn,
    State(threads): State<Arc<Threads>>,
    Query(asked): Query<ListThreads>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let filter = ThreadFilter {
        owner: asked.owner,
        assistant: asked.assistant,
        order: asked.order.behind(&asked.keyset)?,
        limit: asked.keyset.limit,
    };
    let slice = threads.list(&caller.actor, filter).await?;
    Ok(stretch(
        slice,
        &format!("{BASE}/threads"),
        query.as_deref(),
        |thread| asked.order.cursor(thread),
        ThreadView::from,
    ))
}
