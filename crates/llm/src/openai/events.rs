//! Server-sent events, with a limit.

use std::io;

use bytes::Bytes;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};
use tokio_util::io::StreamReader;

/// The most that one event may take, in bytes: far above any piece of text, and what a hostile
/// provider can make us hold.
const MAX_EVENT_BYTES: usize = 4 * 1024 * 1024;

/// What most events fit in. There is such a buffer for every run, however little comes at a time.
const USUAL_EVENT_BYTES: usize = 1024;

/// Reads events whose lines end with LF or CR LF; comments, ids and retry times are passed over.
pub(super) struct Events {
    lines: FramedRead<StreamReader<BoxStream<'static, io::Result<Bytes>>, Bytes>, LinesCodec>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// `None` where the provider gives no name.
    pub(super) name: Option<String>,
    /// Its data lines, joined by LF.
    pub(super) data: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum EventError {
    #[error("an event of more than {MAX_EVENT_BYTES} bytes")]
    TooLong,
    #[error("the connection failed")]
    Connection(#[source] reqwest::Error),
    #[error("an event cannot be read")]
    Unreadable(#[source] io::Error),
}

impl Events {
    pub(super) fn new(response: reqwest::Response) -> Self {
        let bytes = response.bytes_stream();
        let bytes = bytes.map(|chunk| chunk.map_err(io::Error::other)).boxed();
        let codec = LinesCodec::new_with_max_length(MAX_EVENT_BYTES);
        Self {
            lines: FramedRead::with_capacity(StreamReader::new(bytes), codec, USUAL_EVENT_BYTES),
        }
    }

    /// The next event that has data; `None` at the end of the stream. Not to be asked again after
    /// an error.
    pub(super) async fn next(&mut self) -> Result<Option<Event>, EventError> {
        let mut event = Event::default();
        while let Some(line) = self.lines.next().await {
            let line = line?;
            if !line.is_empty() {
                event.take(&line)?;
            } else if event.data.is_some() {
                return Ok(Some(event));
            } else {
                event = Event::default();
            }
        }
        // Some servers leave out the empty line after the last event.
        Ok(event.data.is_some().then_some(event))
    }
}

impl Event {
    fn take(&mut self, line: &str) -> Result<(), EventError> {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.name = Some(value.to_owned()),
            "data" => self.append(value)?,
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

impl From<LinesCodecError> for EventError {
    fn from(error: LinesCodecError) -> Self {
        match error {
            LinesCodecError::MaxLineLengthExceeded => Self::TooLong,
            LinesCodecError::Io(error) => match error.downcast() {
                Ok(connection) => Self::Connection(connection),
                Err(error) => Self::Unreadable(error),
            },
        }
    }
}
