//! Assembles tool calls from pieces.

use colloquy_domain::ToolCall;
use serde_json::Value;

use super::chunk::{Arguments, CallPiece};
use crate::draft::{MAX_CALL_BYTES, MAX_CALLS};
use crate::surrogates::Surrogates;

/// Sent by some servers before the real arguments.
const PLACEHOLDER: &str = "{}";

/// The calls so far.
///
/// A call's pieces are consecutive; servers agree on nothing else. Indexes may be missing or all
/// zero; IDs missing, late or new per piece; names in parts, or whole in every piece; calls sent
/// twice.
#[derive(Default)]
pub(super) struct Calls {
    calls: Vec<Call>,
    bytes: usize,
    /// Repeats a complete call's name: another call if arguments follow, else a repetition.
    announced: Option<CallPiece>,
    offered: Vec<String>,
}

#[derive(Default)]
struct Call {
    index: Option<u64>,
    id: String,
    /// Pieces had different IDs.
    has_unstable_id: bool,
    name: String,
    arguments: String,
    brackets: Brackets,
    surrogates: Surrogates,
    extra: Option<Value>,
}

#[derive(Debug, PartialEq, Eq)]
enum Relation {
    Part,
    Replacement,
    OtherCall,
    Announcement,
    Noise,
}

impl Calls {
    pub(super) fn new(offered: Vec<String>) -> Self {
        Self {
            offered,
            ..Self::default()
        }
    }

    /// `false` above the size limit.
    pub(super) fn add(&mut self, piece: CallPiece, has_surrogates: bool) -> bool {
        let Some(place) = self.place(&piece) else {
            self.begin(piece, has_surrogates);
            return self.bytes <= MAX_CALL_BYTES;
        };
        match self.relation(&self.calls[place], &piece) {
            Relation::Part => self.extend(place, piece, has_surrogates),
            Relation::Replacement => {
                self.clear_arguments(place);
                self.extend(place, piece, has_surrogates);
            }
            Relation::OtherCall => self.begin_after(place, piece, has_surrogates),
            Relation::Announcement => self.announced = Some(piece),
            Relation::Noise => {}
        }
        self.bytes <= MAX_CALL_BYTES
    }

    /// By index and ID, or by position.
    fn place(&self, piece: &CallPiece) -> Option<usize> {
        let last = self.calls.len().checked_sub(1);
        let has_id = |call: &Call| !piece.id.is_empty() && call.id == piece.id;
        let Some(index) = piece.index else {
            return self.calls.iter().rposition(has_id).or(last);
        };
        let has_index = |call: &Call| call.index.is_none_or(|own| own == index);
        let has_both = |call: &Call| has_index(call) && has_id(call);
        let found = self.calls.iter().rposition(has_both);
        let found = found.or_else(|| self.calls.iter().rposition(has_index));
        let is_bare = piece.id.is_empty() && piece.name.is_empty();
        found.or_else(|| last.filter(|last| is_bare && !self.calls[*last].is_complete()))
    }

    fn relation(&self, call: &Call, piece: &CallPiece) -> Relation {
        let is_named = !piece.name.is_empty() && !call.name.is_empty();
        let continues_name = !is_named || self.continues(&call.name, &piece.name);
        match (call.is_complete(), is_named) {
            (false, _) if continues_name => Relation::Part,
            (false, _) if call.differs_in_id(piece) || self.is_offered(&piece.name) => {
                Relation::OtherCall
            }
            (false, _) => Relation::Part,
            (true, true) if !continues_name => Relation::OtherCall,
            (true, true) => Self::relation_of_named(call, piece),
            (true, false) => self.relation_of_unnamed(call, piece),
        }
    }

    /// For a complete call.
    fn relation_of_named(call: &Call, piece: &CallPiece) -> Relation {
        let has_same_id = !call.id.is_empty() && call.id == piece.id;
        if piece.arguments.is_blank() {
            if call.differs_in_id(piece) && !call.has_unstable_id {
                Relation::OtherCall
            } else {
                Relation::Announcement
            }
        } else if has_same_id && call.arguments == PLACEHOLDER {
            Relation::Replacement
        } else {
            Relation::OtherCall
        }
    }

    /// For a complete call.
    fn relation_of_unnamed(&self, call: &Call, piece: &CallPiece) -> Relation {
        if piece.arguments.is_blank() {
            Relation::Part
        } else if self.announced.is_some() || call.differs_in_id(piece) {
            Relation::OtherCall
        } else if call.arguments == PLACEHOLDER || matches!(piece.arguments, Arguments::Whole(_)) {
            Relation::Replacement
        } else if piece.arguments.text().trim_start().starts_with(['{', '[']) {
            Relation::OtherCall
        } else {
            Relation::Noise
        }
    }

    fn continues(&self, name: &str, piece: &str) -> bool {
        let whole = format!("{name}{piece}");
        piece == name
            || piece.starts_with(name)
            || self.offered.iter().any(|it| it.starts_with(&whole))
    }

