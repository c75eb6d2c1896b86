//! Retries a request without the options that the provider refuses.

use std::fmt::Debug;

use colloquy_application::ports::{ChatStream, ModelError};

use crate::failure::refusal;

pub(crate) trait RequestOptions: Copy + Debug {
    /// Drops the option that the refusal is about; `None` if it is about none.
    fn without_refused(self, message: &str) -> Option<Self>;
}

/// Returns the answer and the accepted options. `note_refused` receives the options of a refused
/// attempt and of the next.
pub(crate) async fn send<O: RequestOptions, F>(
    mut options: O,
    attempt: impl Fn(O) -> F,
    note_refused: impl Fn(O, O),
) -> Result<(ChatStream, O), ModelError>
where
    F: Future<Output = Result<ChatStream, ModelError>>,
{
    loop {
        let error = match attempt(options).await {
            Ok(answer) => return Ok((answer, options)),
            Err(error) => error,
        };
        let reduced = refusal(&error).and_then(|response| options.without_refused(&response.body));
        let Some(reduced) = reduced else {
            return Err(error);
        };
        tracing::info!(
            ?options,
            ?reduced,
            "provider refuses part of the request; retrying"
        );
        note_refused(options, reduced);
        options = reduced;
    }
}
