use colloquy_domain::{FinishReason, Usage};

use crate::ports::ChatEnd;

/// What a run has to show so far; kept also when the model call fails.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) usage: Option<Usage>,
    pub(super) finish_reason: Option<FinishReason>,
}

impl Answer {
    /// Adds text up to a total of `max_bytes`; whether all of it had room. NUL, which the stores
    /// cannot keep, becomes the replacement character.
    pub(super) fn push(&mut self, text: &str, max_bytes: usize) -> bool {
        let room = max_bytes.saturating_sub(self.text.len());
        let fitting = &text[..text.floor_char_boundary(room)];
        if fitting.contains('\0') {
            self.text.push_str(&fitting.replace('\0', "\u{FFFD}"));
        } else {
            self.text.push_str(fitting);
        }
        fitting.len() == text.len()
    }

    /// Notes the end that the model gave.
    pub(super) fn end(&mut self, end: ChatEnd) {
        self.usage = end.usage;
        self.finish_reason = Some(end.finish_reason);
    }

    /// Notes that the answer was cut for its length.
    pub(super) fn cut(&mut self) {
        self.finish_reason = Some(FinishReason::Length);
    }
}

#[cfg(test)]
mod tests {
    use super::Answer;

    #[test]
    fn an_answer_is_cut_between_characters() {
        let mut answer = Answer::default();
        assert!(answer.push("abc", 8));
        assert!(!answer.push("äöü", 8));
        assert_eq!(answer.text, "abcäö");
        assert!(!answer.push("x", 7));
    }

    #[test]
    fn nul_is_replaced() {
        let mut answer = Answer::default();
        assert!(answer.push("a\0b", 100));
        assert_eq!(answer.text, "a\u{FFFD}b");
    }
}
