use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use colloquy_application::assistants::Assistants;
use colloquy_application::ports::OffsetPage;

use super::view::{AssistantView, json};
use super::written::WrittenAssistants;
use crate::auth::CurrentActor;
use crate::input::Query;
use crate::paging::X_TOTAL_COUNT;
use crate::problem::Problem;

/// The assistants that the caller may see, by name, then id.
#[utoipa::path(
    get,
    path = "/assistants",
    tag = "assistants",
    security((), ("bearer" = [])),
    params(Query<OffsetPage>),
    responses(
        (status = 200, description = "A page of the assistants", body = Vec<AssistantView>, headers(
            ("x-total-count" = u64, description = "How many assistants the caller may see"),
        )),
    ),
)]
pub(crate) async fn list_assistants(
    CurrentActor(actor): CurrentActor,
    State(assistants): State<Arc<Assistants>>,
    State(written): State<Arc<WrittenAssistants>>,
    Query(page): Query<OffsetPage>,
) -> Result<Response, Problem> {
    let page = assistants.list(&actor, page).await?;
    let body = written.page(&page).map_err(Problem::internal)?;
    let count = [(X_TOTAL_COUNT, page.list.total)];
    Ok((count, json(body)).into_response())
}
