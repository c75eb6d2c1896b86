//! The event log of a local run.

use std::sync::{Mutex, MutexGuard, PoisonError};

use colloquy_domain::{ContentPart, MessageId, RunEvent, RunEventKind, RunState};
use tokio::sync::watch;

/// The event log of a local run. Subscribers read at their own pace; unread events take no extra
/// memory.
#[derive(Debug)]
pub(super) struct RunLog {
    state: Mutex<State>,
    /// Notified of every change.
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    /// The state at number `begin`; earlier events are only in the store.
    base: RunState,
    begin: u64,
    entries: Vec<Entry>,
    last: u64,
    /// The last stored number.
    stored: u64,
    /// The last number sent to the store, acknowledged or not.
    sent: u64,
    is_closed: bool,
}

#[derive(Debug)]
enum Entry {
    Event(RunEvent),
    Deltas(Deltas),
}

/// Consecutive deltas of one part in one text, at four extra bytes each.
#[derive(Debug)]
struct Deltas {
    message_id: MessageId,
    part: ContentPart,
    /// The first one's number.
    first: u64,
    text: String,
    /// End offsets in the text.
    ends: Vec<u32>,
}

impl RunLog {
    /// An empty log.
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::default(),
            changed: watch::Sender::default(),
        }
    }

    /// A log with its first event, already stored.
    pub(super) fn started(kind: RunEventKind) -> Self {
        let log = Self::new();
        log.push(kind);
        log.mark_stored(1);
        log
    }

    /// A log that continues after number `last`, up to which it is stored.
    pub(super) fn resumed(base: RunState, last: u64) -> Self {
        let log = Self::new();
        *log.state() = State {
            base,
            begin: last,
            last,
            stored: last,
            sent: last,
            ..State::default()
        };
        log
    }

    /// The number after which events are in memory.
    pub(super) fn begin(&self) -> u64 {
        self.state().begin
    }

    pub(super) fn push(&self, kind: RunEventKind) {
        let mut state = self.state();
        state.last += 1;
        let number = state.last;
        match kind {
            RunEventKind::MessageDelta {
                message_id,
                part,
                text,
            } => state.push_delta(number, message_id, part, &text),
            kind => state.entries.push(Entry::Event(RunEvent { number, kind })),
        }
        drop(state);
        self.changed.send_replace(());
    }

    /// Events after number `after`, up to about `max_bytes` of text; empty if there are none yet.
    pub(super) fn after(&self, after: u64, max_bytes: usize) -> Vec<RunEvent> {
        let state = self.state();
        let begin = state.entries.partition_point(|entry| entry.last() <= after);
        let mut events = Vec::new();
        let mut room = max_bytes;
        for entry in &state.entries[begin..] {
            room = entry.collect(after, room, &mut events);
            if room == 0 {
                break;
            }
        }
        events
    }

    /// The next events to store, about `max_bytes` of text.
    pub(super) fn next_unstored(&self, max_bytes: usize) -> Vec<RunEvent> {
        let stored = self.state().stored;
        self.after(stored, max_bytes)
    }

    /// All unstored events.
    pub(super) fn unstored(&self) -> Vec<RunEvent> {
        let stored = self.state().stored;
        self.after(stored, usize::MAX)
    }

    /// Records that events up to that number are being sent to the store.
    pub(super) fn mark_sent(&self, number: u64) {
        let mut state = self.state();
        state.sent = state.sent.max(number);
    }

    /// The last stored number; `None` while a write is unacknowledged.
    pub(super) fn stored_end(&self) -> Option<u64> {
        let state = self.state();
        (state.sent <= state.stored).then_some(state.stored)
    }

    /// Records that events up to that number are stored.
    pub(super) fn mark_stored(&self, number: u64) {
        let mut state = self.state();
        state.stored = state.stored.max(number);
    }

    pub(super) fn last(&self) -> u64 {
        self.state().last
    }

    /// The current state.
    pub(super) fn fold(&self) -> RunState {
        let state = self.state();
        let mut folded = state.base.clone();
        for entry in &state.entries {
            match entry {
                Entry::Event(event) => folded.apply(&event.kind),
                Entry::Deltas(it) => folded.say(it.message_id, it.part, &it.text),
            }
        }
        folded
    }

    /// Closes the log: the store has all of it.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.changed.send_replace(());
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().is_closed
    }

    /// Waits until the log is closed.
    pub(super) async fn closed(&self) {
        let mut news = self.subscribe();
        while !self.is_closed() && news.changed().await.is_ok() {}
    }

    /// Notifies of changes from now on.
    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push_delta(&mut self, number: u64, message_id: MessageId, part: ContentPart, text: &str) {
        if let Some(Entry::Deltas(deltas)) = self.entries.last_mut()
            && (deltas.message_id, deltas.part) == (message_id, part)
        {
            deltas.push(text);
            return;
        }
        let mut deltas = Deltas {
            message_id,
            part,
            first: number,
            text: String::new(),
            ends: Vec::new(),
        };
        deltas.push(text);
        self.entries.push(Entry::Deltas(deltas));
    }
}

