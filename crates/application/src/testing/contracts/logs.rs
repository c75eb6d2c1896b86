//! Starts runs and reads their logs, for other contracts.

use colloquy_domain::{ContentPart, MessageId, RunEnding, RunEvent, RunEventKind, RunId, Thread};

use super::Stores;
use crate::ports::RunEvents;
use crate::testing::samples::{Samples, moment};
use crate::testing::steps::RunStart;

pub(super) async fn log(stores: &Stores, run: RunId) -> Vec<RunEvent> {
    let mut log: Vec<RunEvent> = Vec::new();
    loop {
        let after = log.last().map_or(0, |event| event.number);
        let page = stores.events.list(run, after, 3).await.unwrap();
        if page.is_empty() {
            return log;
        }
        assert!(page[0].number > after, "the log goes backwards at {after}");
        log.extend(page);
    }
}

pub(super) fn numbers(log: &[RunEvent]) -> Vec<u64> {
    log.iter().map(|event| event.number).collect()
}

pub(super) fn deltas(message: MessageId, first: u64, texts: &[&str]) -> Vec<RunEvent> {
    let kinds = texts.iter().map(|text| RunEventKind::MessageDelta {
        message_id: message,
        part: ContentPart::Text,
        text: (*text).to_owned(),
    });
    let events = (first..).zip(kinds);
    events
        .map(|(number, kind)| RunEvent { number, kind })
        .collect()
}

pub(super) async fn append(stores: &Stores, start: &RunStart, events: Vec<RunEvent>) {
    let run_id = start.run.id;
    let events = [RunEvents { run_id, events }];
    let holder = start.lease.holder;
    stores.events.append(holder, &events).await.unwrap();
}

pub(super) async fn has_started(stores: &Stores, make: &Samples) -> (Thread, RunStart) {
    let thread = stores.has_thread(make).await;
    let start = make.start(&thread, make.instance(), make.question("Hello"));
    stores.starts(&start).await;
    (thread, start)
}

pub(super) fn cancelled() -> RunEnding {
    RunEnding::cancelled(moment(888_888))
}

/// The number after which another instance's end follows a log that ends with `last`.
pub(super) const fn behind(last: u64) -> u64 {
    last + 1_000_000_000
}
