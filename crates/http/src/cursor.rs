//! Cursors of the API's lists.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike as _};
use colloquy_application::ports::{MessagesFrom, ThreadActivity};
use colloquy_domain::{FileId, RunId, ThreadId};
use colloquy_web::paging;
use uuid::Uuid;

/// A position in a list, opaque to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cursor {
    /// After this thread, by creation.
    Threads(ThreadId),
    /// After this position in the threads by activity.
    ActiveThreads(ThreadActivity),
    /// At this position in the thread's messages.
    Messages(ThreadId, MessagesFrom),
    /// After this run in the thread's runs.
    Runs(ThreadId, RunId),
    /// After this file.
    Files(FileId),
}

const THREADS: u8 = 1;
const MESSAGES_AFTER: u8 = 2;
const RUNS: u8 = 3;
const MESSAGES_BEFORE: u8 = 4;
const ACTIVE_THREADS: u8 = 5;
const FILES: u8 = 6;
/// Years that every store can compare.
const FIRST_YEAR: i32 = 1;
const LAST_YEAR: i32 = 9999;
/// Largest position that every store can compare.
const MAX_POSITION: u64 = i64::MAX.unsigned_abs();

impl paging::Cursor for Cursor {
    fn encode(self) -> String {
        let mut bytes = Vec::with_capacity(33);
        match self {
            Self::Threads(thread) => {
                bytes.push(THREADS);
                bytes.extend_from_slice(thread.as_uuid().as_bytes());
            }
            Self::ActiveThreads(place) => {
                bytes.push(ACTIVE_THREADS);
                bytes.extend_from_slice(place.id.as_uuid().as_bytes());
                let time = place.last_message_at.timestamp_micros();
                bytes.extend_from_slice(&time.to_be_bytes());
            }
            Self::Messages(thread, from) => {
                let (list, position) = match from {
                    MessagesFrom::After(position) => (MESSAGES_AFTER, position),
                    MessagesFrom::Before(position) => (MESSAGES_BEFORE, position),
                };
                bytes.push(list);
                bytes.extend_from_slice(thread.as_uuid().as_bytes());
                bytes.extend_from_slice(&position.min(MAX_POSITION).to_be_bytes());
            }
            Self::Runs(thread, run) => {
                bytes.push(RUNS);
                bytes.extend_from_slice(thread.as_uuid().as_bytes());
                bytes.extend_from_slice(run.as_uuid().as_bytes());
            }
            Self::Files(file) => {
                bytes.push(FILES);
                bytes.extend_from_slice(file.as_uuid().as_bytes());
            }
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (&list, rest) = bytes.split_first()?;
        let (thread, behind) = rest.split_first_chunk::<16>()?;
        let thread = ThreadId::from_uuid(Uuid::from_bytes(*thread));
        match (list, behind.len()) {
            (THREADS, 0) => Some(Self::Threads(thread)),
            (FILES, 0) => Some(Self::Files(FileId::from_uuid(thread.as_uuid()))),
            (ACTIVE_THREADS, 8) => {
                let time = i64::from_be_bytes(behind.try_into().ok()?);
                let last_message_at = DateTime::from_timestamp_micros(time)?;
                let in_store = FIRST_YEAR..=LAST_YEAR;
                let place = ThreadActivity {
                    last_message_at,
                    id: thread,
                };
                in_store
                    .contains(&last_message_at.year())
                    .then_some(Self::ActiveThreads(place))
            }
            (MESSAGES_AFTER | MESSAGES_BEFORE, 8) => {
                let position = u64::from_be_bytes(behind.try_into().ok()?);
                let from = match list {
                    MESSAGES_AFTER => MessagesFrom::After(position),
                    _ => MessagesFrom::Before(position),
                };
                (position <= MAX_POSITION).then_some(Self::Messages(thread, from))
            }
            (RUNS, 16) => {
                let run = RunId::from_uuid(Uuid::from_bytes(behind.try_into().ok()?));
                Some(Self::Runs(thread, run))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use colloquy_web::paging::Cursor as _;

    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let thread = ThreadId::from_uuid(Uuid::from_u128(7));
        let run = RunId::from_uuid(Uuid::from_u128(u128::MAX));
        for cursor in [
            Cursor::Threads(thread),
            Cursor::ActiveThreads(ThreadActivity {
                last_message_at: DateTime::from_timestamp_micros(-1).unwrap(),
                id: thread,
            }),
            Cursor::Messages(thread, MessagesFrom::After(12)),
            Cursor::Messages(thread, MessagesFrom::Before(12)),
            Cursor::Runs(thread, run),
            Cursor::Files(FileId::from_uuid(Uuid::from_u128(8))),
        ] {
            assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        }
    }

    #[test]
    fn other_texts_are_no_cursors() {
        let thread = ThreadId::from_uuid(Uuid::nil());
        let beyond = |kind: u8, number: i64| {
            let (id, number) = ([0; 16], number.to_be_bytes());
            URL_SAFE_NO_PAD.encode([&[kind], &id[..], &number].concat())
        };
        let positions = [MESSAGES_AFTER, MESSAGES_BEFORE].map(|kind| beyond(kind, -1));
        let times = [i64::MIN, i64::MAX, 253_402_300_800_000_000];
        let times = times.map(|time| beyond(ACTIVE_THREADS, time));
        for text in positions.iter().chain(&times) {
            assert_eq!(Cursor::decode(text), None, "{text}");
        }
        let cut = &Cursor::Threads(thread).encode()[..20];
        for text in ["", "=", "!", "AAAA", "né", cut] {
            assert_eq!(Cursor::decode(text), None, "{text}");
        }
    }
}
