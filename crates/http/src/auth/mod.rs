//! Routes for signing in and out.

mod login;
mod logout;

use utoipa_axum::routes;

use crate::routes::Routes;

pub(crate) fn routes() -> Routes {
    vec![routes!(login::login), routes!(logout::logout)]
}
