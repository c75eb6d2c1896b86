//! Repeats a request without the options that the provider refuses.

use std::fmt::Debug;

use colloquy_application::ports::{ChatStream, ModelError};

use crate::failure::refusal;

/// The optional parts of a request.
pub(crate) trait RequestOptions: Copy + Debug {
    /// The options without the one that the refusal is about, if it is about any. Every step
    /// leaves fewer of them.
    fn without_refused(self, said: &str) -> Option<Self>;
}

/// Sends the request until the provider accepts its options; returns the answer with those.
/// `note_refused` receives the options of a refused attempt and those of the next.
///
/// # Errors
/// That of the last attempt.
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
        let reduced = refusal(&error).and_then(|said| options.without_refused(&said.body));
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
