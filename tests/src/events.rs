//! Reads event streams, strictly: what the service sends must be one `id`, one `event` and one
//! `data` line an event, comments aside.

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::Value;

use crate::client::{Request, Unanswered};

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
        self.try_events().await.expect("an answer")
    }

    /// Sends it to a service that may be gone, and reads the answer as a stream of events.
    ///
    /// # Errors
    /// The connection's, when no answer comes.
    ///
    /// # Panics
    /// When another answer than a stream comes.
    pub async fn try_events(self) -> Result<EventStream, Unanswered> {
        let response = self.header("accept", "text/event-stream").open().await?;
        assert_eq!(response.status().as_u16(), 200, "no stream");
        let kind = &response.headers()["content-type"];
        assert!(
            kind.as_bytes().starts_with(b"text/event-stream"),
            "{kind:?}"
        );
        Ok(EventStream {
            body: response.into_body(),
            received: String::new(),
            rest: Vec::new(),
        })
    }
}

impl EventStream {
    /// The next event; `None` when the stream has ended as it should.
    ///
    /// # Panics
    /// When the stream breaks off, or sends what is no event.
    pub async fn next(&mut self) -> Option<Event> {
        let event = self.try_next().await.expect("the stream goes on");
        if event.is_none() {
            assert_eq!(self.received, "", "the stream ends within an event");
        }
        event
    }

    /// The next event of a service that may be gone; `None` at the end of the stream.
    ///
    /// # Errors
    /// The connection's, when the stream breaks off.
    ///
    /// # Panics
    /// When the service sends what is no event.
    pub async fn try_next(&mut self) -> Result<Option<Event>, Unanswered> {
        loop {
            if let Some((block, rest)) = self.received.split_once("\n\n") {
                let event = parse(block);
                self.received = rest.to_owned();
                match event {
                    Some(event) => return Ok(Some(event)),
                    None => continue,
                }
            }
            let Some(frame) = self.body.frame().await.transpose()? else {
                return Ok(None);
            };
            if let Ok(data) = frame.into_data() {
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
