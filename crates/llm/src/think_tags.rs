//! Splits reasoning in tags (`<think>...</think>`) at an answer's start from its text.

use std::mem::take;

/// `DeepSeek`, Qwen and many others; Gemini's OpenAI endpoint; Seed-OSS; Magistral; Kimi-VL.
const TAGS: [(&str, &str); 7] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
];

/// Tags after the answer's first word are text.
#[derive(Debug, Default)]
pub(crate) struct ThinkTags {
    state: State,
    /// A possible prefix of a tag.
    held: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// White space so far.
    #[default]
    Start,
    /// Until this closing tag.
    Reasoning(&'static str),
    /// White space since the closing tag.
    AfterReasoning,
    Text,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) reasoning: String,
    pub(crate) text: String,
}

impl ThinkTags {
    pub(crate) fn split(&mut self, piece: String) -> Split {
        let mut split = Split::default();
        if self.state == State::Text {
            split.text = piece;
            return split;
        }
        let mut rest = take(&mut self.held);
        rest.push_str(&piece);
        while let Some(more) = self.step(&rest, &mut split) {
            rest = more;
        }
        split
    }

    /// Flushes the text held back.
    pub(crate) fn end(&mut self) -> Split {
        let held = take(&mut self.held);
        match self.state {
            State::Reasoning(_) => Split {
                reasoning: held,
                ..Split::default()
            },
            State::AfterReasoning => Split {
                text: held.trim_start().to_owned(),
                ..Split::default()
            },
            State::Start | State::Text => Split {
                text: held,
                ..Split::default()
            },
        }
    }

    /// Returns the rest if the state has changed.
    fn step(&mut self, text: &str, split: &mut Split) -> Option<String> {
        match self.state {
            State::Start | State::AfterReasoning => self.start(text, split),
            State::Reasoning(closing) => self.reason(closing, text, split),
            State::Text => {
                split.text.push_str(text);
                None
            }
        }
    }

    fn start(&mut self, text: &str, split: &mut Split) -> Option<String> {
        let start = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{FEFF}');
        for (opening, closing) in TAGS {
            if let Some(rest) = start.strip_prefix(opening) {
                self.state = State::Reasoning(closing);
                return Some(rest.to_owned());
            }
        }
        if TAGS.iter().any(|(opening, _)| opening.starts_with(start)) {
            text.clone_into(&mut self.held);
            return None;
        }
        let is_first = self.state == State::Start;
        self.state = State::Text;
        split.text.push_str(if is_first { text } else { start });
        None
    }

    fn reason(&mut self, closing: &str, text: &str, split: &mut Split) -> Option<String> {
        if let Some((reasoning, rest)) = text.split_once(closing) {
            split.reasoning.push_str(reasoning);
            self.state = State::AfterReasoning;
            return Some(rest.to_owned());
        }
        let (reasoning, held) = text.split_at(text.len() - prefix_at_end(closing, text));
        split.reasoning.push_str(reasoning);
        held.clone_into(&mut self.held);
        None
    }
}

/// In bytes, the longest proper prefix of `tag` that ends `text`.
fn prefix_at_end(tag: &str, text: &str) -> usize {
    let prefixes = tag.char_indices().rev().map(|(at, _)| &tag[..at]);
    let mut found = prefixes.filter(|prefix| text.ends_with(prefix));
    found.next().map_or(0, str::len)
}

#[cfg(test)]
mod tests {
    use super::{Split, ThinkTags};

    fn split(pieces: &[&str]) -> Split {
        let mut tags = ThinkTags::default();
        let mut all = Split::default();
        let mut splits = Vec::new();
        for piece in pieces {
            splits.push(tags.split(String::from(*piece)));
        }
        splits.push(tags.end());
        for split in splits {
            all.reasoning.push_str(&split.reasoning);
            all.text.push_str(&split.text);
        }
        all
    }

    #[test]
    fn reasoning_is_recognised_wherever_pieces_end() {
        for (whole, reasoning, text) in [
            ("<think>hm</think>\n\nYes.", "hm", "Yes."),
            ("\n <thinking>\nä < b</thinking>{}", "\nä < b", "{}"),
            (
                "<reasoning></reasoning>a <think>b</think>",
                "",
                "a <think>b</think>",
            ),
            ("<think>a</thinking></think>b", "a</thinking>", "b"),
            ("<think></think>\n<think>a</think>\nb", "a", "b"),
            ("<think>never ends </thin", "never ends </thin", ""),
            ("<think>a</think> <thi", "a", "<thi"),
            ("<thin", "", "<thin"),
            (" \n", "", " \n"),
            (" <thoughts>a", "", " <thoughts>a"),
            ("<thought>a</thought>b", "a", "b"),
            ("[THINK]a[/THINK]b", "a", "b"),
            ("◁think▷ä◁/think▷b", "ä", "b"),
            ("[1]", "", "[1]"),
            ("Well, <think>b</think>", "", "Well, <think>b</think>"),
            ("", "", ""),
        ] {
            let expected = Split {
                reasoning: reasoning.to_owned(),
                text: text.to_owned(),
            };
            assert_eq!(split(&[whole]), expected, "{whole:?}");
            for (at, _) in whole.char_indices() {
                let (head, tail) = whole.split_at(at);
                assert_eq!(split(&[head, tail]), expected, "{whole:?} at {at}");
            }
            let single: Vec<_> = whole.split_inclusive(|_| true).collect();
            assert_eq!(split(&single), expected, "{whole:?} in single characters");
        }
    }
}
