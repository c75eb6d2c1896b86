//! Scripted replies.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Gate, Request};

/// A reply: a whole response ([`answer`](Self::answer), [`status`](Self::status),
/// [`body`](Self::body)), or a stream that begins with [`events`](Self::events) or
/// [`silence`](Self::silence) and ends with the connection, cleanly unless [`reset`](Self::reset).
#[derive(Debug, Clone)]
pub struct Reply {
    before: Vec<Step>,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    /// In the format requested.
    Answer(String),
    Whole {
        status: u16,
        headers: Vec<(String, String)>,
        body: String,
    },
    Steps(Vec<Step>),
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Send(Vec<u8>),
    Repeat {
        bytes: Vec<u8>,
        /// `None`: endless.
        times: Option<usize>,
        every: Duration,
    },
    /// Pieces of text generated when sent.
    Say {
        text: Saying,
        times: usize,
        every: Duration,
    },
    Wait(Gate),
    Pause(Duration),
    Reset,
}

#[derive(Clone)]
pub(super) struct Saying(Arc<dyn Fn() -> String + Send + Sync>);

impl Saying {
    pub(super) fn event(&self) -> Vec<u8> {
        event_of(&(self.0)())
    }
}

impl fmt::Debug for Saying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Saying(..)")
    }
}

/// Whole responses.
impl Reply {
    /// A complete answer, streamed or not as requested.
    #[must_use]
    pub fn answer(text: &str) -> Self {
        Self::of(Content::Answer(text.to_owned()))
    }

    /// An error in OpenAI's format.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let error = json!({"error": {"message": "scripted failure", "type": "scripted"}});
        Self::body(status, "application/json", &error.to_string())
    }

    /// Any response.
    #[must_use]
    pub fn body(status: u16, content_type: &str, body: &str) -> Self {
        Self::of(Content::Whole {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.to_owned(),
        })
    }

    /// Adds a header to a [`status`](Self::status) or [`body`](Self::body).
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let Content::Whole { headers, .. } = &mut self.content else {
            panic!("only a status or body takes headers");
        };
        headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Streams.
impl Reply {
    /// A complete streamed answer in these pieces.
    #[must_use]
    pub fn stream(pieces: &[&str]) -> Self {
        let whole = pieces
            .iter()
            .fold(Self::events(), |reply, piece| reply.text(piece));
        whole.finish("stop").usage(7, pieces.len()).done()
    }

    /// The head of an event stream.
    #[must_use]
    pub fn events() -> Self {
        Self::silence().bytes(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n",
        )
    }

    /// No status line: with [`wait`](Self::wait) a server that never answers, with
    /// [`reset`](Self::reset) one that hangs up.
    #[must_use]
    pub fn silence() -> Self {
        Self::of(Content::Steps(Vec::new()))
    }

