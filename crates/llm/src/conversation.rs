//! Converts any conversation into one that providers accept.

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};

use colloquy_application::ports::ChatMessage;
use colloquy_domain::{ToolCall, ToolName, ToolResult};
use serde_json::{Map, Value};

use crate::ProviderKind;
use crate::draft::MAX_CALLS;

/// For providers that require a text.
const NO_TEXT: &str = "(no text)";
const NO_ANSWER: &str = "(no answer)";
const NO_RESULT: &str = "(no result)";
const UNKNOWN_TOOL: &str = "unknown_tool";
/// Explains to the model why calls beyond the limit have no results.
const CALLS_LIMITED: &str = "\n[This was the last tool call of the turn: a turn has at most 128.]";

/// Sides alternate; the user, or tools, speak first and last.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn<'a> {
    /// Not blank.
    User(Cow<'a, str>),
    /// Has a text, calls or both.
    Assistant {
        /// Not blank.
        text: Option<Cow<'a, str>>,
        calls: Vec<Call<'a>>,
    },
    /// One outcome per call of the previous turn.
    Tools(Vec<Outcome<'a>>),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Call<'a> {
    /// Unique in the conversation.
    pub(crate) id: Cow<'a, str>,
    /// `^[a-zA-Z0-9_-]{1,64}$`; for Gemini without a digit or hyphen at the start.
    pub(crate) name: Cow<'a, str>,
    /// A JSON object.
    pub(crate) arguments: Cow<'a, str>,
    pub(crate) signature: Option<&'a str>,
    /// As stored.
    own_id: &'a str,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome<'a> {
    pub(crate) id: Cow<'a, str>,
    pub(crate) name: Cow<'a, str>,
    /// Not blank.
    pub(crate) content: Cow<'a, str>,
}

pub(crate) fn turns(messages: &[ChatMessage], kind: ProviderKind) -> Vec<Turn<'_>> {
    let mut conversation = Conversation {
        kind,
        turns: Vec::new(),
        open: VecDeque::new(),
        ids: HashSet::new(),
    };
    for message in messages {
        match message {
            ChatMessage::User(text) => conversation.ask(text),
            ChatMessage::Assistant { text, tool_calls } => conversation.answer(text, tool_calls),
            ChatMessage::Tool(result) => conversation.return_from(result),
        }
    }
    conversation.end()
}

/// Replaces NUL; `None` for blank text.
pub(crate) fn non_blank(text: &str) -> Option<Cow<'_, str>> {
    (!text.trim().is_empty()).then(|| {
        if text.contains('\0') {
            Cow::Owned(text.replace('\0', "\u{FFFD}"))
        } else {
            Cow::Borrowed(text)
        }
    })
}

struct Conversation<'a> {
    kind: ProviderKind,
    turns: Vec<Turn<'a>>,
    /// Calls without outcome: stored ID, ID, name.
    open: VecDeque<(&'a str, Cow<'a, str>, Cow<'a, str>)>,
    ids: HashSet<Cow<'a, str>>,
}

impl<'a> Conversation<'a> {
    fn ask(&mut self, text: &'a str) {
        self.close();
        let Some(text) = non_blank(text) else {
            return;
        };
        match self.turns.last_mut() {
            Some(Turn::User(before)) => join(before, &text),
            Some(Turn::Tools(_)) => {
                self.turns.push(assistant_text(NO_ANSWER));
                self.turns.push(Turn::User(text));
            }
            _ => self.turns.push(Turn::User(text)),
        }
    }

    fn answer(&mut self, text: &'a str, calls: &'a [ToolCall]) {
        self.close();
        let text = non_blank(text);
        if text.is_none() && calls.is_empty() {
            return;
        }
        if self.turns.is_empty() {
            self.turns.push(Turn::User(NO_TEXT.into()));
        }
        let mut calls: Vec<_> = calls.iter().map(|call| self.call(call)).collect();
        let open = calls.iter();
        self.open
            .extend(open.map(|call| (call.own_id, call.id.clone(), call.name.clone())));
        if let Some(Turn::Assistant {
            text: before,
            calls: earlier,
        }) = self.turns.last_mut()
        {
            earlier.append(&mut calls);
            match (before.as_mut(), text) {
                (Some(before), Some(text)) => join(before, &text),
                (None, text) => *before = text,
                (Some(_), None) => {}
            }
            return;
        }
        self.turns.push(Turn::Assistant { text, calls });
    }

    fn return_from(&mut self, result: &'a ToolResult) {
        let mut open = self.open.iter();
        let Some(place) = open.position(|(own_id, ..)| *own_id == result.call_id) else {
            return;
        };
        if let Some((_, id, name)) = self.open.remove(place) {
            let content = non_blank(&result.content).unwrap_or(NO_RESULT.into());
            self.push_outcome(Outcome { id, name, content });
        }
    }

    fn push_outcome(&mut self, outcome: Outcome<'a>) {
        match self.turns.last_mut() {
            Some(Turn::Tools(outcomes)) => outcomes.push(outcome),
            _ => self.turns.push(Turn::Tools(vec![outcome])),
        }
        if let Some(Turn::Tools(outcomes)) = self.turns.last_mut()
            && outcomes.len() == MAX_CALLS
            && let Some(last) = outcomes.last_mut()
        {
            last.content.to_mut().push_str(CALLS_LIMITED);
        }
    }

    /// Adds missing outcomes before the next turn.
    fn close(&mut self) {
        while let Some((_, id, name)) = self.open.pop_front() {
            let content = NO_RESULT.into();
            self.push_outcome(Outcome { id, name, content });
        }
    }

    fn end(mut self) -> Vec<Turn<'a>> {
        self.close();
        if matches!(self.turns.last(), None | Some(Turn::Assistant { .. })) {
            self.turns.push(Turn::User(NO_TEXT.into()));
        }
        self.turns
    }

    fn call(&mut self, call: &'a ToolCall) -> Call<'a> {
        Call {
            id: self.id(&call.id),
            name: name(&call.name, self.kind),
            arguments: arguments(&call.arguments),
            signature: call.signature.as_deref(),
            own_id: &call.id,
        }
    }

    /// The stored ID, or a new one that every provider accepts.
    fn id(&mut self, own: &'a str) -> Cow<'a, str> {
        let mut id = Cow::Borrowed(own);
        let mut number = self.ids.len();
        while !accepts_id(self.kind, &id) || self.ids.contains(&id) {
            id = Cow::Owned(format!("call{number:05}"));
            number += 1;
        }
        self.ids.insert(id.clone());
        id
    }
}

fn assistant_text(text: &'static str) -> Turn<'static> {
    Turn::Assistant {
        text: Some(text.into()),
        calls: Vec::new(),
    }
}

fn join(text: &mut Cow<'_, str>, more: &str) {
    let text = text.to_mut();
    text.push_str("\n\n");
    text.push_str(more);
}

/// Compatible servers may insist on their own IDs.
fn accepts_id(kind: ProviderKind, id: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    match kind {
        ProviderKind::OpenAi | ProviderKind::Ollama => {
            (1..=40).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
        }
        ProviderKind::Anthropic => (1..=64).contains(&id.len()) && id.bytes().all(is_word),
        ProviderKind::Gemini => {
            (1..=64).contains(&id.len()) && id.bytes().all(|byte| is_word(byte) || byte == b'#')
        }
        ProviderKind::Mistral => id.len() == 9 && id.bytes().all(|it| it.is_ascii_alphanumeric()),
    }
}

fn name(own: &str, kind: ProviderKind) -> Cow<'_, str> {
    let begins_well = |name: &str| {
        let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        begins || kind != ProviderKind::Gemini
    };
    if ToolName::parse(own).is_ok() && begins_well(own) {
        return Cow::Borrowed(own);
    }
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let word = |c| if is_word(c) { c } else { '_' };
    let words: String = own
        .chars()
        .map(word)
        .take(ToolName::MAX_CHARS - 1)
        .collect();
    if words.is_empty() {
        UNKNOWN_TOOL.into()
    } else if begins_well(&words) {
        words.into()
    } else {
        format!("_{words}").into()
    }
}

/// Replaces non-objects; the call's outcome reports them as invalid.
fn arguments(own: &str) -> Cow<'_, str> {
    match serde_json::from_str::<Map<String, Value>>(own) {
        Ok(_) => Cow::Borrowed(own),
        Err(_) => Cow::Borrowed("{}"),
    }
}

#[cfg(test)]
mod tests;
