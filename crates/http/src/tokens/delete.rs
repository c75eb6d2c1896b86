//! `DELETE /users/me/tokens/{id}`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::NoContent;
use colloquy_application::tokens::Tokens;
use colloquy_domain::TokenId;
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;

/// Revoke one of the caller's tokens.
#[utoipa::path(
    delete,
    path = "/users/me/tokens/{token_id}",
    tag = "tokens",
    security(("bearer" = [])),
    params(("token_id" = uuid::Uuid, Path)),
    responses((status = 204, description = "Revoked")),
)]
pub(crate) async fn delete_token(
    caller: SignedIn,
    State(tokens): State<Arc<Tokens>>,
    Ids(id): Ids<TokenId>,
) -> Result<NoContent, Problem> {
    tokens.revoke(&caller.actor, id).await?;
    Ok(NoContent)
}
