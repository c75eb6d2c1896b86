//! Signing in and out, and who is asking.

mod actor;
mod login;
mod logout;
mod standing;

use utoipa_axum::routes;

use crate::router::Routes;

pub(crate) use actor::{CurrentActor, SignedIn};
pub(crate) use standing::Standing;

pub(crate) fn routes() -> Routes {
    vec![routes!(login::login), routes!(logout::logout)]
}
