//! Routes of runs.

mod approvals;
mod cancel;
mod event;
mod events;
mod get;
mod list;
mod output;
mod outputs;
mod response;
mod resume;
mod view;

use utoipa_axum::routes;

use crate::routes::Routes;

pub(crate) use event::RunEventFrame;
pub(crate) use response::{Accepted, Answered, respond};

pub(crate) fn routes() -> Routes {
    vec![
        routes!(list::list_runs),
        routes!(get::get_run),
        routes!(cancel::cancel_run),
        routes!(outputs::submit_outputs),
        routes!(approvals::submit_approvals),
        routes!(events::get_run_events),
    ]
}
