//! A parser of server-sent events, written from their specification.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::Response;
use http_body_util::BodyExt as _;
use serde_json::Value;

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) data: Value,
}

/// An element of a stream.
#[derive(Debug, PartialEq)]
pub(crate) enum Block {
    Event(Event),
    Comment(String),
}

/// A stream being read.
pub(crate) struct Events {
    pub(crate) headers: HeaderMap,
    body: Body,
    /// Received but unparsed bytes.
    arrived: Vec<u8>,
}

impl Events {
    pub(crate) fn new(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let (parts, body) = response.into_parts();
        Self {
            headers: parts.headers,
            body,
            arrived: Vec::new(),
        }
    }

    /// The next event or comment; `None` at the end.
    pub(crate) async fn block(&mut self) -> Option<Block> {
        loop {
            let end = self.arrived.windows(2).position(|pair| pair == b"\n\n");
            if let Some(end) = end {
                let block: Vec<u8> = self.arrived.drain(..end + 2).collect();
                return Some(read(&String::from_utf8(block).unwrap()));
            }
            let Some(frame) = self.body.frame().await else {
                assert!(self.arrived.is_empty(), "cut within an event");
                return None;
            };
            let data = frame.unwrap().into_data().unwrap();
            self.arrived.extend_from_slice(&data);
        }
    }

    /// The next event.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Block::Event(event) = self.block().await? {
                return Some(event);
            }
        }
    }

    /// The next `count` events.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        for _ in 0..count {
            events.push(self.next().await.unwrap());
        }
        events
    }

    /// All events to the end.
    pub(crate) async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

/// Parses the lines up to a blank one. Lines end in CR, LF or CRLF.
fn read(block: &str) -> Block {
    let (mut id, mut name, mut data, mut comment) = (None, None, Vec::new(), None);
    for line in block.replace("\r\n", "\n").split(['\r', '\n']) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
        match field {
            "id" => assert_eq!(id.replace(value), None, "{block}"),
            "event" => assert_eq!(name.replace(value), None, "{block}"),
            "data" => data.push(value),
            "" if line.starts_with(':') => assert_eq!(comment.replace(value), None, "{block}"),
            "" => {}
            _ => panic!("unknown field in {block}"),
        }
    }
    if let Some(comment) = comment {
        assert_eq!((id, name, data), (None, None, Vec::new()));
        return Block::Comment(comment);
    }
    assert_eq!(data.len(), 1, "one line of data: {block}");
    Block::Event(Event {
        id: id.unwrap(),
        name: name.unwrap(),
        data: serde_json::from_str(&data[0]).unwrap(),
    })
}

/// Event names.
pub(crate) fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

/// The concatenated deltas.
pub(crate) fn said(events: &[Event]) -> String {
    let deltas = events.iter().filter(|event| event.name == "message.delta");
    deltas
        .map(|event| event.data["text"].as_str().unwrap())
        .collect()
}
