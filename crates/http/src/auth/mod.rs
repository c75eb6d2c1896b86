//! Signing in and out, and who is asking.

mod actor;
mod login;
mod logout;
mod standing;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::App;

pub(crate) use actor::{CurrentActor, SignedIn};
pub(crate) use standing::Standing;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(login::login))
        .routes(routes!(logout::logout))
}
