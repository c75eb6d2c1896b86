//! Contract of [`RunRepository`](crate::ports::RunRepository): runs ended by others than their
//! holder.

use colloquy_domain::{MessageStatus, RunStatus};

use super::logs::{append, behind, cancelled, deltas, has_started, log, numbers};
use super::{Stores, assert_conflict, assert_not_found, at_once};
use crate::ports::{AbandonedRuns, Constraint, MessageScope, MessagesFrom};
use crate::testing::samples::Samples;
use crate::testing::steps::RunSteps as _;

pub async fn a_forced_end_keeps_the_text_that_the_log_has(stores: &Stores) {
    let make = Samples::new();
    let (thread, start) = has_started(stores, &make).await;
    let message = make.message_id();
    append(stores, &start, deltas(message, 2, &["so ", "far"])).await;
    let run = stores.force_end(start.run.id, &cancelled()).await.unwrap();
    assert_eq!(run.status, RunStatus::Cancelled);
    assert_eq!(run.error, cancelled().error);
    assert_eq!(run.finished_at, Some(cancelled().finished_at));
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
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[1].id, message);
    assert_eq!(messages[1].content, "so far");
    assert_eq!(messages[1].status, MessageStatus::Incomplete);
    assert_eq!(messages[1].position, 2);
    let log = log(stores, start.run.id).await;
    assert_eq!(numbers(&log), [1, 2, 3, behind(3) + 1, behind(3) + 2]);
    assert!(log[4].kind.is_last());
}

pub async fn a_forced_end_keeps_the_text_of_a_long_log(stores: &Stores) {
    let make = Samples::new();
    let (thread, start) = has_started(stores, &make).await;
    let message = make.message_id();
    let texts: Vec<String> = (0..5_000).map(|number| format!("{number} ")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    append(stores, &start, deltas(message, 2, &texts)).await;
    let end = cancelled();
    stores.force_end(start.run.id, &end).await.unwrap();
    let messages = stores
        .messages
        .list(
            thread.id,
            MessageScope::Conversation,
            MessagesFrom::After(1),
            10,
        )
        .await
        .unwrap()
        .items;
    assert_eq!(messages.len(), 1);
    assert!(
        messages[0].content == texts.concat(),
        "the text is incomplete"
    );
}

pub async fn a_forced_end_is_behind_all_that_was_not_stored(stores: &Stores) {
    let make = Samples::new();
    let (_, start) = has_started(stores, &make).await;
    append(stores, &start, deltas(make.message_id(), 2, &["stored"])).await;
    let end = cancelled();
    stores.force_end(start.run.id, &end).await.unwrap();
    let all = log(stores, start.run.id).await;
    // The holder's readers may have seen one more answer in full.
    for after in [2, 3, 4, 5, 100, 2 << 20] {
        let rest = stores.events.list(start.run.id, after, 10).await;
        assert_eq!(rest.unwrap(), all[2..], "after {after}");
    }
}

pub async fn a_forced_end_without_text_leaves_no_message(stores: &Stores) {
    let make = Samples::new();
    let (thread, start) = has_started(stores, &make).await;
    stores.force_end(start.run.id, &cancelled()).await.unwrap();
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
            .items
            .len(),
        1
    );
    let end = behind(1) + 1;
    assert_eq!(numbers(&log(stores, start.run.id).await), [1, end]);
}

pub async fn a_forced_end_frees_the_thread_and_shuts_the_holder_out(stores: &Stores) {
    let make = Samples::new();
    let (thread, start) = has_started(stores, &make).await;
    stores.force_end(start.run.id, &cancelled()).await.unwrap();
    let late = stores
        .runs
        .finish(&make.end(&start, vec![make.answer("late")]))
        .await;
    assert_conflict(late, Constraint::RunLease);
    append(stores, &start, deltas(make.message_id(), 3, &["late"])).await;
    let end = behind(1) + 1;
    assert_eq!(numbers(&log(stores, start.run.id).await), [1, end]);
    let next = make.start(&thread, make.instance(), make.question("Next"));
    assert_eq!(stores.starts(&next).await.position, 2);
}

pub async fn an_ended_run_is_left_as_it_is_by_a_forced_end(stores: &Stores) {
    let make = Samples::new();
    let (_, start) = has_started(stores, &make).await;
    let finished = stores
        .runs
        .finish(&make.end(&start, vec![make.answer("Hi")]))
        .await;
    let before = log(stores, start.run.id).await;
    let run = stores.force_end(start.run.id, &cancelled()).await.unwrap();
    assert_eq!(run, finished.unwrap().run);
    assert_eq!(log(stores, start.run.id).await, before);
    assert_not_found(stores.force_end(make.run_id(), &cancelled()).await);
}

pub async fn a_run_ends_once_however_many_end_it(stores: &Stores) {
    let make = Samples::new();
    for _ in 0..8 {
        let (_, start) = has_started(stores, &make).await;
        let finish = make.end(&start, vec![make.answer("Hi")]);
        let ends = (0..4).map(|index| {
            let (stores, finish, run) = (stores.clone(), finish.clone(), start.run.id);
            async move {
                match index {
                    0 => stores.runs.finish(&finish).await.is_ok(),
                    _ => stores.force_end(run, &cancelled()).await.is_ok(),
                }
            }
        });
        at_once(ends).await;
        let log = log(stores, start.run.id).await;
        let ends = log.iter().filter(|event| event.kind.is_last()).count();
        assert_eq!(ends, 1);
        assert!(numbers(&log).is_sorted_by(|one, next| one < next));
    }
}

pub async fn an_interrupted_run_keeps_the_text_that_its_log_has(stores: &Stores) {
    let make = Samples::new();
    let (thread, start) = has_started(stores, &make).await;
    append(stores, &start, deltas(make.message_id(), 2, &["so far"])).await;
    let abandoned = AbandonedRuns::HeldBy(start.lease.holder);
    stores.interrupt(abandoned, &cancelled()).await.unwrap();
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
    assert_eq!(messages[1].content, "so far");
    assert_eq!(messages[1].status, MessageStatus::Incomplete);
    assert!(log(stores, start.run.id).await[3].kind.is_last());
}
