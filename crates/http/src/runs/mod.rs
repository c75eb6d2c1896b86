//! Routes of runs.

mod approvals;
mod cancel;
mod event;
mod events;
mod form;
mod get;
mod list;
mod output;
mod outputs;
mod response;
mod resume;
mod settings;
mod settings_view;
mod start;
mod view;

use utoipa_axum::routes;

use crate::routes::Routes;

pub(crate) use event::RunEventFrame;
pub(crate) use form::AnswerForm;
pub(crate) use response::{Accepted, Answered, respond};
pub(crate) use settings::read_settings;

pub(crate) fn routes() -> Routes {
    vec![
        routes!(list::list_runs),
        routes!(start::start_run),
        routes!(get::get_run),
        routes!(cancel::cancel_run),
        routes!(outputs::submit_outputs),
        routes!(approvals::submit_approvals),
        routes!(events::get_run_events),
    ]
}
