use colloquy_application::ports::ModelError;
use colloquy_domain::ToolCall;
use serde_json::Value;

use super::wire::CallPiece;
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
}

struct Call {
    index: Option<u64>,
    call: ToolCall,
}

impl Calls {
    /// Takes a piece in: of the call that it names, or of the last one. An id that no call has
    /// begins another, since some servers count all calls as the first.
    pub(super) fn take(&mut self, piece: CallPiece) -> Result<(), ModelError> {
        let id = piece.id.filter(|id| !id.is_empty());
        let place = self.place(piece.index, id.as_deref());
        let place = place.map_or_else(|| self.begin(piece.index), Ok)?;
        let function = piece.function;
        let (name, arguments) = function.map_or((None, None), |it| (it.name, it.arguments));
        let arguments = arguments.map(text).unwrap_or_default();
        let name = name.unwrap_or_default();
        self.bytes += name.len() + arguments.len() + id.as_deref().map_or(0, str::len);
        if self.bytes > MAX_BYTES {
            return Err(broken("calls of tools that are too long"));
        }
        let call = &mut self.calls[place].call;
        if let Some(id) = id {
            call.id = id;
        }
        call.name.push_str(&name);
        call.arguments.push_str(&arguments);
        Ok(())
    }

    fn place(&self, index: Option<u64>, id: Option<&str>) -> Option<usize> {
        let fits = |call: &Call| {
            let same_index = index.is_none() || call.index == index;
            let same_id = id.is_none_or(|id| call.call.id.is_empty() || call.call.id == id);
            same_index && same_id
        };
        match (index, id) {
            (None, None) => self.calls.len().checked_sub(1),
            _ => self.calls.iter().rposition(fits),
        }
    }

    fn begin(&mut self, index: Option<u64>) -> Result<usize, ModelError> {
        if self.calls.len() == MAX_CALLS {
            return Err(broken("too many calls of tools"));
        }
        self.calls.push(Call {
            index,
            call: ToolCall {
                id: String::new(),
                name: String::new(),
                arguments: String::new(),
                signature: None,
            },
        });
        Ok(self.calls.len() - 1)
    }

    pub(super) fn into_calls(self) -> impl Iterator<Item = ToolCall> {
        self.calls.into_iter().map(|Call { call, .. }| ToolCall {
            id: without_nul(call.id),
            name: without_nul(call.name),
            arguments: without_nul(call.arguments),
            signature: None,
        })
    }
}

fn text(arguments: Value) -> String {
    match arguments {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Calls;

    fn assembled(pieces: &[Value]) -> Vec<(String, String, String)> {
        let mut calls = Calls::default();
        for piece in pieces {
            calls
                .take(serde_json::from_value(piece.clone()).unwrap())
                .unwrap();
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
        let many = (0..200).map(|id| json!({"index": id, "id": id.to_string()}));
        let mut pieces = many.map(|piece| serde_json::from_value(piece).unwrap());
        assert!(pieces.any(|piece| calls.take(piece).is_err()));
        let mut calls = Calls::default();
        let long = json!({"index": 0, "function": {"arguments": "x".repeat(1_000_000)}});
        let mut pieces = (0..2).map(|_| serde_json::from_value(long.clone()).unwrap());
        assert!(pieces.any(|piece| calls.take(piece).is_err()));
    }
}
