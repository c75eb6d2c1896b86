//! `GET /users/{id}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use colloquy_application::users::Users;
use colloquy_domain::UserId;
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;

use super::view::UserView;

/// Get an account.
#[utoipa::path(
    get,
    path = "/users/{user_id}",
    tag = "users",
    security(("bearer" = [])),
    params(("user_id" = uuid::Uuid, Path)),
    responses(
        (status = 200, description = "The account", body = UserView),
        (status = 403, description = "The caller is not an administrator"),
    ),
)]
pub(crate) async fn get_user(
    caller: SignedIn,
    State(users): State<Arc<Users>>,
    Ids(id): Ids<UserId>,
) -> Result<Json<UserView>, Problem> {
    let user = users.get(&caller.actor, id).await?;
    Ok(Json(UserView::from(&user)))
}
