//! How messages were answered.

mod cancel;
mod event;
mod events;
mod get;
mod list;
mod output;
mod resume;
mod stream;
mod view;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::App;

pub(crate) use event::RunEventFrame;
pub(crate) use output::OutputView;
pub(crate) use resume::LAST_EVENT_ID;
pub(crate) use stream::RunStreams;
pub(crate) use view::RunView;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list_runs))
        .routes(routes!(get::get_run))
        .routes(routes!(cancel::cancel_run))
        .routes(routes!(events::get_run_events))
}
