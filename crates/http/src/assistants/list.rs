use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use colloquy_application::assistants::Assistants;
use colloquy_application::ports::OffsetPage;

use super::view::AssistantView;
use super::written::WrittenPages;
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
    State(assistants): State<Assistants>,
    State(written): State<WrittenPages>,
    Query(page): Query<OffsetPage>,
) -> Result<Response, Problem> {
    let page = assistants.list(&actor, page).await?;
    let body = written.body(&page).map_err(Problem::internal)?;
    let count = HeaderValue::from(page.list.total);
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (X_TOTAL_COUNT, count),
    ];
    Ok((headers, body).into_response())
}
