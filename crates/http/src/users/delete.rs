//! `DELETE /users/{id}`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::NoContent;
use colloquy_application::users::Users;
use colloquy_domain::UserId;
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;

/// Delete an account. Its threads remain without owner.
#[utoipa::path(
    delete,
    path = "/users/{user_id}",
    tag = "users",
    security(("bearer" = [])),
    params(("user_id" = uuid::Uuid, Path)),
    responses(
        (status = 204, description = "Deleted"),
        (status = 403, description = "The caller is not an administrator"),
        (status = 409, description = "The account is the last active administrator"),
    ),
)]
pub(crate) async fn delete_user(
    caller: SignedIn,
    State(users): State<Arc<Users>>,
    Ids(id): Ids<UserId>,
) -> Result<NoContent, Problem> {
    users.delete(&caller.actor, id).await?;
    Ok(NoContent)
}
