//! What models think aloud before they answer, between marks in the text itself.

use std::mem::take;

/// The marks, without their brackets.
const MARKS: [&str; 3] = ["think", "thinking", "reasoning"];

/// Tells thoughts from the answer in a text that comes in pieces. Thoughts stand at its beginning
/// only: further on, marks are text like any other.
#[derive(Debug, Default)]
pub(super) struct Thoughts {
    state: State,
    /// What may be the beginning of a mark.
    held: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// Nothing but white space has come.
    #[default]
    Before,
    /// Behind the opening mark of that name.
    Thinking(&'static str),
    /// The answer, of which nothing but white space has come.
    Answering,
    Text,
}

/// What a piece of the text adds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) reasoning: String,
    pub(super) text: String,
}

impl Thoughts {
    /// Takes the next piece.
    pub(super) fn take(&mut self, piece: &str) -> Said {
        let mut said = Said::default();
        if self.state == State::Text {
            piece.clone_into(&mut said.text);
            return said;
        }
        let mut rest = take(&mut self.held);
        rest.push_str(piece);
        while let Some(more) = self.step(&rest, &mut said) {
            rest = more;
        }
        said
    }

    /// What of the answer was held back, now that nothing more comes.
    pub(super) fn end(&mut self) -> String {
        let held = take(&mut self.held);
        match self.state {
            State::Before => held,
            State::Thinking(_) | State::Answering | State::Text => String::new(),
        }
    }

    /// Takes what can be told from the text so far; the rest, if something else begins there.
    fn step(&mut self, text: &str, said: &mut Said) -> Option<String> {
        match self.state {
            State::Before => self.begin(text, said),
            State::Thinking(mark) => self.think(mark, text, said),
            State::Answering => {
                let answer = text.trim_start();
                if !answer.is_empty() {
                    self.state = State::Text;
                    said.text.push_str(answer);
                }
                None
            }
            State::Text => {
                said.text.push_str(text);
                None
            }
        }
    }

    fn begin(&mut self, text: &str, said: &mut Said) -> Option<String> {
        let start = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{FEFF}');
        for mark in MARKS {
            if let Some(rest) = start.strip_prefix(&format!("<{mark}>")) {
                self.state = State::Thinking(mark);
                return Some(rest.to_owned());
            }
        }
        let may_be = |mark: &&str| format!("<{mark}>").starts_with(start);
        if MARKS.iter().any(may_be) {
            text.clone_into(&mut self.held);
        } else {
            self.state = State::Text;
            said.text.push_str(text);
        }
        None
    }

    fn think(&mut self, mark: &str, text: &str, said: &mut Said) -> Option<String> {
        let end = format!("</{mark}>");
        if let Some((thought, rest)) = text.split_once(&end) {
            said.reasoning.push_str(thought);
            self.state = State::Answering;
            return Some(rest.to_owned());
        }
        let held = beginning_of(&end, text);
        let (thought, held) = text.split_at(text.len() - held);
        said.reasoning.push_str(thought);
        held.clone_into(&mut self.held);
        None
    }
}

/// How many bytes at the end of the text are the beginning of the mark.
fn beginning_of(mark: &str, text: &str) -> usize {
    let lengths = (1..mark.len()).rev();
    let mut beginnings = lengths.filter(|length| text.ends_with(&mark[..*length]));
    beginnings.next().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Said, Thoughts};

    fn told(pieces: &[&str]) -> Said {
        let mut thoughts = Thoughts::default();
        let mut told = Said::default();
        for piece in pieces {
            let said = thoughts.take(piece);
            told.reasoning.push_str(&said.reasoning);
            told.text.push_str(&said.text);
        }
        told.text.push_str(&thoughts.end());
        told
    }

    fn said(reasoning: &str, text: &str) -> Said {
        Said {
            reasoning: reasoning.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn thoughts_are_told_from_the_answer_wherever_the_text_is_cut() {
        for (whole, reasoning, text) in [
            ("<think>hm</think>\n\nYes.", "hm", "Yes."),
            ("\n <thinking>\nä < b</thinking>{}", "\nä < b", "{}"),
            (
                "<reasoning></reasoning>a <think>b</think>",
                "",
                "a <think>b</think>",
            ),
            ("<think>a</thinking></think>b", "a</thinking>", "b"),
            ("<think>never ends </thin", "never ends ", ""),
            ("<thin", "", "<thin"),
            (" \n", "", " \n"),
            (" <thought>a", "", " <thought>a"),
            ("Well, <think>b</think>", "", "Well, <think>b</think>"),
            ("", "", ""),
        ] {
            let expected = said(reasoning, text);
            assert_eq!(told(&[whole]), expected, "{whole:?}");
            for (at, _) in whole.char_indices() {
                let (head, tail) = whole.split_at(at);
                assert_eq!(told(&[head, tail]), expected, "{whole:?} at {at}");
            }
            let single: Vec<_> = whole.split_inclusive(|_| true).collect();
            assert_eq!(told(&single), expected, "{whole:?} in single characters");
        }
    }
}
