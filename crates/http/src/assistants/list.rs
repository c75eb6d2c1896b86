use axum::extract::State;
use axum::response::Response;
use colloquy_application::assistants::Assistants;
use colloquy_application::ports::OffsetPage;

use super::view::AssistantView;
use crate::auth::CurrentActor;
use crate::input::Query;
use crate::paging::counted;
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
    State(assistants): State<Assistants>,
    Query(page): Query<OffsetPage>,
) -> Result<Response, Problem> {
    let list = assistants.list(&actor, page).await?;
    Ok(counted(list, AssistantView::from))
}
