//! Routes of a user's API keys.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{NoContent, Response};
use colloquy_application::ports::OffsetPage;
use colloquy_application::users::Users;
use colloquy_domain::{TokenId, UserId};
use colloquy_web::input::Query;
use colloquy_web::paging::counted;
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;

use crate::tokens::TokenView;

/// List a user's API keys, then their sessions; each oldest first.
#[utoipa::path(
    get,
    path = "/users/{user_id}/tokens",
    tag = "tokens",
    security(("bearer" = [])),
    params(("user_id" = uuid::Uuid, Path), Query<OffsetPage>),
    responses(
        (status = 200, description = "A page of tokens", body = Vec<TokenView>, headers(
            ("x-total-count" = u64, description = "Number of the user's tokens"),
        )),
        (status = 403, description = "The caller is not an administrator"),
    ),
)]
pub(crate) async fn list_user_tokens(
    caller: SignedIn,
    State(users): State<Arc<Users>>,
    Ids(id): Ids<UserId>,
    Query(page): Query<OffsetPage>,
) -> Result<Response, Problem> {
    let tokens = users.list_tokens(&caller.actor, id, page).await?;
    Ok(counted(tokens, TokenView::from))
}

/// Revoke one of a user's tokens.
#[utoipa::path(
    delete,
    path = "/users/{user_id}/tokens/{token_id}",
    tag = "tokens",
    security(("bearer" = [])),
    params(("user_id" = uuid::Uuid, Path), ("token_id" = uuid::Uuid, Path)),
    responses(
        (status = 204, description = "Revoked"),
        (status = 403, description = "The caller is not an administrator"),
    ),
)]
pub(crate) async fn delete_user_token(
    caller: SignedIn,
    State(users): State<Arc<Users>>,
    Ids((user, token)): Ids<(UserId, TokenId)>,
) -> Result<NoContent, Problem> {
    users.revoke_token(&caller.actor, user, token).await?;
    Ok(NoContent)
}
