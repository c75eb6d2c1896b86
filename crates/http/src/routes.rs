//! The type of a list of routes.

use utoipa_axum::router::UtoipaMethodRouter;

use crate::state::App;

/// Routes of one kind of thing, as they are documented.
pub(crate) type Routes = Vec<UtoipaMethodRouter<App>>;