impl Entry {
    fn last(&self) -> u64 {
        match self {
            Self::Event(event) => event.number,
            Self::Deltas(deltas) => deltas.first + deltas.ends.len() as u64 - 1,
        }
    }

    /// Collects events after `after` within the room; returns the room left.
    fn collect(&self, after: u64, room: usize, events: &mut Vec<RunEvent>) -> usize {
        match self {
            Self::Event(event) => {
                events.push(event.clone());
                room.saturating_sub(event.kind.text_bytes())
            }
            Self::Deltas(deltas) => deltas.collect(after, room, events),
        }
    }
}

impl Deltas {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        // An answer's byte limit is far below 4 GB.
        self.ends
            .push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    fn collect(&self, after: u64, mut room: usize, events: &mut Vec<RunEvent>) -> usize {
        let skip = usize::try_from(after.saturating_add(1).saturating_sub(self.first))
            .unwrap_or(usize::MAX);
        for index in skip..self.ends.len() {
            if room == 0 {
                break;
            }
            let begin = if index == 0 {
                0
            } else {
                self.ends[index - 1] as usize
            };
            let text = &self.text[begin..self.ends[index] as usize];
            room = room.saturating_sub(text.len().max(1));
            events.push(RunEvent {
                number: self.first + index as u64,
                kind: RunEventKind::MessageDelta {
                    message_id: self.message_id,
                    part: self.part,
                    text: text.to_owned(),
                },
            });
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use colloquy_domain::{ContentPart, MessageId, RunEventKind, RunState};
    use uuid::Uuid;

    use super::RunLog;

    fn delta(message: u128, text: &str) -> RunEventKind {
        RunEventKind::MessageDelta {
            message_id: MessageId::from_uuid(Uuid::from_u128(message)),
            part: ContentPart::Text,
            text: text.to_owned(),
        }
    }

    fn log() -> RunLog {
        let log = RunLog::started(delta(1, "a"));
        for kind in [
            delta(1, "bc"),
            delta(1, "ü"),
            delta(2, "d"),
            delta(2, ""),
            delta(1, "e"),
        ] {
            log.push(kind);
        }
        log
    }

    #[test]
    fn every_event_comes_once_and_in_order_from_wherever_a_reader_begins() {
        let log = log();
        let all = log.after(0, usize::MAX);
        let numbers: Vec<_> = all.iter().map(|event| event.number).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
        for after in 0..=6 {
            assert_eq!(
                log.after(after, usize::MAX),
                all[usize::try_from(after).unwrap()..]
            );
        }
        let mut read = Vec::new();
        while read.len() < all.len() {
            let more = log.after(read.len() as u64, 1);
            assert!(!more.is_empty());
            read.extend(more);
        }
        assert_eq!(read, all);
    }

    #[test]
    fn the_texts_of_a_message_are_its_content() {
        let log = log();
        let id = |number| MessageId::from_uuid(Uuid::from_u128(number));
        let folded = log.fold();
        let texts = folded
            .utterances()
            .map(|it| (it.message_id, it.text.as_str()));
        let texts: Vec<_> = texts.collect();
        assert_eq!(texts, [(id(1), "abcüe"), (id(2), "d")]);
        assert_eq!(log.last(), 6);
    }

    #[test]
    fn a_log_that_goes_on_is_the_whole_one_to_a_fold() {
        let whole = log();
        for begin in 1..=whole.last() {
            let events = whole.after(0, usize::MAX);
            let (before, behind) = events.split_at(usize::try_from(begin).unwrap());
            let base = RunState::of(before.iter().map(|event| &event.kind));
            let resumed = RunLog::resumed(base, begin);
            assert_eq!(
                (resumed.begin(), resumed.stored_end()),
                (begin, Some(begin))
            );
            for event in behind {
                resumed.push(event.kind.clone());
            }
            assert_eq!(resumed.fold(), whole.fold());
            assert_eq!(resumed.unstored(), behind);
        }
    }

    #[test]
    fn what_is_stored_is_not_stored_again() {
        let log = log();
        assert_eq!(log.unstored().len(), 5);
        log.mark_stored(4);
        log.mark_stored(2);
        let numbers: Vec<_> = log.unstored().iter().map(|event| event.number).collect();
        assert_eq!(numbers, [5, 6]);
    }

    #[test]
    fn where_the_stored_log_ends_is_known_while_the_store_has_answered_all() {
        let log = log();
        assert_eq!(log.stored_end(), Some(1));
        log.mark_sent(4);
        assert_eq!(log.stored_end(), None);
        log.mark_stored(4);
        assert_eq!(log.stored_end(), Some(4));
    }
}
