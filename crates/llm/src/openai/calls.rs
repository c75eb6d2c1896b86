use colloquy_application::ports::ModelError;
use colloquy_domain::ToolCall;

use super::chunk::{Arguments, CallPiece};
use super::halves::Halves;
use crate::failure::broken;
use crate::text::without_nul;

/// The most calls in one answer, and the most bytes of arguments in all of them: far above any
/// answer that makes sense, and what a hostile provider can make us hold.
const MAX_CALLS: usize = 128;
const MAX_BYTES: usize = 1024 * 1024;

/// The calls of an answer as far as they have come.
#[derive(Default)]
pub(super) struct Calls {
    calls: Vec<Call>,
    bytes: usize,
    /// The names that the model was told.
    offered: Vec<String>,
}

#[derive(Default)]
struct Call {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
    brackets: Brackets,
    halves: Halves,
}

impl Calls {
    pub(super) fn of(offered: Vec<String>) -> Self {
        Self {
            offered,
            ..Self::default()
        }
    }

    /// Takes a piece in. Servers agree on little but that the pieces of a call follow one another:
    /// an index may be missing or that of all calls, ids may be missing, late or new in every
    /// piece, and a name may come in halves, or whole with every piece.
    pub(super) fn take(&mut self, piece: CallPiece, has_halves: bool) -> Result<(), ModelError> {
        self.bytes += piece.bytes();
        if self.bytes > MAX_BYTES {
            return Err(broken("calls of tools that are too long"));
        }
        let place = self.place(&piece);
        let place = place.filter(|place| !self.is_another(&self.calls[*place], &piece));
        let place = place.map_or_else(|| self.begin(piece.index), Ok)?;
        let call = &self.calls[place];
        let name = self.joined(&call.name, &piece.name);
        // A name that is said again takes no more room.
        self.bytes -= (call.name.len() + piece.name.len()).saturating_sub(name.len());
        let call = &mut self.calls[place];
        call.name = name;
        if call.id.is_empty() {
            call.id = piece.id;
        }
        call.argue(piece.arguments, has_halves);
        Ok(())
    }

    /// The call that the piece belongs to, if it does not begin another.
    fn place(&self, piece: &CallPiece) -> Option<usize> {
        let last = self.calls.len().checked_sub(1);
        let with_id = || {
            let found = self.calls.iter().rposition(|call| call.id == piece.id);
            found.filter(|_| !piece.id.is_empty())
        };
        let Some(index) = piece.index else {
            return with_id().or(last);
        };
        let of_index = |call: &Call| call.index.is_none_or(|own| own == index);
        let both = |call: &Call| of_index(call) && call.id == piece.id;
        let found = self.calls.iter().rposition(both);
        let found = found.or_else(|| self.calls.iter().rposition(of_index));
        let says_no_more = piece.id.is_empty() && piece.name.is_empty();
        found.or_else(|| last.filter(|last| says_no_more && !self.calls[*last].is_complete()))
    }

    /// Whether the piece cannot belong to the call, though its place says so.
    fn is_another(&self, call: &Call, piece: &CallPiece) -> bool {
        let new_id = !piece.id.is_empty() && !call.id.is_empty() && piece.id != call.id;
        let argues = !piece.arguments.is_blank();
        let goes_on = self.continues(&call.name, &piece.name);
        if piece.name.is_empty() || call.name.is_empty() {
            call.is_complete() && new_id && argues
        } else if call.is_complete() {
            let is_repeated = piece.arguments.is(&call.arguments) && piece.id == call.id;
            (argues && !is_repeated) || !goes_on
        } else if new_id {
            !goes_on
        } else {
            piece.index.is_none() && !goes_on && self.is_offered(&piece.name)
        }
    }

    /// Whether a name may be said on or again by `piece`.
    fn continues(&self, name: &str, piece: &str) -> bool {
        let whole = format!("{name}{piece}");
        piece == name
            || piece.starts_with(name)
            || self.offered.iter().any(|it| it.starts_with(&whole))
    }

    /// A name and its next piece: the rest of it, all of it so far, or all of it again.
    fn joined(&self, name: &str, piece: &str) -> String {
        let whole = format!("{name}{piece}");
        if self.is_offered(&whole) {
            return whole;
        }
        if piece.starts_with(name) {
            return piece.to_owned();
        }
        let begins = self.offered.iter().any(|it| it.starts_with(&whole));
        match self.is_offered(name) && !begins {
            true => name.to_owned(),
            false => whole,
        }
    }

    fn is_offered(&self, name: &str) -> bool {
        self.offered.iter().any(|it| it == name)
    }

    fn begin(&mut self, index: Option<u64>) -> Result<usize, ModelError> {
        if self.calls.len() == MAX_CALLS {
            return Err(broken("too many calls of tools"));
        }
        self.calls.push(Call {
            index,
            ..Call::default()
        });
        Ok(self.calls.len() - 1)
    }

