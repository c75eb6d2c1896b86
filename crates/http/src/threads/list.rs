use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use colloquy_application::threads::{Owner, ThreadFilter, Threads};
use colloquy_domain::{AssistantRef, Violation};
use colloquy_web::input::{Fields, Input, Parameters, Query, text};
use colloquy_web::paging::{Keyset, stretch};
use colloquy_web::problem::Problem;
use colloquy_web::schema;
use colloquy_web::sign_in::SignedIn;
use utoipa::openapi::path::Parameter;

use super::assistant_reference;
use super::view::ThreadView;
use crate::BASE;
use crate::cursor::Cursor;

pub(super) struct ListThreads {
    owner: Owner,
    assistant: Option<AssistantRef>,
    keyset: Keyset<Cursor>,
}

impl Input for ListThreads {
    type Value = Self;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let owner = fields.optional("owner", text(|text| owner(&text)));
        let assistant = fields.optional("assistant_id", text(|text| assistant_reference(&text)));
        let keyset = Keyset::read(fields);
        Some(Self {
            owner: owner.unwrap_or_default(),
            assistant,
            keyset: keyset?,
        })
    }
}

fn owner(text: &str) -> Result<Owner, Violation> {
    match text {
        "me" => Ok(Owner::Me),
        "all" => Ok(Owner::Anyone),
        id => id.parse().map(Owner::User).map_err(|_| {
            Violation::new("invalid_format", "must be `me`, `all` or the id of a user")
        }),
    }
}

impl Parameters for ListThreads {
    fn parameters() -> Vec<Parameter> {
        let owner = schema::string()
            .pattern(Some(
                "^(me|all|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$",
            ))
            .default(Some("me".into()));
        let mut parameters = vec![
            schema::query_parameter(
                "owner",
                owner,
                "Whose: `me`, `all` or a user's id, within what the caller may see.",
            ),
            schema::query_parameter(
                "assistant_id",
                schema::assistant_reference(),
                "Only those opened for this assistant, by id or slug.",
            ),
        ];
        parameters.extend(Keyset::<Cursor>::parameters());
        parameters
    }
}

/// Threads, newest first: the caller's own unless they ask for others.
#[utoipa::path(
    get,
    path = "/threads",
    tag = "threads",
    security(("bearer" = [])),
    params(Query<ListThreads>),
    responses((status = 200, description = "A stretch of the threads", body = Vec<ThreadView>, headers(
        ("Link" = String, description = "Where the list goes on, while it does"),
    ))),
)]
pub(crate) async fn list_threads(
    caller: SignedIn,
    State(threads): State<Arc<Threads>>,
    Query(asked): Query<ListThreads>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let after = asked.keyset.after(|cursor| match cursor {
        Cursor::Threads(thread) => Some(thread),
        _ => None,
    })?;
    let filter = ThreadFilter {
        owner: asked.owner,
        assistant: asked.assistant,
        after,
        limit: asked.keyset.limit,
    };
    let slice = threads.list(&caller.actor, filter).await?;
    Ok(stretch(
        slice,
        &format!("{BASE}/threads"),
        query.as_deref(),
        |thread| Cursor::Threads(thread.id),
        ThreadView::from,
    ))
}
