use axum::extract::State;
use axum::response::Response;
use colloquy_application::messages::{Messages, PostMessage};
use colloquy_application::runs::RunOutcome;
use colloquy_domain::{Message, MessageContent, ThreadId};
use serde::Serialize;

use super::view::MessageView;
use crate::BASE;
use crate::auth::SignedIn;
use crate::created::created;
use crate::input::{Body, Fields, Input, JsonBody, text};
use crate::path::Ids;
use crate::problem::Problem;
use crate::runs::RunView;
use crate::schema::{self, BodySchema};
use crate::threads::assistant_reference;

/// What a client may send back of a message, to no effect.
const READ_ONLY: [&str; 6] = ["id", "thread_id", "type", "status", "run_id", "created_at"];

type CreateMessage = JsonBody<PostMessage>;

impl Input for PostMessage {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.ignore(&READ_ONLY);
        let assistant = fields.required("assistant_id", text(|text| assistant_reference(&text)));
        let content = fields.required("content", text(MessageContent::parse));
        Some(Self {
            assistant: assistant?,
            content: content?,
        })
    }
}

impl Body for PostMessage {
    const NAME: &str = "CreateMessage";

    fn schema() -> BodySchema {
        let assistant =
            schema::assistant_reference().description(Some("Who shall answer, by id or slug."));
        BodySchema::new("What is said, and to whom.")
            .required("assistant_id", assistant)
            .required("content", schema::text(MessageContent::MAX_CHARS))
            .ignored(&READ_ONLY)
    }
}

/// A message that was answered.
#[derive(Serialize, utoipa::ToSchema)]
struct Answered {
    /// The answer.
    output: String,
    /// The run that made it.
    run: RunView,
    /// What the run added to the thread, the message that was posted first.
    messages: Vec<MessageView>,
}

impl Answered {
    fn new(question: Message, outcome: RunOutcome) -> Self {
        let answer = outcome.messages.last();
        let output = answer.map_or_else(String::new, |message| message.content.clone());
        let messages = std::iter::once(question).chain(outcome.messages);
        Self {
            output,
            run: outcome.run.into(),
            messages: messages.map(MessageView::from).collect(),
        }
    }
}

/// Say something to an assistant and wait for its answer.
///
/// The message and the run are saved first, and the run goes on when the client goes away. When it
/// fails, the message is kept and the problem names the run.
#[utoipa::path(
    post,
    path = "/threads/{thread_id}/messages",
    tag = "messages",
    security(("bearer" = [])),
    params(("thread_id" = uuid::Uuid, Path)),
    request_body = CreateMessage,
    responses(
        (status = 201, description = "The answer", body = Answered, headers(
            ("Location" = String, description = "Where the run is"),
        )),
        (status = 403, description = "The caller may see the thread, but is not its owner"),
        (status = 409, description = "The thread has a run in progress already"),
        (status = 502, description = "The model failed, or is not configured"),
        (status = 504, description = "The model took too long"),
    ),
)]
pub(crate) async fn post_message(
    caller: SignedIn,
    State(messages): State<Messages>,
    Ids(thread): Ids<ThreadId>,
    JsonBody(post): CreateMessage,
) -> Result<Response, Problem> {
    let started = messages.post(&caller.actor, thread, post).await?;
    let (run, question) = (started.run.clone(), started.message.clone());
    let outcome = started
        .wait()
        .await
        .map_err(|error| Problem::from(error).of_run(&run))?;
    let location = format!("{BASE}/threads/{thread}/runs/{}", run.id);
    Ok(created(location, Answered::new(question, outcome)))
}
