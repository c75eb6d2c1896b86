//! The cursors of the API's lists.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use colloquy_domain::{RunId, ThreadId};
use colloquy_web::paging;
use uuid::Uuid;

/// Where a list goes on: behind which item of which list. Clients see opaque text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cursor {
    /// Behind this thread in the list of threads.
    Threads(ThreadId),
    /// Behind this position of the thread's messages.
    Messages(ThreadId, u64),
    /// Behind this run of the thread's runs.
    Runs(ThreadId, RunId),
}

const THREADS: u8 = 1;
const MESSAGES: u8 = 2;
const RUNS: u8 = 3;
/// The largest position that every store can compare with.
const MAX_POSITION: u64 = i64::MAX.unsigned_abs();

impl paging::Cursor for Cursor {
    fn encode(self) -> String {
        let mut bytes = Vec::with_capacity(33);
        match self {
            Self::Threads(thread) => {
                bytes.push(THREADS);
                bytes.extend_from_slice(thread.as_uuid().as_bytes());
            }
            Self::Messages(thread, position) => {
                bytes.push(MESSAGES);
                bytes.extend_from_slice(thread.as_uuid().as_bytes());
                bytes.extend_from_slice(&position.to_be_bytes());
            }
            Self::Runs(thread, run) => {
                bytes.push(RUNS);
                bytes.extend_from_slice(thread.as_uuid().as_bytes());
                bytes.extend_from_slice(run.as_uuid().as_bytes());
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
            (MESSAGES, 8) => {
                let position = u64::from_be_bytes(behind.try_into().ok()?);
                (position <= MAX_POSITION).then_some(Self::Messages(thread, position))
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
    use colloquy_domain::{RunId, ThreadId};
    use uuid::Uuid;

    use colloquy_web::paging::Cursor as _;

    use super::Cursor;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let thread = ThreadId::from_uuid(Uuid::from_u128(7));
        let run = RunId::from_uuid(Uuid::from_u128(u128::MAX));
        for cursor in [
            Cursor::Threads(thread),
            Cursor::Messages(thread, 12),
            Cursor::Runs(thread, run),
        ] {
            assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        }
    }

    #[test]
    fn other_texts_are_no_cursors() {
        let thread = ThreadId::from_uuid(Uuid::nil());
        let beyond_every_store = Cursor::Messages(thread, u64::MAX).encode();
        let cut = &Cursor::Threads(thread).encode()[..20];
        for text in ["", "=", "!", "AAAA", "né", cut, &beyond_every_store] {
            assert_eq!(Cursor::decode(text), None, "{text}");
        }
    }
}
