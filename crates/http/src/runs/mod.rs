//! Routes of runs.

mod cancel;
mod event;
mod events;
mod get;
mod list;
mod output;
mod resume;
mod view;

use utoipa_axum::routes;

use crate::routes::Routes;

pub(crate) use event::{RunEventFrame, frame};
pub(crate) use output::OutputView;
pub(crate) use view::RunView;

pub(crate) fn routes() -> Routes {
    vec![
        routes!(list::list_runs),
        routes!(get::get_run),
        routes!(cancel::cancel_run),
        routes!(events::get_run_events),
    ]
}
