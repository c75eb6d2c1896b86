//! `GET /users/me/tokens`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use colloquy_application::ports::OffsetPage;
use colloquy_application::tokens::Tokens;
use colloquy_web::input::Query;
use colloquy_web::paging::counted;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;

use super::view::TokenView;

/// List the caller's API keys, oldest first.
#[utoipa::path(
    get,
    path = "/users/me/tokens",
    tag = "tokens",
    security(("bearer" = [])),
    params(Query<OffsetPage>),
    responses((status = 200, description = "A page of API keys", body = Vec<TokenView>, headers(
        ("x-total-count" = u64, description = "Number of API keys"),
    ))),
)]
pub(crate) async fn list_tokens(
    caller: SignedIn,
    State(tokens): State<Arc<Tokens>>,
    Query(page): Query<OffsetPage>,
) -> Result<Response, Problem> {
    let keys = tokens.list_api_keys(&caller.actor, page).await?;
    Ok(counted(keys, TokenView::from))
}
