//! Routes of models.

mod check;
mod list;
mod view;

use utoipa_axum::routes;

use crate::routes::Routes;

pub(crate) fn routes() -> Routes {
    vec![routes!(list::list_models), routes!(check::check_model)]
}
