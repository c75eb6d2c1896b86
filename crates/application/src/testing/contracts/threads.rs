//! Contract of [`ThreadRepository`](crate::ports::ThreadRepository).

use chrono::{DateTime, Utc};
use colloquy_domain::{AssistantId, Thread, ThreadId, ThreadName, UserId};

use super::{Stores, assert_not_found};
use crate::ports::{
    MessageScope, MessagesFrom, NewMessage, ThreadActivity, ThreadChanges, ThreadOrder,
    ThreadQuery, ThreadScope,
};
use crate::testing::samples::{Samples, difficult_texts, moment, second};
use crate::testing::steps::{RunEnd, RunStart, RunSteps as _};

fn everything() -> ThreadQuery {
    ThreadQuery {
        scope: ThreadScope::All,
        owner: None,
        assistant: None,
        order: ThreadOrder::CREATION,
        limit: 1000,
    }
}

fn no_changes() -> ThreadChanges {
    ThreadChanges {
        name: None,
        assistant_id: None,
        updated_at: moment(999_999),
    }
}

async fn get(stores: &Stores, id: ThreadId) -> Option<Thread> {
    stores.threads.get(id, &ThreadScope::All).await.unwrap()
}

async fn list(stores: &Stores, query: &ThreadQuery) -> Vec<Thread> {
    stores.threads.list(query).await.unwrap()
}

async fn has_owner(stores: &Stores, make: &Samples, name: &str) -> UserId {
    let email = format!("{name}@example.org");
    stores.has_user(make, &email).await.id
}

async fn has_assistant(stores: &Stores, make: &Samples) -> AssistantId {
    stores.has_assistant(make, "Guide").await.id
}

pub async fn a_thread_is_read_as_it_was_written(stores: &Stores) {
    let make = Samples::new();
    let owner = has_owner(stores, &make, "ada").await;
    let plain = make.thread(owner);
    let full = Thread {
        assistant_id: Some(has_assistant(stores, &make).await),
        created_at: moment(1),
        updated_at: moment(999_999),
        ..make.thread(owner)
    };
    let ownerless = Thread {
        owner_id: None,
        ..make.thread(owner)
    };
    for thread in [plain, full, ownerless] {
        stores.threads.add(&thread).await.unwrap();
        assert_eq!(get(stores, thread.id).await, Some(thread));
    }
    assert_eq!(get(stores, make.thread_id()).await, None);
}

pub async fn every_name_is_kept_to_the_letter(stores: &Stores) {
    let make = Samples::new();
    let owner = has_owner(stores, &make, "ada").await;
    let longest = "𝄞".repeat(ThreadName::MAX_CHARS);
    for text in difficult_texts().into_iter().chain([longest]) {
        let mut thread = make.thread(owner);
        thread.name = ThreadName::parse(text).unwrap();
        stores.threads.add(&thread).await.unwrap();
        assert_eq!(get(stores, thread.id).await, Some(thread));
    }
}

pub async fn a_thread_needs_its_owner_and_its_assistant(stores: &Stores) {
    let make = Samples::new();
    let owner = has_owner(stores, &make, "ada").await;
    let strangers = make.thread(make.user_id());
    let nobodys = Thread {
        assistant_id: Some(make.assistant_id()),
        ..make.thread(owner)
    };
    for thread in [strangers, nobodys] {
        assert_not_found(stores.threads.add(&thread).await);
        assert_eq!(get(stores, thread.id).await, None);
    }
}

pub async fn threads_are_listed_newest_first(stores: &Stores) {
    let make = Samples::new();
    let owner = has_owner(stores, &make, "ada").await;
    let mut threads: Vec<_> = (0..5).map(|_| make.thread(owner)).collect();
    // Not stored in ID order.
    threads.rotate_left(2);
    for thread in &threads {
        stores.threads.add(thread).await.unwrap();
    }
    threads.sort_by_key(|thread| std::cmp::Reverse(thread.id));
    for order in [ThreadOrder::CREATION, ThreadOrder::ACTIVITY] {
        let all = ThreadQuery {
            order,
            ..everything()
        };
        assert_eq!(list(stores, &all).await, threads);
        let newest = ThreadQuery { limit: 2, ..all };
        assert_eq!(list(stores, &newest).await, threads[..2]);
    }
}

