//! Event logs of many runs under concurrent writes.

use std::sync::Arc;

use colloquy_application::Stores;
use colloquy_application::ports::{AbandonedRuns, Constraint, InstanceId, PortError, RunEvents};
use colloquy_application::testing::samples::{Samples, moment, second};
use colloquy_application::testing::steps::{RunEnd, RunStart, RunSteps as _};
use colloquy_domain::{ContentPart, MessageId, RunEnding, RunEvent, RunEventKind, UserId};
use tokio::task::JoinSet;

use crate::test_databases::{TestDatabase, execute};
use crate::{on_both_databases, stores};

on_both_databases! {
    logs_are_whole_whoever_writes_and_ends_runs_at_once,
    a_thousand_logs_are_appended_to_at_once,
    a_log_that_does_not_fit_is_told_by_table_column_and_row,
}

const RUNS: usize = 40;
const ROUNDS: u64 = 12;

/// One instance appends to and renews all its runs, in every order, while some finish, some are
/// cancelled and finally all are abandoned.
async fn logs_are_whole_whoever_writes_and_ends_runs_at_once(test_database: &TestDatabase) {
    let stores = stores(&test_database.migrated().await);
    let make = Samples::new();
    let holder = make.instance();
    let held = Arc::new(has_runs(&stores, &make, holder, RUNS).await);
    let mut writing = JoinSet::new();
    writing.spawn(append_all(stores.clone(), held.clone()));
    writing.spawn(renew_all(stores.clone(), held.clone()));
    for (index, (start, answer)) in held.iter().enumerate() {
        let (stores, start, answer) = (stores.clone(), start.clone(), *answer);
        writing.spawn(async move {
            match index % 4 {
                0 => expect_or_conflict(stores.runs.finish(&end(&start, answer)).await),
                1 => drop(stores.force_end(start.run.id, &stopped()).await.unwrap()),
                _ => {}
            }
        });
    }
    for _ in 0..2 {
        let stores = stores.clone();
        writing.spawn(async move {
            let all = AbandonedRuns::HeldBy(holder);
            stores.interrupt(all, &stopped()).await.unwrap();
        });
    }
    writing.join_all().await;
    for (start, _) in held.iter() {
        assert_is_whole(&stores, start).await;
    }
}

async fn append_all(stores: Stores, held: Arc<Vec<(RunStart, MessageId)>>) {
    for round in 0..ROUNDS {
        let mut events: Vec<_> = held.iter().map(|run| delta(run, 2 + round)).collect();
        if round % 2 == 0 {
            events.reverse();
        }
        let holder = held[0].0.lease.holder;
        stores.events.append(holder, &events).await.unwrap();
    }
}

async fn renew_all(stores: Stores, held: Arc<Vec<(RunStart, MessageId)>>) {
    let mut ids: Vec<_> = held.iter().map(|(start, _)| start.run.id).collect();
    for round in 0..ROUNDS {
        ids.reverse();
        let holder = held[0].0.lease.holder;
        let until = second(30 + i64::try_from(round).unwrap());
        stores.runs.renew(holder, &ids, until).await.unwrap();
    }
}

fn expect_or_conflict<T>(answer: Result<T, PortError>) {
    match answer {
        Ok(_) | Err(PortError::Conflict(Constraint::RunLease)) => {}
        Err(error) => panic!("{error:?}"),
    }
}

/// Numbered without gaps except before a forced end, with one end, which is last.
async fn assert_is_whole(stores: &Stores, start: &RunStart) {
    let list = |after| stores.events.list(start.run.id, after, 1_000);
    let mut log = list(0).await.unwrap();
    let numbers: Vec<_> = log.iter().map(|event| event.number).collect();
    assert_eq!(numbers, (1..=log.len() as u64).collect::<Vec<_>>());
    log.extend(list(log.len() as u64).await.unwrap());
    let ends = log.iter().filter(|event| event.kind.is_last()).count();
    assert_eq!(ends, 1);
    assert!(log.last().unwrap().kind.is_last());
}

