//! Contract of [`RunEventRepository`](crate::ports::RunEventRepository), and of logs written by
//! other methods.

use colloquy_domain::{RunEvent, RunEventKind};

use super::Stores;
use super::logs::{append, deltas, has_started, log, numbers};
use crate::ports::{MessageScope, MessagesFrom, RunEvents};
use crate::testing::samples::{Samples, difficult_texts};
use crate::testing::steps::{RunEnd, RunStart, RunSteps as _};

pub async fn a_log_begins_with_the_run_and_its_message(stores: &Stores) {
    let make = Samples::new();
    let (thread, start) = has_started(stores, &make).await;
    let message = start.message.clone().placed(thread.id, start.run.id, 1);
    let kind = RunEventKind::Started {
        run: Box::new(start.run.clone()),
        earlier: None,
        messages: vec![message],
    };
    assert_eq!(
        log(stores, start.run.id).await,
        [RunEvent { number: 1, kind }]
    );
}

pub async fn appended_events_are_read_as_they_were_written(stores: &Stores) {
    let make = Samples::new();
    let (_, start) = has_started(stores, &make).await;
    let texts = difficult_texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).chain([""]).collect();
    let (one, other) = (make.message_id(), make.message_id());
    let mut expected = deltas(one, 2, &texts);
    expected.extend(deltas(other, 2 + texts.len() as u64, &texts));
    let (first, second) = expected.split_at(5);
    append(stores, &start, first.to_vec()).await;
    append(stores, &start, second.to_vec()).await;
    assert_eq!(log(stores, start.run.id).await[1..], expected);
}

pub async fn a_log_is_read_from_behind_any_number(stores: &Stores) {
    let make = Samples::new();
    let (_, start) = has_started(stores, &make).await;
    append(
        stores,
        &start,
        deltas(make.message_id(), 2, &["a", "b", "c"]),
    )
    .await;
    append(stores, &start, deltas(make.message_id(), 5, &["d", "e"])).await;
    let all = log(stores, start.run.id).await;
    for after in 0..=6 {
        let rest = stores
            .events
            .list(start.run.id, after, 1_000)
            .await
            .unwrap();
        let skip = usize::try_from(after).unwrap();
        assert_eq!(rest, all[skip..], "after {after}");
    }
    let behind = stores.events.list(start.run.id, i64::MAX as u64, 10).await;
    assert_eq!(behind.unwrap(), []);
    let absent = stores.events.list(make.run_id(), 0, 10).await;
    assert_eq!(absent.unwrap(), []);
}

pub async fn a_page_of_a_log_is_about_as_long_as_asked_for(stores: &Stores) {
    let make = Samples::new();
    let (_, start) = has_started(stores, &make).await;
    let message = make.message_id();
    for number in 2..=30 {
        append(stores, &start, deltas(message, number, &["x"])).await;
    }
    append(stores, &start, deltas(message, 31, &["x"; 30])).await;
    for limit in [0, 1, 5, 10] {
        for after in 0..60 {
            let page = stores.events.list(start.run.id, after, limit).await;
            let page = page.unwrap();
            assert_eq!(page[0].number, after + 1);
            let most = if after < 30 { limit as usize + 1 } else { 30 };
            assert!(page.len() <= most, "{} after {after}", page.len());
        }
    }
}

pub async fn a_page_of_a_log_has_about_a_megabyte_of_text(stores: &Stores) {
    let make = Samples::new();
    let (_, start) = has_started(stores, &make).await;
    let message = make.message_id();
    let text = "x".repeat(400_000);
    for number in 2..=6 {
        append(stores, &start, deltas(message, number, &[&text])).await;
    }
    // Deltas are limited too.
    let many = vec!["y"; 5_000];
    append(stores, &start, deltas(message, 7, &many)).await;
    let (mut seen, mut after) = (Vec::new(), 0);
    loop {
        let page = stores.events.list(start.run.id, after, 1_000).await;
        let page = page.unwrap();
        let Some(last) = page.last() else { break };
        after = last.number;
        let bytes: usize = page.iter().map(|event| event.kind.text_bytes()).sum();
        assert!(bytes < 1_500_000, "{bytes}");
        assert!(page.len() <= 2_000, "{}", page.len());
        seen.extend(numbers(&page));
    }
    assert_eq!(seen, (1..=5_006).collect::<Vec<_>>());
}

