//! The type of a list of routes.

use utoipa_axum::router::UtoipaMethodRouter;

use crate::state::App;

/// Documented routes of one kind of resource.
pub(crate) type Routes = Vec<UtoipaMethodRouter<App>>;