    pub(super) fn into_calls(self) -> impl Iterator<Item = ToolCall> {
        let calls = self.calls.into_iter();
        let said = calls.filter(|call| !call.name.is_empty() || !call.arguments.is_empty());
        said.map(|mut call| ToolCall {
            id: without_nul(call.id),
            name: without_nul(call.name),
            arguments: without_nul(call.arguments + call.halves.end()),
            signature: None,
        })
    }
}

impl Call {
    fn argue(&mut self, arguments: Arguments, has_halves: bool) {
        match arguments {
            Arguments::Piece(piece) => {
                // The same once more, after all of it.
                if self.is_complete() && piece == self.arguments {
                    return;
                }
                let piece = self.halves.join(piece, has_halves);
                self.brackets.take(&piece);
                self.arguments.push_str(&piece);
            }
            Arguments::Whole(whole) => {
                self.brackets = Brackets::default();
                self.brackets.take(&whole);
                self.arguments = whole;
            }
        }
    }

    /// Whether the arguments are all there.
    fn is_complete(&self) -> bool {
        self.brackets.has_begun && self.brackets.open == 0
    }
}

impl Arguments {
    const fn text(&self) -> &String {
        let (Self::Piece(text) | Self::Whole(text)) = self;
        text
    }

    fn is_blank(&self) -> bool {
        self.text().trim().is_empty()
    }

    fn is(&self, text: &str) -> bool {
        self.text() == text
    }
}

/// Follows JSON that comes in pieces to its end.
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
mod tests {
    use serde_json::{Value, json};

    use super::Calls;
    use crate::openai::chunk::call_pieces;

    fn take(calls: &mut Calls, piece: &Value) -> bool {
        let delta = json!({"tool_calls": [piece]});
        let pieces = call_pieces(delta.as_object().unwrap()).into_iter();
        let mut taken = pieces.map(|piece| calls.take(piece, false));
        taken.all(|taken| taken.is_ok())
    }

    fn assembled(pieces: &[Value]) -> Vec<(String, String, String)> {
        let offered = ["one", "two", "calculator", "get", "get_weather"];
        let mut calls = Calls::of(offered.map(str::to_owned).to_vec());
        for piece in pieces {
            assert!(take(&mut calls, piece));
        }
        let calls = calls.into_calls();
        calls
            .map(|call| (call.id, call.name, call.arguments))
            .collect()
    }

    fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
        (id.to_owned(), name.to_owned(), arguments.to_owned())
    }

    #[test]
    fn pieces_are_put_together_by_their_index() {
        let pieces = [
            json!({"index": 0, "id": "a", "type": "function", "function": {"name": "one", "arguments": ""}}),
            json!({"index": 1, "id": "b", "function": {"name": "two"}}),
            json!({"index": 0, "function": {"arguments": "{\"x\":"}}),
            json!({"index": 1, "function": {"arguments": "{}"}}),
            json!({"index": 0, "id": "", "function": {"arguments": "1}"}}),
        ];
        let expected = [call("a", "one", "{\"x\":1}"), call("b", "two", "{}")];
        assert_eq!(assembled(&pieces), expected);
    }

    #[test]
    fn whole_calls_without_a_proper_index_are_kept_apart() {
        let pieces = [
            json!({"index": 0, "id": "a", "function": {"name": "one", "arguments": "{}"}}),
            json!({"index": 0, "id": "b", "function": {"name": "two", "arguments": {"x": 1}}}),
            json!({"id": "c", "function": {"name": "three", "arguments": null}}),
            json!({"function": {"arguments": "{}"}}),
        ];
        let expected = [
            call("a", "one", "{}"),
            call("b", "two", "{\"x\":1}"),
            call("c", "three", "{}"),
        ];
        assert_eq!(assembled(&pieces), expected);
    }

    #[test]
    fn there_is_an_end_to_them() {
        let mut calls = Calls::default();
        let mut many = (0..200).map(|id| json!({"index": id, "id": id.to_string()}));
        assert!(many.any(|piece| !take(&mut calls, &piece)));
        let mut calls = Calls::default();
        let long = json!({"index": 0, "function": {"arguments": "x".repeat(1_000_000)}});
        assert!(take(&mut calls, &long));
        assert!(!take(&mut calls, &long));
    }

    /// Pieces of the arguments `{"a":1}`, each in a piece that `with` makes.
    fn in_pieces(with: impl Fn(usize, Value) -> Value) -> Vec<(String, String, String)> {
        let arguments = ["", "{\"a\"", ":", "1}", ""];
        let pieces = arguments.iter().enumerate();
        let pieces = pieces.map(|(place, arguments)| with(place, json!(arguments)));
        assembled(&pieces.collect::<Vec<_>>())
    }

    #[test]
    fn a_name_that_is_repeated_whole_is_said_once() {
        let expected = [call("a", "calculator", "{\"a\":1}")];
        let repeated = in_pieces(|_, arguments| {
            let function = json!({"name": "calculator", "arguments": arguments});
            json!({"index": 0, "id": "a", "function": function})
        });
        assert_eq!(repeated, expected);
        let without_index = in_pieces(|_, arguments| {
            let function = json!({"name": "calculator", "arguments": arguments});
            json!({"id": "a", "function": function})
        });
        assert_eq!(without_index, expected);
    }

    #[test]
    fn a_name_comes_in_halves_or_grows() {
        for names in [
            &["calc", "ulator", "", "", ""][..],
            &["calc", "", "ulator", "", ""],
            &["calc", "calculator", "calculator", "", ""],
            &["c", "al", "culator", "calculator", ""],
        ] {
            let assembled = in_pieces(|place, arguments| {
                let function = json!({"name": names[place], "arguments": arguments});
                json!({"index": 0, "id": "a", "function": function})
            });
            assert_eq!(
                assembled,
                [call("a", "calculator", "{\"a\":1}")],
                "{names:?}"
            );
        }
        let pieces =
            ["get", "_weather"].map(|name| json!({"index": 0, "function": {"name": name}}));
        assert_eq!(assembled(&pieces), [call("", "get_weather", "")]);
        let pieces = ["unk", "nown"].map(|name| json!({"index": 0, "function": {"name": name}}));
        assert_eq!(assembled(&pieces), [call("", "unknown", "")]);
    }

    #[test]
    fn ids_are_late_missing_numbers_or_new_in_every_piece() {
        type Ids = fn(usize) -> Value;
        let ids: [(Ids, &str); 5] = [
            (
                |place| {
                    if place == 2 {
                        json!("late")
                    } else {
                        Value::Null
                    }
                },
                "late",
            ),
            (|_| Value::Null, ""),
            (|_| json!(7), "7"),
            (|place| json!(format!("id-{place}")), "id-0"),
            (
                |place| json!(if place == 0 { "first" } else { "" }),
                "first",
            ),
        ];
        for (id, expected) in ids {
            for name in ["calculator", ""] {
                for index in [json!(0), json!("0"), json!(0.0), Value::Null] {
                    let assembled = in_pieces(|place, arguments| {
                        let name = if place == 0 { "calculator" } else { name };
                        let function = json!({"name": name, "arguments": arguments});
                        json!({"index": index, "id": id(place), "function": function})
                    });
                    let whole = [call(expected, "calculator", "{\"a\":1}")];
                    assert_eq!(assembled, whole, "{index} {name:?}");
                }
            }
        }
    }

    #[test]
    fn several_calls_of_one_tool_stay_several() {
        let whole = |index: Value, id: Value, argument: u32| {
            let arguments = format!("{{\"a\":{argument}}}");
            json!({"index": index, "id": id, "function": {"name": "one", "arguments": arguments}})
        };
        for pieces in [
            [
                whole(json!(0), json!("x"), 1),
                whole(json!(0), json!("y"), 2),
            ],
            [
                whole(json!(0), json!("x"), 1),
                whole(json!(1), json!("x"), 2),
            ],
            [
                whole(json!(0), Value::Null, 1),
                whole(json!(1), Value::Null, 2),
            ],
            [
                whole(Value::Null, json!("x"), 1),
                whole(Value::Null, json!("y"), 2),
            ],
            [
                whole(Value::Null, Value::Null, 1),
                whole(Value::Null, Value::Null, 2),
            ],
            [
                whole(Value::Null, json!("x"), 1),
                whole(Value::Null, json!("x"), 2),
            ],
        ] {
            let arguments = assembled(&pieces).into_iter().map(|call| call.2);
            let arguments: Vec<_> = arguments.collect();
            assert_eq!(arguments, ["{\"a\":1}", "{\"a\":2}"], "{pieces:?}");
        }
    }

    #[test]
    fn calls_come_interleaved() {
        let pieces = [
            json!({"index": 0, "id": "a", "function": {"name": "one"}}),
            json!({"index": 1, "id": "b", "function": {"name": "two"}}),
            json!({"index": 1, "function": {"name": "two", "arguments": "{\"y\""}}),
            json!({"index": 0, "function": {"name": "one", "arguments": "{\"x\""}}),
            json!({"index": 1, "function": {"arguments": ":2}"}}),
            json!({"index": 0, "function": {"arguments": ":1}"}}),
        ];
        let expected = [call("a", "one", "{\"x\":1}"), call("b", "two", "{\"y\":2}")];
        assert_eq!(assembled(&pieces), expected);
    }

    #[test]
    fn names_stand_beside_the_arguments_or_in_a_function() {
        let pieces = [json!({"name": "one", "arguments": {"x": 1}})];
        assert_eq!(assembled(&pieces), [call("", "one", "{\"x\":1}")]);
        let mut calls = Calls::default();
        for function in [
            json!({"name": "one", "arguments": ""}),
            json!({"arguments": "{\"x\""}),
            json!({"arguments": ":1}"}),
        ] {
            let delta = json!({"function_call": function});
            for piece in call_pieces(delta.as_object().unwrap()) {
                calls.take(piece, false).unwrap();
            }
        }
        let calls: Vec<_> = calls.into_calls().collect();
        assert_eq!((calls[0].name.as_str(), calls.len()), ("one", 1));
        assert_eq!(calls[0].arguments, "{\"x\":1}");
    }
}