    /// A text delta.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.data(&chunk(&json!({"content": text}), None))
    }

    /// A complete streamed answer with tool calls: ID, name and arguments.
    #[must_use]
    pub fn calls(calls: &[(&str, &str, &str)]) -> Self {
        let calls = (0..).zip(calls);
        let reply = calls.fold(Self::events(), |reply, (index, call)| {
            reply.call(index, *call)
        });
        reply.finish("tool_calls").usage(7, 1).done()
    }

    /// A tool call in two deltas: name, then arguments.
    #[must_use]
    pub fn call(self, index: usize, (id, name, arguments): (&str, &str, &str)) -> Self {
        let function = json!({"name": name, "arguments": ""});
        let begun = json!({"index": index, "id": id, "type": "function", "function": function});
        let rest = json!({"index": index, "function": {"arguments": arguments}});
        self.data(&chunk(&json!({"tool_calls": [begun]}), None))
            .data(&chunk(&json!({"tool_calls": [rest]}), None))
    }

    /// The finish reason, such as `stop`, `length` or `content_filter`.
    #[must_use]
    pub fn finish(self, reason: &str) -> Self {
        self.data(&chunk(&json!({}), Some(reason)))
    }

    /// Token usage, in an event without choices.
    #[must_use]
    pub fn usage(self, input: usize, output: usize) -> Self {
        let usage = json!({
            "prompt_tokens": input,
            "completion_tokens": output,
            "total_tokens": input + output,
        });
        self.data(&json!({"object": "chat.completion.chunk", "choices": [], "usage": usage}))
    }

    /// The end marker.
    #[must_use]
    pub fn done(self) -> Self {
        self.bytes("data: [DONE]\n\n")
    }

    /// An event with this data.
    #[must_use]
    pub fn data(self, data: &Value) -> Self {
        self.bytes(format!("data: {data}\n\n"))
    }

    /// A named event.
    #[must_use]
    pub fn event(self, name: &str, data: &Value) -> Self {
        self.bytes(format!("event: {name}\ndata: {data}\n\n"))
    }

    /// Raw bytes.
    #[must_use]
    pub fn bytes(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.step(Step::Send(bytes.into()))
    }

    /// Raw bytes, repeated.
    #[must_use]
    pub fn repeated(self, bytes: impl Into<Vec<u8>>, times: usize) -> Self {
        self.step(Step::Repeat {
            bytes: bytes.into(),
            times: Some(times),
            every: Duration::ZERO,
        })
    }

    /// Repeats the text endlessly at this interval.
    #[must_use]
    pub fn endless(self, text: &str, every: Duration) -> Self {
        self.step(Step::Repeat {
            bytes: event_of(text),
            times: None,
            every,
        })
    }

    /// Sends generated text at this interval.
    #[must_use]
    pub fn saying(
        self,
        text: impl Fn() -> String + Send + Sync + 'static,
        times: usize,
        every: Duration,
    ) -> Self {
        let text = Saying(Arc::new(text));
        self.step(Step::Say { text, times, every })
    }

    /// Waits for the gate.
    #[must_use]
    pub fn wait(self, gate: &Gate) -> Self {
        self.step(Step::Wait(gate.clone()))
    }

    /// Waits forever with the connection open.
    #[must_use]
    pub fn hang(self) -> Self {
        self.wait(&Gate::new())
    }

    /// Resets the connection, like a crashed peer.
    #[must_use]
    pub fn reset(self) -> Self {
        self.step(Step::Reset)
    }
}

/// Before the first byte.
impl Reply {
    /// Starts when the gate opens.
    #[must_use]
    pub fn held(mut self, gate: &Gate) -> Self {
        self.before.push(Step::Wait(gate.clone()));
        self
    }

    /// Starts after a delay.
    #[must_use]
    pub fn delayed(mut self, delay: Duration) -> Self {
        self.before.push(Step::Pause(delay));
        self
    }
}

impl Reply {
    const fn of(content: Content) -> Self {
        Self {
            before: Vec::new(),
            content,
        }
    }

    fn step(mut self, step: Step) -> Self {
        let Content::Steps(steps) = &mut self.content else {
            panic!("a whole response has no further steps");
        };
        steps.push(step);
        self
    }

    /// The steps, and whether the connection is kept alive.
    pub(super) fn into_steps(self, request: &Request) -> (Vec<Step>, bool) {
        let (rest, reusable) = match self.content {
            Content::Steps(steps) => (steps, false),
            Content::Whole {
                status,
                headers,
                body,
            } => (vec![whole(status, &headers, &body)], true),
            Content::Answer(text) => (vec![answer(&text, request)], true),
        };
        let mut steps = self.before;
        steps.extend(rest);
        (steps, reusable)
    }
}

fn event_of(text: &str) -> Vec<u8> {
    let data = chunk(&json!({"content": text}), None);
    format!("data: {data}\n\n").into_bytes()
}

fn chunk(delta: &Value, finish_reason: Option<&str>) -> Value {
    json!({
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "scripted",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
    })
}

fn whole(status: u16, headers: &[(String, String)], body: &str) -> Step {
    let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    Step::Send(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes())
}

fn answer(text: &str, request: &Request) -> Step {
    let usage = json!({"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8});
    let (content_type, body) = if request.body["stream"] == true {
        let events = [
            chunk(&json!({"role": "assistant", "content": text}), None),
            chunk(&json!({}), Some("stop")),
            json!({"object": "chat.completion.chunk", "choices": [], "usage": usage}),
        ];
        let events = events.map(|event| format!("data: {event}\n\n")).concat();
        ("text/event-stream", format!("{events}data: [DONE]\n\n"))
    } else {
        let message = json!({"role": "assistant", "content": text});
        let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
        let completion = json!({"object": "chat.completion", "choices": [choice], "usage": usage});
        ("application/json", completion.to_string())
    };
    let headers = [("content-type".to_owned(), content_type.to_owned())];
    whole(200, &headers, &body)
}
