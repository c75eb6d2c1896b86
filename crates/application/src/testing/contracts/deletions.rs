//! Contract of deletions.

use colloquy_domain::{IdempotencyKey, Run, Thread, TokenKind};

use super::{Stores, assert_not_found, at_once};
use crate::ports::{
    Idempotency, MessageScope, MessagesFrom, OffsetPage, ThreadOrder, ThreadQuery, ThreadScope,
};
use crate::testing::samples::Samples;
use crate::testing::steps::{RunStart, RunSteps as _};

/// Removes everything; returns the number of batches.
async fn finish(stores: &Stores) -> u32 {
    let mut batches = 0;
    while stores.deletions.remove_batch(500).await.unwrap() > 0 {
        batches += 1;
    }
    batches
}

async fn has_run(stores: &Stores, make: &Samples, thread: &Thread) -> RunStart {
    let start = make.start(thread, make.instance(), make.question("Hello"));
    stores.starts(&start).await;
    let end = make.end(&start, vec![make.answer("Hi")]);
    stores.runs.finish(&end).await.unwrap();
    start
}

async fn count_messages(stores: &Stores, thread: &Thread) -> usize {
    let scope = MessageScope::WithTools;
    let messages = stores
        .messages
        .list(thread.id, scope, MessagesFrom::OLDEST, 10)
        .await;
    messages.unwrap().items.len()
}

fn owned_by(thread: &Thread) -> ThreadQuery {
    ThreadQuery {
        scope: ThreadScope::All,
        owner: thread.owner_id,
        assistant: None,
        order: ThreadOrder::ACTIVITY,
        limit: 10,
    }
}

pub async fn without_deletions_nothing_is_removed(stores: &Stores) {
    let make = Samples::new();
    let thread = stores.has_thread(&make).await;
    has_run(stores, &make, &thread).await;
    assert_eq!(finish(stores).await, 0);
    assert_eq!(count_messages(stores, &thread).await, 2);
}

pub async fn finishing_the_deletion_of_a_thread_leaves_the_others(stores: &Stores) {
    let make = Samples::new();
    let (gone, kept) = (
        stores.has_thread(&make).await,
        stores.has_thread(&make).await,
    );
    let lost = has_run(stores, &make, &gone).await;
    let run = has_run(stores, &make, &kept).await;
    stores.threads.delete(gone.id).await.unwrap();
    for _ in 0..2 {
        assert_eq!(
            stores
                .threads
                .get(gone.id, &ThreadScope::All)
                .await
                .unwrap(),
            None
        );
        assert_eq!(count_messages(stores, &gone).await, 0);
        assert_eq!(stores.runs.find(lost.run.id).await.unwrap(), None);
        let events = stores.events.list(lost.run.id, 0, 10).await.unwrap();
        assert_eq!(events, []);
        assert_eq!(count_messages(stores, &kept).await, 2);
        assert!(stores.runs.find(run.run.id).await.unwrap().is_some());
        let events = stores.events.list(run.run.id, 0, 10).await.unwrap();
        assert_eq!(events.len(), 3);
        finish(stores).await;
    }
    assert_eq!(finish(stores).await, 0);
}

pub async fn finishing_the_deletion_of_a_user_leaves_their_threads(stores: &Stores) {
    let make = Samples::new();
    let (thread, other) = (
        stores.has_thread(&make).await,
        stores.has_thread(&make).await,
    );
    let start = has_run(stores, &make, &thread).await;
    let owner = thread.owner_id.unwrap();
    let token = make.token(owner, TokenKind::ApiKey);
    stores.has_token(&token, 1).await;
    stores.users.delete(owner).await.unwrap();
    for _ in 0..2 {
        let found = stores
            .threads
            .get(thread.id, &ThreadScope::All)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.owner_id, None);
        let listed = stores.threads.list(&owned_by(&thread)).await.unwrap();
        assert_eq!(listed, []);
        let listed = stores.threads.list(&owned_by(&other)).await.unwrap();
        assert_eq!(listed, std::slice::from_ref(&other));
        let run = stores.runs.find(start.run.id).await.unwrap().unwrap();
        assert_eq!(run.user_id, None);
        let page = OffsetPage { skip: 0, limit: 10 };
        let tokens = stores.tokens.list(owner, None, page).await;
        assert_eq!(tokens.unwrap().items, []);
        assert_not_found(stores.tokens.revoke(owner, token.id).await);
        assert_eq!(count_messages(stores, &thread).await, 2);
        finish(stores).await;
    }
}

