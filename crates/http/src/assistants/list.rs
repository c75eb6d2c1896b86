//! `GET /assistants`.

use std::future::ready;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use colloquy_application::Error;
use colloquy_application::assistants::Assistants;
use colloquy_application::ports::{OffsetList, OffsetPage, PortError};
use colloquy_domain::{Actor, Assistant};
use colloquy_web::input::Query;
use colloquy_web::paging::{X_TOTAL_COUNT, next_counted};
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::CurrentActor;
use futures_util::{StreamExt as _, stream};

use super::fields::AssistantView;
use super::view::json;
use crate::BASE;
use crate::json_cache::AssistantJsonCache;

/// List the assistants visible to the caller, sorted by name, then ID.
///
/// A page with instructions, which administrators see, holds at most 4 MiB of text, but at least one
/// assistant.
#[utoipa::path(
    get,
    path = "/assistants",
    tag = "assistants",
    security((), ("bearer" = [])),
    params(Query<OffsetPage>),
    responses(
        (status = 200, description = "A page of assistants", body = Vec<AssistantView>, headers(
            ("x-total-count" = u64, description = "Number of assistants visible to the caller"),
            ("Link" = String, description = "The next page (`next`), if there is one"),
        )),
    ),
)]
pub(crate) async fn list_assistants(
    CurrentActor(actor): CurrentActor,
    State(assistants): State<Arc<Assistants>>,
    State(json_cache): State<Arc<AssistantJsonCache>>,
    Query(page): Query<OffsetPage>,
) -> Result<Response, Problem> {
    let first = assistants.list(&actor, page).await?;
    let body = json_cache.page(&first).map_err(Problem::internal)?;
    let total = first.list.total;
    let count = [(X_TOTAL_COUNT, total)];
    let rest = rest(page, &first.list);
    let path = format!("{BASE}/assistants");
    if rest.limit == 0 || first.can_manage {
        let next = next_counted(&path, page, first.list.items.len(), total);
        return Ok((count, next, json(body)).into_response());
    }
    let had = first.list.items.len() + rest.limit as usize;
    let next = next_counted(&path, page, had, total);
    let list = LargeList {
        assistants,
        json_cache,
        actor,
        rest,
    };
    Ok((count, next, json(list.behind(&body))).into_response())
}

/// The request for what follows a page cut by size.
fn rest(asked: OffsetPage, page: &OffsetList<Assistant>) -> OffsetPage {
    let had = page.items.len() as u64;
    let skip = asked.skip.saturating_add(had);
    let left = page
        .total
        .saturating_sub(skip)
        .min(u64::from(asked.limit) - had);
    OffsetPage {
        skip,
        limit: if had == 0 {
            0
        } else {
            u32::try_from(left).unwrap_or(0)
        },
    }
}

/// A list without instructions that is too large to hold at once with them: each page is read when
/// the client has received the ones before.
struct LargeList {
    assistants: Arc<Assistants>,
    json_cache: Arc<AssistantJsonCache>,
    actor: Actor,
    rest: OffsetPage,
}

impl LargeList {
    /// The whole list as one JSON array that starts with `first`.
    fn behind(self, first: &Bytes) -> Body {
        let begin = first.slice(..first.len() - 1);
        let rest = stream::try_unfold(Some(self), |list| async {
            match list {
                None => Ok::<_, Error>(None),
                Some(list) => list.next().await.map(Some),
            }
        });
        Body::from_stream(stream::once(ready(Ok(begin))).chain(rest))
    }

    /// The elements of the next page after a comma, and the end of the array after the last.
    async fn next(mut self) -> Result<(Bytes, Option<Self>), Error> {
        let page = self.assistants.list(&self.actor, self.rest).await?;
        self.rest = rest(self.rest, &page.list);
        let body = self.json_cache.page(&page).map_err(PortError::other)?;
        let elements = &body[1..body.len() - 1];
        let comma: &[u8] = if elements.is_empty() { b"" } else { b"," };
        if self.rest.limit == 0 {
            return Ok(([comma, elements, b"]"].concat().into(), None));
        }
        Ok(([comma, elements].concat().into(), Some(self)))
    }
}