pub async fn events_that_a_log_has_already_are_not_added_again(stores: &Stores) {
    let make = Samples::new();
    let (_, start) = has_started(stores, &make).await;
    let answer = make.answer("abcd");
    let all = deltas(answer.id, 2, &["a", "b", "c", "d"]);
    for until in [2, 2, 3, 1] {
        append(stores, &start, all[..until].to_vec()).await;
    }
    assert_eq!(log(stores, start.run.id).await[1..], all[..3]);
    let end = RunEnd {
        events: all.clone(),
        log_end: None,
        ..make.end(&start, vec![answer])
    };
    stores.runs.finish(&end).await.unwrap();
    let log = log(stores, start.run.id).await;
    assert_eq!(numbers(&log), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(log[1..5], all);
}

pub async fn events_of_many_runs_are_appended_at_once_and_each_log_is_its_own(stores: &Stores) {
    let make = Samples::new();
    let (_, one) = has_started(stores, &make).await;
    let mut other = has_started(stores, &make).await.1;
    other.lease.holder = one.lease.holder;
    let thread = stores.has_thread(&make).await;
    let held = make.start(&thread, one.lease.holder, make.question("Hello"));
    stores.starts(&held).await;
    let message = make.message_id();
    let events = [&one, &other, &held].map(|start| RunEvents {
        run_id: start.run.id,
        events: deltas(message, 2, &["x"]),
    });
    stores
        .events
        .append(one.lease.holder, &events)
        .await
        .unwrap();
    assert_eq!(numbers(&log(stores, one.run.id).await), [1, 2]);
    assert_eq!(numbers(&log(stores, held.run.id).await), [1, 2]);
    // Another instance's run.
    assert_eq!(numbers(&log(stores, other.run.id).await), [1]);
}

pub async fn a_run_that_has_ended_takes_no_more_events(stores: &Stores) {
    let make = Samples::new();
    let (_, start) = has_started(stores, &make).await;
    stores.runs.finish(&make.end(&start, vec![])).await.unwrap();
    append(stores, &start, deltas(make.message_id(), 3, &["late"])).await;
    assert_eq!(numbers(&log(stores, start.run.id).await), [1, 2]);
}

pub async fn a_finish_adds_its_events_and_the_closing_ones(stores: &Stores) {
    let make = Samples::new();
    let (_, start) = has_started(stores, &make).await;
    let answer = make.answer("Hello you");
    append(stores, &start, deltas(answer.id, 2, &["Hello"])).await;
    let end = RunEnd {
        events: deltas(answer.id, 3, &[" ", "you"]),
        log_end: Some(2),
        ..make.end(&start, vec![answer])
    };
    let finished = stores.runs.finish(&end).await.unwrap();
    let log = log(stores, start.run.id).await;
    assert_eq!(numbers(&log), [1, 2, 3, 4, 5, 6]);
    assert_eq!(log[4..], finished.closing_events(4));
    assert!(log[5].kind.is_last());
}

pub async fn a_runs_messages_are_found_in_order(stores: &Stores) {
    let make = Samples::new();
    let (thread, first) = has_started(stores, &make).await;
    let answers = vec![make.answer("one"), make.answer("two")];
    stores
        .runs
        .finish(&make.end(&first, answers))
        .await
        .unwrap();
    let second = make.start(&thread, make.instance(), make.question("More"));
    stores.starts(&second).await;
    let all = stores
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
    let of_run = async |start: &RunStart| {
        let messages = stores.messages.of_run(thread.id, start.run.id).await;
        messages.unwrap()
    };
    assert_eq!(of_run(&first).await, all[..3]);
    assert_eq!(of_run(&second).await, all[3..]);
}

pub async fn a_deleted_message_leaves_nothing_in_the_log(stores: &Stores) {
    let make = Samples::new();
    let (thread, start) = has_started(stores, &make).await;
    let (secret, other) = (make.answer("secret"), make.answer("other"));
    let mut events = deltas(secret.id, 2, &["sec", "ret"]);
    events.extend(deltas(other.id, 4, &["oth", "er"]));
    append(stores, &start, events).await;
    let end = RunEnd {
        log_end: Some(5),
        ..make.end(&start, vec![secret.clone(), other.clone()])
    };
    stores.runs.finish(&end).await.unwrap();
    stores.messages.delete(thread.id, secret.id).await.unwrap();
    assert_eq!(numbers(&log(stores, start.run.id).await), [1, 4, 5, 7, 8]);
    assert_eq!(output(stores, &start).await.as_deref(), Some("other"));
    stores.messages.delete(thread.id, other.id).await.unwrap();
    assert_eq!(numbers(&log(stores, start.run.id).await), [1, 8]);
    assert_eq!(output(stores, &start).await, None);
    stores
        .messages
        .delete(thread.id, start.message.id)
        .await
        .unwrap();
    assert_eq!(numbers(&log(stores, start.run.id).await), [8]);
}

#[expect(clippy::panic, reason = "a broken contract ends the test")]
async fn output(stores: &Stores, start: &RunStart) -> Option<String> {
    match log(stores, start.run.id).await.pop().unwrap().kind {
        RunEventKind::Ended { output, .. } => output.map(|message| message.content),
        other => panic!("expected the end, got {other:?}"),
    }
}

pub async fn a_run_goes_on_when_its_question_is_deleted(stores: &Stores) {
    let make = Samples::new();
    for texts in [&["so", " far"][..], &[]] {
        let (thread, start) = has_started(stores, &make).await;
        let question = start.message.id;
        stores.messages.delete(thread.id, question).await.unwrap();
        let answer = make.answer("so far");
        append(stores, &start, deltas(answer.id, 2, texts)).await;
        let last = 1 + texts.len() as u64;
        let end = RunEnd {
            log_end: Some(last),
            ..make.end(&start, vec![answer])
        };
        let finished = stores.runs.finish(&end).await;
        let closing = finished.unwrap().closing_events(last);
        let log = log(stores, start.run.id).await;
        assert_eq!(log[texts.len()..], closing);
        assert_eq!(numbers(&log), (2..=last + 2).collect::<Vec<_>>());
    }
}

pub async fn a_log_goes_with_its_thread(stores: &Stores) {
    let make = Samples::new();
    let (thread, start) = has_started(stores, &make).await;
    stores.threads.delete(thread.id).await.unwrap();
    assert_eq!(log(stores, start.run.id).await, []);
    assert_eq!(stores.runs.find(start.run.id).await.unwrap(), None);
}
