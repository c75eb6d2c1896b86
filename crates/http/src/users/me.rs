//! `GET /users/me`.

use axum::Json;
use colloquy_web::sign_in::SignedIn;

use super::view::UserView;

/// Get the caller's account.
#[utoipa::path(
    get,
    path = "/users/me",
    tag = "users",
    security(("bearer" = [])),
    responses((status = 200, description = "The user", body = UserView)),
)]
pub(crate) async fn get_me(caller: SignedIn) -> Json<UserView> {
    Json(UserView::from(&*caller.session.user))
}