pub async fn the_order_of_activity_is_that_of_the_newest_messages(stores: &Stores) {
    let make = Samples::new();
    let owner = has_owner(stores, &make, "ada").await;
    let mut threads = Vec::new();
    // Includes times of different precision.
    for microseconds in [
        500_000, 1_000_000, 999_999, 0, 1_000_000, 123_000, 1, 123_456,
    ] {
        let thread = Thread {
            last_message_at: moment(microseconds),
            ..make.thread(owner)
        };
        stores.threads.add(&thread).await.unwrap();
        threads.push(thread);
    }
    threads.sort_by_key(|thread| std::cmp::Reverse(ThreadActivity::from(thread)));
    let all = ThreadQuery {
        order: ThreadOrder::ACTIVITY,
        ..everything()
    };
    assert_eq!(list(stores, &all).await, threads);
    for (place, thread) in threads.iter().enumerate() {
        let after = Some(ThreadActivity::from(thread));
        let rest = ThreadQuery {
            order: ThreadOrder::Activity { after },
            ..everything()
        };
        assert_eq!(list(stores, &rest).await, threads[place + 1..]);
    }
}

/// The thread's times after a run.
async fn times(stores: &Stores, thread: &Thread) -> [DateTime<Utc>; 2] {
    let found = get(stores, thread.id).await.unwrap();
    assert_eq!(found.created_at, thread.created_at);
    [found.last_message_at, found.updated_at]
}

pub async fn a_message_moves_its_thread(stores: &Stores) {
    let make = Samples::new();
    let at = |second_of_run, message: NewMessage| NewMessage {
        created_at: second(second_of_run),
        ..message
    };
    for (begun, log_end) in [(10, Some(1)), (20, None)] {
        let thread = stores.has_thread(&make).await;
        let question = at(begun, make.question("Hello"));
        let start = make.start(&thread, make.instance(), question);
        stores.starts(&start).await;
        assert_eq!(times(stores, &thread).await, [second(begun); 2]);
        let answers = [1, 2].map(|later| at(begun + later, make.answer("Hi")));
        let end = RunEnd {
            log_end,
            ..make.end(&start, answers.to_vec())
        };
        stores.runs.finish(&end).await.unwrap();
        assert_eq!(times(stores, &thread).await, [second(begun + 2); 2]);

        // Neither a run without an answer nor a clock behind moves it back.
        let late = at(1, make.question("Late"));
        let start = make.start(&thread, make.instance(), late);
        stores.starts(&start).await;
        let end = RunEnd {
            log_end,
            ..make.end(&start, vec![])
        };
        stores.runs.finish(&end).await.unwrap();
        assert_eq!(times(stores, &thread).await, [second(begun + 2); 2]);
        let order = ThreadQuery {
            order: ThreadOrder::ACTIVITY,
            limit: 1,
            ..everything()
        };
        assert_eq!(list(stores, &order).await[0].id, thread.id);
    }
}

pub async fn a_start_names_a_thread_that_has_no_name(stores: &Stores) {
    let make = Samples::new();
    let owner = has_owner(stores, &make, "ada").await;
    let name = |text: &str| ThreadName::parse(text).unwrap();
    // Also near the user's limit of runs, where a store may use another query.
    for max_per_user in [1_000, 10] {
        for (is_named, expected) in [(false, "Hello"), (true, "Plans")] {
            let thread = Thread {
                is_named,
                ..make.thread(owner)
            };
            stores.threads.add(&thread).await.unwrap();
            for (given, expected) in [
                (None, "Plans"),
                (Some("Hello"), expected),
                (Some("Again"), expected),
                (None, expected),
            ] {
                let start = RunStart {
                    thread_name: given.map(name),
                    max_per_user,
                    ..make.start(&thread, make.instance(), make.question("Hello"))
                };
                stores.starts(&start).await;
                let found = get(stores, thread.id).await.unwrap();
                assert_eq!(found.name.as_str(), expected);
                assert_eq!(found.is_named, is_named || found.name != thread.name);
                let end = make.end(&start, vec![]);
                stores.runs.finish(&end).await.unwrap();
            }
        }
    }
}