async fn a_thousand_logs_are_appended_to_at_once(test_database: &TestDatabase) {
    const MANY: usize = 1_000;
    let stores = stores(&test_database.migrated().await);
    let make = Samples::new();
    let held = has_runs(&stores, &make, make.instance(), MANY).await;
    let events: Vec<_> = held.iter().map(|run| delta(run, 2)).collect();
    let holder = held[0].0.lease.holder;
    stores.events.append(holder, &events).await.unwrap();
    for (run, added) in held.iter().zip(&events) {
        let log = stores.events.list(run.0.run.id, 1, 10).await.unwrap();
        assert_eq!(log, added.events);
    }
}

async fn a_log_that_does_not_fit_is_told_by_table_column_and_row(test_database: &TestDatabase) {
    let stores = stores(&test_database.migrated().await);
    let make = Samples::new();
    let held = has_runs(&stores, &make, make.instance(), 1).await;
    let (start, _) = &held[0];
    let holder = start.lease.holder;
    stores
        .events
        .append(holder, &[delta(&held[0], 2)])
        .await
        .unwrap();
    let keep = "CREATE TABLE kept AS SELECT * FROM run_events";
    execute(&test_database.url, keep).await;
    for (column, value) in [
        ("kind", "'sung'"),
        ("texts", "NULL"),
        ("texts", "'[1]'"),
        ("texts", "'[]'"),
        ("message_id", "NULL"),
        ("first_number", "-1"),
    ] {
        let change =
            |value| format!("UPDATE run_events SET {column} = {value} WHERE last_number = 2");
        execute(&test_database.url, &change(value)).await;
        let found = stores.events.list(start.run.id, 1, 10).await;
        let Err(PortError::Corrupt {
            table,
            column: told,
            row,
            ..
        }) = found
        else {
            panic!("expected Corrupt, got {found:?}");
        };
        assert_eq!((table, told), ("run_events", column));
        assert_eq!(row, start.run.id.to_string());
        let mend = format!("(SELECT {column} FROM kept WHERE last_number = 2)");
        execute(&test_database.url, &change(&mend)).await;
        stores.events.list(start.run.id, 1, 10).await.unwrap();
    }
}

/// Runs in progress in separate threads, each with the ID of its future answer.
async fn has_runs(
    stores: &Stores,
    make: &Samples,
    holder: InstanceId,
    count: usize,
) -> Vec<(RunStart, MessageId)> {
    let owner = make.user("ada@example.org");
    stores.users.add(&owner, None).await.unwrap();
    let mut held = Vec::new();
    for _ in 0..count {
        held.push((
            has_run(stores, make, holder, owner.id).await,
            make.message_id(),
        ));
    }
    held
}

async fn has_run(stores: &Stores, make: &Samples, holder: InstanceId, owner: UserId) -> RunStart {
    let thread = make.thread(owner);
    stores.threads.add(&thread).await.unwrap();
    let start = make.start(&thread, holder, make.question("Well?"));
    stores.runs.start(&start).await.unwrap();
    start
}

fn delta((start, answer): &(RunStart, MessageId), number: u64) -> RunEvents {
    let kind = RunEventKind::MessageDelta {
        message_id: *answer,
        part: ContentPart::Text,
        text: "Well. ".to_owned(),
    };
    RunEvents {
        run_id: start.run.id,
        events: vec![RunEvent { number, kind }],
    }
}

fn end(start: &RunStart, answer: MessageId) -> RunEnd {
    let make = Samples::new();
    let mut message = make.answer("Well.");
    message.id = answer;
    // All that the holder knows; not what of it is stored.
    let known = (start.clone(), answer);
    let events = (2..2 + ROUNDS).flat_map(|number| delta(&known, number).events);
    RunEnd {
        log_end: None,
        events: events.collect(),
        ..make.end(start, vec![message])
    }
}

fn stopped() -> RunEnding {
    RunEnding::cancelled(moment(888_888))
}