    /// The piece may be the rest, all so far, or all of it again.
    fn joined(&self, name: &str, piece: &str) -> String {
        let whole = format!("{name}{piece}");
        if self.is_offered(&whole) {
            return whole;
        }
        if piece.starts_with(name) {
            return piece.to_owned();
        }
        let is_prefix = self.offered.iter().any(|it| it.starts_with(&whole));
        if self.is_offered(name) && !is_prefix {
            name.to_owned()
        } else {
            whole
        }
    }

    fn is_offered(&self, name: &str) -> bool {
        self.offered.iter().any(|it| it == name)
    }

    /// Begins a call whose name or ID may have come earlier or not at all.
    fn begin_after(&mut self, place: usize, mut piece: CallPiece, has_surrogates: bool) {
        let announced = self.announced.take().unwrap_or_default();
        if piece.id.is_empty() {
            piece.id = announced.id;
        }
        if piece.name.is_empty() {
            piece.name.clone_from(&self.calls[place].name);
        }
        self.begin(piece, has_surrogates);
    }

    fn begin(&mut self, piece: CallPiece, has_surrogates: bool) {
        self.announced = None;
        if self.calls.len() == MAX_CALLS {
            return;
        }
        self.calls.push(Call {
            index: piece.index,
            ..Call::default()
        });
        self.extend(self.calls.len() - 1, piece, has_surrogates);
    }

    fn extend(&mut self, place: usize, piece: CallPiece, has_surrogates: bool) {
        let name = self.joined(&self.calls[place].name, &piece.name);
        let call = &mut self.calls[place];
        self.bytes -= call.bytes();
        call.name = name;
        call.has_unstable_id |= call.differs_in_id(&piece);
        if call.id.is_empty() {
            call.id = piece.id;
        }
        call.extra = piece.extra.or(call.extra.take());
        call.argue(piece.arguments, has_surrogates);
        self.bytes += call.bytes();
    }

    fn clear_arguments(&mut self, place: usize) {
        let call = &mut self.calls[place];
        self.bytes -= call.arguments.len();
        call.arguments.clear();
        call.brackets = Brackets::default();
    }

    /// Without repetitions; with what to send back.
    pub(super) fn into_calls(self) -> Vec<(ToolCall, Option<Value>)> {
        let mut kept: Vec<Call> = Vec::new();
        for call in self.calls {
            let is_empty = call.name.is_empty() && call.arguments.is_empty();
            if !is_empty && !kept.iter().any(|earlier| call.repeats(earlier)) {
                kept.push(call);
            }
        }
        kept.into_iter().map(Call::into_call).collect()
    }
}

impl Call {
    fn argue(&mut self, arguments: Arguments, has_surrogates: bool) {
        let piece = match arguments {
            Arguments::Piece(piece) => piece,
            Arguments::Whole(whole) => {
                self.brackets = Brackets::default();
                self.arguments.clear();
                whole
            }
        };
        let piece = self.surrogates.join(piece, has_surrogates);
        self.brackets.take(&piece);
        self.arguments.push_str(&piece);
    }

    fn is_complete(&self) -> bool {
        self.brackets.has_begun && self.brackets.open == 0
    }

    fn differs_in_id(&self, piece: &CallPiece) -> bool {
        !self.id.is_empty() && !piece.id.is_empty() && self.id != piece.id
    }

    /// Neither ID nor index distinguishes it from an equal, earlier call.
    fn repeats(&self, earlier: &Self) -> bool {
        let has_own_id = !self.id.is_empty() && self.id != earlier.id;
        let has_own_index = self.index.is_some() && self.index != earlier.index;
        !has_own_id
            && !has_own_index
            && self.name == earlier.name
            && is_same_json(&self.arguments, &earlier.arguments)
    }

    fn bytes(&self) -> usize {
        let extra = self.extra.as_ref().map_or(0, |it| it.to_string().len());
        self.id.len() + self.name.len() + self.arguments.len() + extra
    }

    fn into_call(mut self) -> (ToolCall, Option<Value>) {
        let call = ToolCall {
            id: self.id,
            name: self.name,
            arguments: self.arguments + self.surrogates.end(),
            signature: None,
        };
        (call, self.extra)
    }
}

fn is_same_json(one: &str, other: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    one == other || read(one).is_some_and(|one| Some(one) == read(other))
}

/// Finds the end of a JSON value in pieces.
#[derive(Debug, Default)]
struct Brackets {
    has_begun: bool,
    open: u32,
    in_string: bool,
    is_escaped: bool,
}

impl Brackets {
    fn take(&mut self, json: &str) {
        for byte in json.bytes() {
            if self.in_string {
                let ends = byte == b'"' && !self.is_escaped;
                self.is_escaped = byte == b'\\' && !self.is_escaped;
                self.in_string = !ends;
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    self.has_begun = true;
                    self.open = self.open.saturating_add(1);
                }
                b'}' | b']' => self.open = self.open.saturating_sub(1),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
