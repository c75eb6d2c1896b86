//! Responses to requests that begin a run or go on with one.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use colloquy_application::runs::{RunOutcome, StartedRun};
use colloquy_domain::Run;
use colloquy_web::created::created;
use colloquy_web::headers::PREFERENCE_APPLIED;
use colloquy_web::problem::Problem;
use colloquy_web::run_streams::RunStreams;
use serde::Serialize;
use utoipa::ToSchema;

use super::event::frame;
use super::form::{AnswerForm, RESPOND_ASYNC};
use super::output::OutputView;
use super::view::RunView;
use crate::BASE;
use crate::messages::MessageView;

/// A run that has ended or paused.
#[derive(Serialize, ToSchema)]
pub(crate) struct Answered {
    /// The answer; `null` if the run is paused, or if its answer was deleted since.
    #[schema(required = true)]
    output: Option<OutputView>,
    /// The run.
    run: RunView,
    /// Messages of the run, starting with those that came with the request.
    messages: Vec<MessageView>,
}

impl From<RunOutcome> for Answered {
    fn from(outcome: RunOutcome) -> Self {
        Self {
            output: outcome
                .output()
                .map(|text| OutputView::new(text.to_owned(), outcome.run.output_format)),
            run: outcome.run.into(),
            messages: outcome
                .messages
                .into_iter()
                .map(MessageView::from)
                .collect(),
        }
    }
}

/// A run in progress.
#[derive(Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// The run.
    run: RunView,
}

/// The response in the form that was asked for.
pub(crate) async fn respond(
    started: StartedRun,
    form: AnswerForm,
    streams: RunStreams,
) -> Response {
    match form {
        AnswerForm::Events => {
            let thread = started.run.thread_id;
            streams.response(thread, started.follow_part(), frame)
        }
        AnswerForm::Later => accepted(started.run),
        AnswerForm::Whole => answered(started).await.into_response(),
    }
}

async fn answered(started: StartedRun) -> Result<Response, Problem> {
    let run = started.run.clone();
    let outcome = started
        .wait()
        .await
        .map_err(|error| Problem::from(error).with_run(&run))?;
    Ok(created(location(&run), Answered::from(outcome)))
}

fn accepted(run: Run) -> Response {
    let headers = [
        (LOCATION, location(&run)),
        (PREFERENCE_APPLIED, RESPOND_ASYNC.to_owned()),
    ];
    let run = run.into();
    (StatusCode::ACCEPTED, headers, Json(Accepted { run })).into_response()
}

fn location(run: &Run) -> String {
    format!("{BASE}/threads/{}/runs/{}", run.thread_id, run.id)
}
