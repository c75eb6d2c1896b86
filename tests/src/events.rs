//! Reads event streams, strictly: what the service sends must be one `id`, one `event` and one
//! `data` line an event, comments aside.

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::Value;

use crate::client::Request;

/// A stream of events, as it comes; dropping it hangs up.
pub struct EventStream {
    body: Incoming,
    received: String,
    rest: Vec<u8>,
}

/// One event of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// `id`.
    pub number: u64,
    /// `event`.
    pub kind: String,
    /// `data`.
    pub data: Value,
}

impl Request {
    /// Sends it and reads the answer as a stream of events.
    ///
    /// # Panics
    /// When no answer comes, or another one than a stream.
    pub async fn events(self) -> EventStream {
        let response = self
            .header("accept", "text/event-stream")
            .open()
            .await
            .expect("an answer");
        assert_eq!(response.status().as_u16(), 200, "no stream");
        let kind = &response.headers()["content-type"];
        assert!(
            kind.as_bytes().starts_with(b"text/event-stream"),
            "{kind:?}"
        );
        EventStream {
            body: response.into_body(),
            received: String::new(),
            rest: Vec::new(),
        }
    }
}

impl EventStream {
    /// The next event; `None` when the stream has ended as it should.
    ///
    /// # Panics
    /// When the stream breaks off, or sends what is no event.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.received.split_once("\n\n") {
                let event = parse(block);
                self.received = rest.to_owned();
                match event {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let Some(frame) = self.body.frame().await else {
                assert_eq!(self.received, "", "the stream ends within an event");
                return None;
            };
            if let Ok(data) = frame.expect("the stream goes on").into_data() {
                self.take(&data);
            }
        }
    }

    /// All events up to the end of the stream.
    pub async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }

    /// Takes whole characters; a frame may end within one.
    fn take(&mut self, data: &[u8]) {
        self.rest.extend_from_slice(data);
        let whole = match std::str::from_utf8(&self.rest) {
            Ok(_) => self.rest.len(),
            Err(error) => error.valid_up_to(),
        };
        let bytes: Vec<u8> = self.rest.drain(..whole).collect();
        self.received.push_str(&String::from_utf8_lossy(&bytes));
    }
}

/// An event out of its lines; `None` for a comment.
fn parse(block: &str) -> Option<Event> {
    let mut fields: Vec<(&str, &str)> = block
        .split('\n')
        .filter(|line| !line.starts_with(':'))
        .map(|line| line.split_once(':').expect("a field"))
        .map(|(name, value)| (name, value.strip_prefix(' ').unwrap_or(value)))
        .collect();
    if fields.is_empty() {
        return None;
    }
    fields.sort_unstable();
    let [("data", data), ("event", kind), ("id", number)] = fields[..] else {
        panic!("not an event of ours: {block}");
    };
    Some(Event {
        number: number.parse().expect("a number"),
        kind: kind.to_owned(),
        data: serde_json::from_str(data).expect("JSON"),
    })
}
