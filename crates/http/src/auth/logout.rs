//! `POST /auth/logout`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::NoContent;
use colloquy_application::tokens::Tokens;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;

/// Sign out: revoke the token of this request.
#[utoipa::path(
    post,
    path = "/auth/logout",
    tag = "auth",
    security(("bearer" = [])),
    responses((status = 204, description = "Signed out")),
)]
pub(crate) async fn logout(
    caller: SignedIn,
    State(tokens): State<Arc<Tokens>>,
) -> Result<NoContent, Problem> {
    tokens.logout(&caller.session).await?;
    Ok(NoContent)
}
