//! The built-in echo model.

use colloquy_application::ports::{ChatEnd, ChatEvent, ChatMessage, ChatRequest, ChatStream};
use colloquy_domain::{FinishReason, Usage};
use futures_util::stream;

pub(crate) const PROVIDER: &str = "echo";
pub(crate) const MODEL: &str = "echo";

/// Approximate.
const PIECES: usize = 32;
/// Minimum per piece.
const PIECE_CHARS: usize = 8;

/// A word counts as a token.
pub(crate) fn answer(request: &ChatRequest) -> ChatStream {
    let last = request.messages.last();
    let text = format!("Echo: {}", last.map_or("", ChatMessage::text));
    let read = request.messages.iter().map(ChatMessage::text);
    let instructions = request.instructions.as_deref();
    let input_tokens = read.chain(instructions).map(words).sum();
    let end = ChatEnd {
        finish_reason: FinishReason::Stop,
        usage: Some(Usage {
            input_tokens,
            output_tokens: words(&text),
        }),
    };
    let events = pieces(&text).into_iter().map(ChatEvent::Text);
    let events: Vec<_> = events.chain([ChatEvent::End(end)]).map(Ok).collect();
    Box::pin(stream::iter(events))
}

fn pieces(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let size = (chars.len() / PIECES).max(PIECE_CHARS);
    chars
        .chunks(size)
        .map(|piece| piece.iter().collect())
        .collect()
}

fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}
