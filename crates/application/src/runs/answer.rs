use std::borrow::Cow;

use colloquy_domain::{FinishReason, MessageId, RunEventKind, Usage};

use super::log::RunLog;
use crate::ports::ChatEnd;

/// The message that a run is about to say. Its text goes straight into the run's log, where it
/// also stays when the model call fails.
pub(super) struct Answer<'a> {
    pub(super) message_id: MessageId,
    pub(super) usage: Option<Usage>,
    pub(super) finish_reason: Option<FinishReason>,
    bytes: usize,
    max_bytes: usize,
    log: &'a RunLog,
}

impl<'a> Answer<'a> {
    pub(super) const fn new(message_id: MessageId, max_bytes: usize, log: &'a RunLog) -> Self {
        Self {
            message_id,
            usage: None,
            finish_reason: None,
            bytes: 0,
            max_bytes,
            log,
        }
    }

    /// Adds text as far as there is room for it; whether there was for all. NUL, which the
    /// stores cannot keep, becomes the replacement character.
    pub(super) fn push(&mut self, text: &str) -> bool {
        let text: Cow<'_, str> = if text.contains('\0') {
            text.replace('\0', "\u{FFFD}").into()
        } else {
            text.into()
        };
        let fitting = &text[..text.floor_char_boundary(self.max_bytes - self.bytes)];
        if !fitting.is_empty() {
            self.bytes += fitting.len();
            self.log.push(RunEventKind::MessageDelta {
                message_id: self.message_id,
                text: fitting.to_owned(),
            });
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
    use colloquy_domain::{MessageId, RunEventKind};
    use uuid::Uuid;

    use super::{Answer, RunLog};

    fn log(message_id: MessageId) -> RunLog {
        RunLog::started(RunEventKind::MessageDelta {
            message_id,
            text: String::new(),
        })
    }

    #[test]
    fn an_answer_is_cut_between_characters() {
        let id = MessageId::from_uuid(Uuid::from_u128(1));
        let log = log(id);
        let mut answer = Answer::new(id, 8, &log);
        assert!(answer.push("abc"));
        assert!(!answer.push("äöü"));
        assert_eq!(log.text_of(id), "abcäö");
    }

    #[test]
    fn nul_is_replaced() {
        let id = MessageId::from_uuid(Uuid::from_u128(1));
        let log = log(id);
        let mut answer = Answer::new(id, 100, &log);
        assert!(answer.push("a\0b"));
        assert_eq!(log.text_of(id), "a\u{FFFD}b");
    }
}
