//! The tools that assistants may list.

mod list;

use utoipa_axum::routes;

use crate::routes::Routes;

pub(crate) fn routes() -> Routes {
    vec![routes!(list::list_tools)]
}
