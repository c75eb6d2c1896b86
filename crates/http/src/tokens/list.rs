use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use colloquy_application::tokens::Tokens;

use super::view::TokenView;
use crate::auth::SignedIn;
use crate::problem::Problem;

/// The caller's API keys, oldest first.
#[utoipa::path(
    get,
    path = "/users/me/tokens",
    tag = "tokens",
    security(("bearer" = [])),
    responses((status = 200, description = "The API keys", body = Vec<TokenView>)),
)]
pub(crate) async fn list_tokens(
    caller: SignedIn,
    State(tokens): State<Arc<Tokens>>,
) -> Result<Json<Vec<TokenView>>, Problem> {
    let keys = tokens.list_api_keys(&caller.actor).await?;
    Ok(Json(keys.into_iter().map(TokenView::from).collect()))
}
