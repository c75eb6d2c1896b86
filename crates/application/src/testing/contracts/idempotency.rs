//! Contract of idempotency keys at the start of runs.

use colloquy_domain::{IdempotencyKey, RunStatus, Thread};

use super::{Stores, assert_conflict, assert_not_found, at_once};
use crate::ports::{Constraint, Idempotency, MessageScope, MessagesFrom};
use crate::testing::samples::Samples;
use crate::testing::steps::{RunStart, RunSteps as _, SavedRun};

fn keyed(make: &Samples, thread: &Thread, key: &str, fingerprint: u8) -> RunStart {
    RunStart {
        idempotency: Some(Idempotency {
            key: IdempotencyKey::parse(key).unwrap(),
            fingerprint: [fingerprint; 32],
        }),
        ..make.start(thread, make.instance(), make.question("Hello"))
    }
}

async fn count(stores: &Stores, thread: &Thread) -> usize {
    stores
        .messages
        .list(
            thread.id,
            MessageScope::Conversation,
            MessagesFrom::OLDEST,
            1_000,
        )
        .await
        .unwrap()
        .items
        .len()
}

pub async fn the_same_request_starts_one_run(stores: &Stores) {
    let make = Samples::new();
    let thread = stores.has_thread(&make).await;
    let first = keyed(&make, &thread, "k", 1);
    stores.starts(&first).await;
    let known = stores.runs.start(&keyed(&make, &thread, "k", 1)).await;
    assert_eq!(known.unwrap(), SavedRun::Known(first.run.clone()));
    let finished = stores.runs.finish(&make.end(&first, vec![])).await.unwrap();
    let known = stores.runs.start(&keyed(&make, &thread, "k", 1)).await;
    assert_eq!(known.unwrap(), SavedRun::Known(finished.run));
    assert_eq!(count(stores, &thread).await, 1);
}

pub async fn a_key_stands_for_one_request_only(stores: &Stores) {
    let make = Samples::new();
    let thread = stores.has_thread(&make).await;
    stores.starts(&keyed(&make, &thread, "k", 1)).await;
    let other = stores.runs.start(&keyed(&make, &thread, "k", 2)).await;
    assert_conflict(other, Constraint::IdempotencyKey);
    assert_eq!(count(stores, &thread).await, 1);
}

pub async fn a_key_is_its_users_own(stores: &Stores) {
    let make = Samples::new();
    let (one, other) = (
        stores.has_thread(&make).await,
        stores.has_thread(&make).await,
    );
    stores.starts(&keyed(&make, &one, "k", 1)).await;
    stores.starts(&keyed(&make, &other, "k", 2)).await;
    stores.runs.list(one.id, None, 10).await.unwrap();
    assert_eq!(count(stores, &one).await, 1);
    assert_eq!(count(stores, &other).await, 1);
}

pub async fn a_key_of_nobody_stands_for_nothing(stores: &Stores) {
    let make = Samples::new();
    for _ in 0..2 {
        let mut thread = make.thread(make.user_id());
        thread.owner_id = None;
        stores.threads.add(&thread).await.unwrap();
        stores.starts(&keyed(&make, &thread, "k", 1)).await;
        assert_eq!(count(stores, &thread).await, 1);
    }
}

pub async fn a_known_request_is_found_whether_or_not_its_thread_is_there(stores: &Stores) {
    let make = Samples::new();
    let thread = stores.has_thread(&make).await;
    let mut other = make.thread(make.user_id());
    other.owner_id = thread.owner_id;
    stores.threads.add(&other).await.unwrap();
    let first = keyed(&make, &thread, "k", 1);
    stores.starts(&first).await;
    let known = stores.runs.start(&keyed(&make, &other, "k", 1)).await;
    assert_eq!(known.unwrap(), SavedRun::Known(first.run.clone()));
    assert_eq!(count(stores, &other).await, 0);
    stores.threads.delete(other.id).await.unwrap();
    let known = stores.runs.start(&keyed(&make, &other, "k", 1)).await;
    assert_eq!(known.unwrap(), SavedRun::Known(first.run));
    // The key is deleted with its run.
    stores.threads.delete(thread.id).await.unwrap();
    let gone = stores.runs.start(&keyed(&make, &thread, "k", 1)).await;
    assert_not_found(gone);
}

pub async fn another_key_is_another_request(stores: &Stores) {
    let make = Samples::new();
    let thread = stores.has_thread(&make).await;
    let first = keyed(&make, &thread, "k", 1);
    stores.starts(&first).await;
    let busy = stores.runs.start(&keyed(&make, &thread, "K", 1)).await;
    assert_conflict(busy, Constraint::ActiveRunPerThread);
    stores.runs.finish(&make.end(&first, vec![])).await.unwrap();
    stores.starts(&keyed(&make, &thread, "K", 1)).await;
}

pub async fn a_refused_start_does_not_use_up_its_key(stores: &Stores) {
    let make = Samples::new();
    let thread = stores.has_thread(&make).await;
    let active = make.start(&thread, make.instance(), make.question("Hello"));
    stores.starts(&active).await;
    let refused = stores.runs.start(&keyed(&make, &thread, "k", 1)).await;
    assert_conflict(refused, Constraint::ActiveRunPerThread);
    stores
        .runs
        .finish(&make.end(&active, vec![]))
        .await
        .unwrap();
    stores.starts(&keyed(&make, &thread, "k", 1)).await;
}

pub async fn of_many_same_requests_at_once_one_starts_the_run(stores: &Stores) {
    let make = Samples::new();
    let thread = stores.has_thread(&make).await;
    let starts = (0..32).map(|_| {
        let (runs, start) = (stores.runs.clone(), keyed(&make, &thread, "k", 1));
        async move { runs.start(&start).await.unwrap() }
    });
    let saved = at_once(starts.collect::<Vec<_>>()).await;
    let (new, known): (Vec<_>, Vec<_>) = saved
        .into_iter()
        .partition(|saved| matches!(saved, SavedRun::New(_)));
    assert_eq!(new.len(), 1);
    let runs = stores.runs.list(thread.id, None, 10).await.unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].status, RunStatus::InProgress);
    assert!(
        known
            .iter()
            .all(|known| *known == SavedRun::Known(runs[0].clone()))
    );
    assert_eq!(count(stores, &thread).await, 1);
}

pub async fn of_many_same_requests_in_different_threads_one_starts_the_run(stores: &Stores) {
    let make = Samples::new();
    let owner = stores.has_thread(&make).await.owner_id;
    let mut starts = Vec::new();
    for _ in 0..16 {
        let mut thread = make.thread(make.user_id());
        thread.owner_id = owner;
        stores.threads.add(&thread).await.unwrap();
        starts.push(keyed(&make, &thread, "k", 1));
    }
    let saved = at_once(starts.into_iter().map(|start| {
        let runs = stores.runs.clone();
        async move { (runs.start(&start).await.unwrap(), start.run) }
    }));
    let (new, known): (Vec<_>, Vec<_>) = saved
        .await
        .into_iter()
        .partition(|(saved, _)| matches!(saved, SavedRun::New(_)));
    assert_eq!(new.len(), 1);
    let expected = SavedRun::Known(new[0].1.clone());
    assert!(known.iter().all(|(saved, _)| *saved == expected));
}