pub async fn a_query_lists_exactly_what_it_describes(stores: &Stores) {
    let make = Samples::new();
    let ada = has_owner(stores, &make, "ada").await;
    let bob = has_owner(stores, &make, "bob").await;
    let eve = make.user_id();
    let guides = [
        has_assistant(stores, &make).await,
        has_assistant(stores, &make).await,
    ];
    let mut all = Vec::new();
    for number in 0..24 {
        let thread = Thread {
            owner_id: [Some(ada), Some(bob), None][number % 3],
            assistant_id: [None, Some(guides[0]), Some(guides[1]), None][number / 3 % 4],
            last_message_at: moment(number as i64 * 7 % 12),
            ..make.thread(ada)
        };
        stores.threads.add(&thread).await.unwrap();
        all.insert(0, thread);
    }
    let strangers = std::iter::repeat_with(|| make.user_id()).take(1000);
    let scopes = [
        ThreadScope::All,
        ThreadScope::OwnedBy(vec![]),
        ThreadScope::OwnedBy(vec![ada]),
        ThreadScope::OwnedBy(vec![eve]),
        ThreadScope::OwnedBy([ada, bob].into_iter().chain(strangers).collect()),
    ];
    for scope in scopes {
        for owner in [None, Some(ada), Some(eve)] {
            for assistant in [None, Some(guides[0]), Some(make.assistant_id())] {
                for order in [ThreadOrder::CREATION, ThreadOrder::ACTIVITY] {
                    let query = ThreadQuery {
                        scope: scope.clone(),
                        owner,
                        assistant,
                        order,
                        ..everything()
                    };
                    expect_list(stores, &query, &all).await;
                }
            }
        }
    }
}

/// Asserts that for every page size the store lists the threads that match one by one.
async fn expect_list(stores: &Stores, query: &ThreadQuery, all: &[Thread]) {
    let fits = |thread: &&Thread| {
        query.scope.contains(thread)
            && (query.owner.is_none() || query.owner == thread.owner_id)
            && (query.assistant.is_none() || query.assistant == thread.assistant_id)
    };
    let mut expected: Vec<_> = all.iter().filter(fits).cloned().collect();
    if let ThreadOrder::Activity { .. } = query.order {
        expected.sort_by_key(|thread| std::cmp::Reverse(ThreadActivity::from(thread)));
    }
    assert_eq!(list(stores, query).await, expected, "{query:?}");

    let mut seen: Vec<Thread> = Vec::new();
    loop {
        let page = ThreadQuery {
            order: behind(query.order, seen.last()),
            limit: 5,
            ..query.clone()
        };
        match list(stores, &page).await {
            rest if rest.is_empty() => break,
            next => seen.extend(next),
        }
        assert!(seen.len() <= expected.len(), "by pages: {query:?}");
    }
    assert_eq!(seen, expected, "by pages: {query:?}");
}

/// The same order, after that thread.
fn behind(order: ThreadOrder, last: Option<&Thread>) -> ThreadOrder {
    match order {
        ThreadOrder::Activity { .. } => ThreadOrder::Activity {
            after: last.map(ThreadActivity::from),
        },
        ThreadOrder::Creation { .. } => ThreadOrder::Creation {
            after: last.map(|thread| thread.id),
        },
    }
}

pub async fn pages_show_each_old_thread_once_whatever_comes_and_goes(stores: &Stores) {
    let make = Samples::new();
    for (order, name) in [
        (ThreadOrder::CREATION, "ada"),
        (ThreadOrder::ACTIVITY, "bob"),
    ] {
        let owner = has_owner(stores, &make, name).await;
        expect_each_thread_once(stores, &make, owner, order).await;
    }
}

async fn expect_each_thread_once(
    stores: &Stores,
    make: &Samples,
    owner: UserId,
    order: ThreadOrder,
) {
    let mut old = Vec::new();
    for _ in 0..10 {
        let thread = make.thread(owner);
        stores.threads.add(&thread).await.unwrap();
        old.insert(0, thread.id);
    }
    let (mut seen, mut order) = (Vec::new(), order);
    loop {
        let query = ThreadQuery {
            owner: Some(owner),
            order,
            limit: 3,
            ..everything()
        };
        let page = list(stores, &query).await;
        let Some(last) = page.last() else { break };
        order = behind(order, Some(last));
        seen.extend(page.iter().map(|thread| thread.id));
        assert!(seen.len() <= old.len(), "too many threads");
        // A thread is added, and the one at the page boundary is deleted.
        stores.threads.add(&make.thread(owner)).await.unwrap();
        stores.threads.delete(last.id).await.unwrap();
    }
    assert_eq!(seen, old);
}

