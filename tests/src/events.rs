//! A strict reader of event streams: each event has one `id`, `event` and `data` line. Comments are
//! allowed.

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::Value;

use crate::client::{Request, Unanswered};

/// An event stream; dropping it disconnects.
pub struct EventStream {
    body: Incoming,
    received: String,
    rest: Vec<u8>,
}

/// One run event.
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
    /// Sends the request and reads an event stream.
    ///
    /// # Panics
    /// If it is not an event stream.
    pub async fn events(self) -> EventStream {
        self.try_events().await.expect("an answer")
    }

    /// Like [`events`](Self::events), for a service that may be down.
    ///
    /// # Errors
    /// If no response arrives.
    ///
    /// # Panics
    /// If the response is no event stream.
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
    /// The next event; `None` at the end.
    ///
    /// # Panics
    /// If the stream breaks off or is malformed.
    pub async fn next(&mut self) -> Option<Event> {
        let event = self.try_next().await.expect("the stream continues");
        if event.is_none() {
            assert_eq!(self.received, "", "the stream ends within an event");
        }
        event
    }

    /// Like [`next`](Self::next), for a service that may be down.
    ///
    /// # Errors
    /// If the stream breaks off.
    ///
    /// # Panics
    /// If the stream is malformed.
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

    /// All remaining events.
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

/// Parses an event; `None` for a comment.
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
        panic!("malformed event: {block}");
    };
    Some(Event {
        number: number.parse().expect("a number"),
        kind: kind.to_owned(),
        data: serde_json::from_str(data).expect("JSON"),
    })
}
