//! Server-sent events with a size limit.
//!
//! `eventsource-stream` has none, re-parses the buffer with every chunk, fails on invalid UTF-8 and
//! drops a last event without an empty line.

use std::io;

use bytes::{Buf as _, Bytes, BytesMut};
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use tokio_util::codec::{Decoder, FramedRead};
use tokio_util::io::StreamReader;

const MAX_EVENT_BYTES: usize = 4 * 1024 * 1024;

const USUAL_EVENT_BYTES: usize = 1024;

/// Ignores comments, IDs and retry times.
pub(crate) struct Events {
    lines: FramedRead<StreamReader<BoxStream<'static, io::Result<Bytes>>, Bytes>, Lines>,
    has_begun: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: Option<String>,
    /// `data` lines, joined by LF.
    pub(crate) data: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum EventError {
    #[error("event exceeds {MAX_EVENT_BYTES} bytes")]
    TooLong,
    #[error("the connection failed")]
    Connection(#[source] reqwest::Error),
    #[error("reading an event failed")]
    Unreadable(#[source] io::Error),
}

impl Events {
    pub(crate) fn new(response: reqwest::Response) -> Self {
        let bytes = response.bytes_stream();
        Self::read(bytes.map(|chunk| chunk.map_err(io::Error::other)).boxed())
    }

    fn read(bytes: BoxStream<'static, io::Result<Bytes>>) -> Self {
        let bytes = StreamReader::new(bytes);
        Self {
            lines: FramedRead::with_capacity(bytes, Lines::default(), USUAL_EVENT_BYTES),
            has_begun: false,
        }
    }

    /// The next event with data; `None` at the end. Must not be called again after an error.
    ///
    /// A body that starts with a bracket is one event: some servers ignore `stream: true`.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, EventError> {
        let mut event = Event::default();
        while let Some(line) = self.lines.next().await {
            let line = line?;
            let is_first = !std::mem::replace(&mut self.has_begun, true);
            let line = line
                .strip_prefix('\u{FEFF}')
                .filter(|_| is_first)
                .unwrap_or(&line);
            if is_first && line.trim_start().starts_with(['{', '[']) {
                return self.body(line).await.map(Some);
            }
            if !line.is_empty() {
                event.take(line)?;
            } else if event.data.is_some() {
                return Ok(Some(event));
            } else {
                event = Event::default();
            }
        }
        // Some servers omit the empty line after the last event.
        Ok(event.data.is_some().then_some(event))
    }

    async fn body(&mut self, first_line: &str) -> Result<Event, EventError> {
        let mut event = Event::default();
        event.append(first_line)?;
        while let Some(line) = self.lines.next().await {
            event.append(&line?)?;
        }
        Ok(event)
    }
}

impl Event {
    fn take(&mut self, line: &str) -> Result<(), EventError> {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.name = Some(value.to_owned()),
            "data" => self.append(value)?,
            // llama.cpp.
            "error" => {
                self.name = Some("error".to_owned());
                self.append(value)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn append(&mut self, value: &str) -> Result<(), EventError> {
        let Some(data) = &mut self.data else {
            self.data = Some(value.to_owned());
            return Ok(());
        };
        if data.len() + value.len() > MAX_EVENT_BYTES {
            return Err(EventError::TooLong);
        }
        data.push('\n');
        data.push_str(value);
        Ok(())
    }
}

/// Splits at LF, CR LF and CR. Invalid UTF-8 becomes U+FFFD.
#[derive(Debug, Default)]
struct Lines {
    /// Prefix of the buffer known to have no line end.
    searched: usize,
    /// The last line ended with CR: a following LF belongs to it.
    after_cr: bool,
}

impl Decoder for Lines {
    type Item = String;
    type Error = EventError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<String>, EventError> {
        if self.after_cr && !bytes.is_empty() {
            self.after_cr = false;
            if bytes[0] == b'\n' {
                bytes.advance(1);
            }
        }
        let mut unsearched = bytes[self.searched..].iter();
        let end = unsearched.position(|byte| matches!(byte, b'\n' | b'\r'));
        let length = end.map_or(bytes.len(), |end| self.searched + end);
        if length > MAX_EVENT_BYTES {
            return Err(EventError::TooLong);
        }
        if end.is_none() {
            self.searched = length;
            return Ok(None);
        }
        self.searched = 0;
        let line = bytes.split_to(length);
        self.after_cr = bytes[0] == b'\r';
        bytes.advance(1);
        Ok(Some(String::from_utf8_lossy(&line).into_owned()))
    }

    fn decode_eof(&mut self, bytes: &mut BytesMut) -> Result<Option<String>, EventError> {
        if let Some(line) = self.decode(bytes)? {
            return Ok(Some(line));
        }
        self.searched = 0;
        let rest = bytes.split();
        Ok((!rest.is_empty()).then(|| String::from_utf8_lossy(&rest).into_owned()))
    }
}

impl From<io::Error> for EventError {
    fn from(error: io::Error) -> Self {
        match error.downcast() {
            Ok(connection) => Self::Connection(connection),
            Err(error) => Self::Unreadable(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::{StreamExt as _, stream};

    use super::{Event, Events};

    async fn read(chunks: &[&[u8]]) -> Vec<(Option<String>, String)> {
        let chunks: Vec<_> = chunks
            .iter()
            .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
            .collect();
        let mut events = Events::read(stream::iter(chunks).boxed());
        let mut read = Vec::new();
        while let Some(Event { name, data }) = events.next().await.unwrap() {
            read.push((name, data.unwrap()));
        }
        read
    }

    #[tokio::test]
    async fn line_ends_are_recognised_wherever_chunks_end() {
        for text in [
            "\u{FEFF}event: a\ndata: 1\n\n: c\ndata\ndata:é\n\ndata: 3",
            "\u{FEFF}event: a\r\ndata: 1\r\n\r\n: c\r\ndata\r\ndata:é\r\n\r\ndata: 3\r\n",
            "\u{FEFF}event: a\rdata: 1\r\r: c\rdata\rdata:é\r\rdata: 3\r",
        ] {
            let expected = vec![
                (Some("a".to_owned()), "1".to_owned()),
                (None, "\né".to_owned()),
                (None, "3".to_owned()),
            ];
            for at in 0..text.len() {
                let (head, tail) = text.as_bytes().split_at(at);
                assert_eq!(read(&[head, tail]).await, expected, "{text:?} at {at}");
            }
        }
    }

    #[tokio::test]
    async fn a_json_body_is_one_event() {
        let read = read(&[b" {\"a\":\r\n", b"\n1}\n"]).await;
        assert_eq!(read, [(None, " {\"a\":\n\n1}".to_owned())]);
    }

    #[tokio::test]
    async fn invalid_utf_8_is_replaced() {
        let read = read(&[b"data: a\xC3", b"(\n\n"]).await;
        assert_eq!(read, [(None, "a\u{FFFD}(".to_owned())]);
    }
}
