//! One model call: time limits, retries and streaming.

use std::time::Duration;

use colloquy_domain::Usage;
use futures_util::StreamExt as _;
use tokio::time::{Instant, sleep, timeout_at};

use super::RunLimits;
use super::answer::Answer;
use super::engine::Inner;
use super::talk::Talk;
use crate::ports::{ChatEvent, ChatModel, ChatRequest, ChatStream, ModelError, ModelErrorKind};

/// Maximum number of attempts.
const MAX_ATTEMPTS: u32 = 3;
/// Delay before the second attempt unless the provider names one; doubled before the third.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);

/// Calls the model and streams into `answer`, within the run's limits. Retries up to three
/// attempts, unless part of the answer has arrived; retries count towards the budget. Returns the
/// token counts of the successful attempt.
///
/// # Errors
/// The last attempt's failure. A partial answer stays in `answer`.
pub(super) async fn ask(
    talk: &Talk<'_>,
    request: &ChatRequest,
    answer: &mut Answer<'_>,
) -> Result<Option<Usage>, ModelError> {
    let Inner { ports, limits, .. } = &**talk.engine;
    let (model, observer) = (&*ports.model, &*ports.observer);
    let (meter, deadline) = (talk.meter, talk.deadline);
    let provider = request.model.provider();
    let mut attempt = 1;
    let (first, stream) = loop {
        let error = match begin(model, request, limits, deadline).await {
            Ok(begun) => break begun,
            Err(error) => error,
        };
        observer.model_asked(provider, Err(error.kind));
        let wait = error
            .retry_after
            .unwrap_or(FIRST_BACKOFF * 2_u32.pow(attempt - 1));
        // Providers may name any delay.
        let next = Instant::now().checked_add(wait);
        let is_in_time = next.is_some_and(|next| next < deadline);
        let may_repeat = attempt < MAX_ATTEMPTS && error.kind.is_transient() && is_in_time;
        if !may_repeat || !talk.budget.take_model_call() {
            return Err(error);
        }
        tracing::warn!(
            attempt,
            error = &error as &dyn std::error::Error,
            ?wait,
            "retrying model call"
        );
        sleep(wait).await;
        attempt += 1;
    };
    let says_something = !matches!(first, ChatEvent::End(_));
    if let Some(after) = says_something.then(|| meter.note_token()).flatten() {
        observer.first_token(provider, after);
    }
    let read = read(first, stream, limits, deadline, answer).await;
    let outcome = read.as_ref().map_err(|error| error.kind).copied();
    observer.model_asked(provider, outcome);
    read
}

/// Sends the request and waits for the first event.
async fn begin(
    model: &dyn ChatModel,
    request: &ChatRequest,
    limits: &RunLimits,
    deadline: Instant,
) -> Result<(ChatEvent, ChatStream), ModelError> {
    let first_token = deadline.min(Instant::now() + limits.first_token);
    let attempt = async {
        let mut stream = model.stream(request).await?;
        let first = next_piece(&mut stream).await?;
        Ok((first, stream))
    };
    within(first_token, attempt).await
}

/// Reads the answer after its first event. Returns the token counts.
async fn read(
    first: ChatEvent,
    mut stream: ChatStream,
    limits: &RunLimits,
    deadline: Instant,
    answer: &mut Answer<'_>,
) -> Result<Option<Usage>, ModelError> {
    let mut event = first;
    loop {
        match event {
            ChatEvent::Text(text) => {
                if !answer.push(&text) {
                    answer.cut();
                    return Ok(None);
                }
            }
            ChatEvent::Reasoning(text) => {
                if !answer.think(&text) {
                    answer.cut();
                    return Ok(None);
                }
            }
            ChatEvent::ToolCall(call) => {
                if !answer.call(call) {
                    answer.cut();
                    return Ok(None);
                }
            }
            ChatEvent::Progress => {}
            ChatEvent::End(end) => {
                answer.end(end);
                return Ok(end.usage);
            }
        }
        let idle = deadline.min(Instant::now() + limits.idle);
        event = within(idle, next_piece(&mut stream)).await?;
    }
}

/// The next event. Skips empty texts, which do not reset the idle limit.
async fn next_piece(stream: &mut ChatStream) -> Result<ChatEvent, ModelError> {
    loop {
        match stream.next().await {
            Some(Ok(ChatEvent::Text(text) | ChatEvent::Reasoning(text))) if text.is_empty() => {
                tokio::task::yield_now().await;
            }
            Some(event) => return event,
            None => return Err(ModelErrorKind::Broken.into()),
        }
    }
}

async fn within<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, ModelError>>,
) -> Result<T, ModelError> {
    timeout_at(deadline, work)
        .await
        .unwrap_or_else(|_| Err(ModelErrorKind::TimedOut.into()))
}
