//! One-line text for terminals and logs.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Write as _};

/// With its causes, joined by colons.
pub(crate) fn in_one_line(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        // Many errors repeat their cause.
        if !text.ends_with(&message) {
            let _ = write!(text, ": {message}");
        }
        cause = error.source();
    }
    visible(&text)
}

/// Escapes characters that could move the cursor or end the line.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if may_forge(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Control characters, line and paragraph separators, bidirectional overrides.
fn may_forge(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Ignores a closed pipe.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

pub(crate) fn print_error(error: &dyn Error) {
    let _ = writeln!(io::stderr().lock(), "colloquy: {}", in_one_line(error));
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{in_one_line, visible};

    #[derive(Debug, thiserror::Error)]
    #[error("cannot open\nthe door")]
    struct Outer(#[source] io::Error);

    #[test]
    fn an_error_is_told_with_its_causes_on_one_line() {
        let error = Outer(io::Error::other("no key"));
        assert_eq!(in_one_line(&error), "cannot open\\nthe door: no key");
    }

    #[test]
    fn only_what_could_forge_output_is_escaped() {
        assert_eq!(visible("Zoë 'x' \"y\""), "Zoë 'x' \"y\"");
        assert_eq!(
            visible("a\r\nb\u{1b}[2J\u{2028}"),
            "a\\r\\nb\\u{1b}[2J\\u{2028}"
        );
    }
}
