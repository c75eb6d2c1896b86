//! `GET /users`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use colloquy_application::ports::OffsetPage;
use colloquy_application::users::Users;
use colloquy_web::input::Query;
use colloquy_web::paging::counted;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;

use super::view::UserView;

/// List accounts, oldest first.
#[utoipa::path(
    get,
    path = "/users",
    tag = "users",
    security(("bearer" = [])),
    params(Query<OffsetPage>),
    responses(
        (status = 200, description = "A page of accounts", body = Vec<UserView>, headers(
            ("x-total-count" = u64, description = "Number of accounts"),
        )),
        (status = 403, description = "The caller is not an administrator"),
    ),
)]
pub(crate) async fn list_users(
    caller: SignedIn,
    State(users): State<Arc<Users>>,
    Query(page): Query<OffsetPage>,
) -> Result<Response, Problem> {
    let list = users.list(&caller.actor, page).await?;
    Ok(counted(list, |user| UserView::from(&user)))
}