pub async fn a_change_writes_what_it_holds(stores: &Stores) {
    let make = Samples::new();
    let owner = has_owner(stores, &make, "ada").await;
    let other = make.thread(owner);
    let mut thread = Thread {
        is_named: false,
        ..make.thread(owner)
    };
    for thread in [&other, &thread] {
        stores.threads.add(thread).await.unwrap();
    }
    thread.updated_at = no_changes().updated_at;
    expect_update(stores, &thread, &no_changes()).await;

    thread.name = ThreadName::parse("Plans 🦀").unwrap();
    thread.is_named = true;
    thread.assistant_id = Some(has_assistant(stores, &make).await);
    let changes = ThreadChanges {
        name: Some(thread.name.clone()),
        assistant_id: Some(thread.assistant_id),
        ..no_changes()
    };
    expect_update(stores, &thread, &changes).await;
    expect_update(stores, &thread, &no_changes()).await;

    thread.assistant_id = None;
    let changes = ThreadChanges {
        assistant_id: Some(None),
        ..no_changes()
    };
    expect_update(stores, &thread, &changes).await;
    assert_eq!(get(stores, other.id).await, Some(other));
}

async fn expect_update(stores: &Stores, expected: &Thread, changes: &ThreadChanges) {
    let answer = stores.threads.update(expected.id, changes).await.unwrap();
    assert_eq!(answer, *expected);
    assert_eq!(get(stores, expected.id).await.as_ref(), Some(expected));
}

pub async fn a_change_needs_the_thread_and_the_assistant(stores: &Stores) {
    let make = Samples::new();
    let absent = make.thread_id();
    assert_not_found(stores.threads.update(absent, &no_changes()).await);
    let thread = stores.has_thread(&make).await;
    let changes = ThreadChanges {
        name: ThreadName::parse("Not written either").ok(),
        assistant_id: Some(Some(make.assistant_id())),
        ..no_changes()
    };
    assert_not_found(stores.threads.update(thread.id, &changes).await);
    assert_eq!(get(stores, thread.id).await, Some(thread));
}

pub async fn deleting_a_thread_takes_its_messages_and_runs(stores: &Stores) {
    let make = Samples::new();
    let mut starts = Vec::new();
    for _ in 0..2 {
        let thread = stores.has_thread(&make).await;
        let start = make.start(&thread, make.instance(), make.question("Hello"));
        let message = stores.starts(&start).await;
        starts.push((thread, start.run, message));
    }
    let (kept, gone) = (starts.remove(1), starts.remove(0));
    let (thread, run, message) = gone;

    stores.threads.delete(thread.id).await.unwrap();

    assert_eq!(get(stores, thread.id).await, None);
    let found = stores.messages.get(thread.id, message.id).await.unwrap();
    assert_eq!(found, None);
    assert_eq!(
        stores
            .messages
            .list(
                thread.id,
                MessageScope::Conversation,
                MessagesFrom::OLDEST,
                10
            )
            .await
            .unwrap()
            .items,
        []
    );
    assert_eq!(
        stores
            .messages
            .latest(thread.id, u64::MAX, 10, u64::MAX)
            .await
            .unwrap(),
        []
    );
    assert_eq!(stores.runs.get(thread.id, run.id).await.unwrap(), None);
    assert_eq!(stores.runs.list(thread.id, None, 10).await.unwrap(), []);
    assert_not_found(stores.threads.delete(thread.id).await);

    let (thread, run, message) = kept;
    let messages = stores
        .messages
        .list(
            thread.id,
            MessageScope::Conversation,
            MessagesFrom::OLDEST,
            10,
        )
        .await
        .unwrap()
        .items;
    assert_eq!(messages, [message]);
    assert_eq!(stores.runs.get(thread.id, run.id).await.unwrap(), Some(run));
    assert_eq!(get(stores, thread.id).await.unwrap().id, thread.id);
}

pub async fn a_thread_out_of_scope_is_as_if_absent(stores: &Stores) {
    let make = Samples::new();
    let thread = stores.has_thread(&make).await;
    let owner = thread.owner_id.unwrap();
    let other = has_owner(stores, &make, "other").await;
    for (users, is_found) in [
        (vec![owner], true),
        (vec![other, owner], true),
        (vec![other], false),
        (vec![], false),
    ] {
        let scope = ThreadScope::OwnedBy(users);
        let found = stores.threads.get(thread.id, &scope).await.unwrap();
        assert_eq!(found, is_found.then(|| thread.clone()), "{scope:?}");
    }
    stores.users.delete(owner).await.unwrap();
    let everybody = ThreadScope::OwnedBy(vec![owner, other]);
    let found = stores.threads.get(thread.id, &everybody).await.unwrap();
    assert_eq!(found, None);
    assert!(get(stores, thread.id).await.is_some());
}