pub async fn finishing_the_deletion_of_an_assistant_leaves_its_threads(stores: &Stores) {
    let make = Samples::new();
    let owner = stores.has_thread(&make).await.owner_id.unwrap();
    let assistant = stores.has_assistant(&make, "Guide").await;
    let thread = Thread {
        assistant_id: Some(assistant.id),
        ..make.thread(owner)
    };
    stores.threads.add(&thread).await.unwrap();
    let opened_for = ThreadQuery {
        owner: None,
        assistant: Some(assistant.id),
        ..owned_by(&thread)
    };
    stores.assistants.delete(assistant.id).await.unwrap();
    for _ in 0..2 {
        let found = stores
            .threads
            .get(thread.id, &ThreadScope::All)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.assistant_id, None);
        assert_eq!(stores.threads.list(&opened_for).await.unwrap(), []);
        finish(stores).await;
    }
}

pub async fn the_key_of_a_deleted_threads_run_is_free_at_once(stores: &Stores) {
    let make = Samples::new();
    let thread = stores.has_thread(&make).await;
    let mut other = make.thread(thread.owner_id.unwrap());
    other.assistant_id = None;
    stores.threads.add(&other).await.unwrap();
    let keyed = |thread: &Thread| RunStart {
        idempotency: Some(Idempotency {
            key: IdempotencyKey::parse("k").unwrap(),
            fingerprint: [1; 32],
        }),
        ..make.start(thread, make.instance(), make.question("Hello"))
    };
    stores.starts(&keyed(&thread)).await;
    stores.threads.delete(thread.id).await.unwrap();
    stores.starts(&keyed(&other)).await;
    finish(stores).await;
    assert_eq!(count_messages(stores, &other).await, 1);
}

pub async fn a_run_of_a_deleted_thread_is_nobodys_any_more(stores: &Stores) {
    let make = Samples::new();
    let (gone, other) = (
        stores.has_thread(&make).await,
        stores.has_thread(&make).await,
    );
    let start = make.start(&gone, make.instance(), make.question("Hello"));
    stores.starts(&start).await;
    stores.threads.delete(gone.id).await.unwrap();
    let until = start.lease.expires_at;
    let runs = [start.run.id];
    let held = stores.runs.renew(start.lease.holder, &runs, until);
    assert_eq!(held.await.unwrap(), []);
    assert_not_found(stores.runs.finish(&make.end(&start, vec![])).await);
    // It does not count towards its user's limit.
    let next = RunStart {
        run: Run {
            user_id: start.run.user_id,
            ..make
                .start(&other, make.instance(), make.question("Hello"))
                .run
        },
        max_per_user: 1,
        ..make.start(&other, make.instance(), make.question("Hello"))
    };
    stores.starts(&next).await;
}

pub async fn many_may_finish_deletions_at_once(stores: &Stores) {
    let make = Samples::new();
    let mut threads = Vec::new();
    for _ in 0..6 {
        let thread = stores.has_thread(&make).await;
        has_run(stores, &make, &thread).await;
        threads.push(thread);
    }
    let kept = threads.pop().unwrap();
    for thread in &threads {
        stores.threads.delete(thread.id).await.unwrap();
    }
    let finishing = (0..4).map(|_| {
        let stores = stores.clone();
        async move { finish(&stores).await }
    });
    at_once(finishing.collect::<Vec<_>>()).await;
    assert_eq!(finish(stores).await, 0);
    assert_eq!(count_messages(stores, &kept).await, 2);
}
