//! The contract of starts that bring several messages, or none, and remove others:
//! [`RunRepository::commit`](crate::ports::RunRepository::commit).

use colloquy_domain::{Message, NewMessage, RunEvent, RunEventKind, Thread};

use super::logs::log;
use super::{Stores, assert_conflict, at_once, only_winner};
use crate::ports::{
    Committed, Constraint, MAX_TRUNCATED, MessageScope, MessagesFrom, PortError, RunCommit,
};
use crate::testing::samples::Samples;
use crate::testing::steps::{RunStart, RunSteps as _};

/// A start with these messages, which answers `earlier` if none of them is a person's.
fn commit(start: &RunStart, messages: Vec<NewMessage>, earlier: Option<&Message>) -> RunCommit {
    let placed = messages.iter().cloned();
    let placed = placed.map(|it| it.placed(start.run.thread_id, start.run.id, 0));
    let kind = RunEventKind::Started {
        run: Box::new(start.run.clone()),
        earlier: earlier.cloned().map(Box::new),
        messages: placed.collect(),
    };
    RunCommit {
        messages,
        events: vec![RunEvent { number: 1, kind }],
        ..start.commit()
    }
}

#[expect(clippy::panic, reason = "a broken contract ends the test")]
async fn written(stores: &Stores, commit: &RunCommit) -> Result<Vec<Message>, PortError> {
    match stores.runs.commit(commit).await? {
        Committed::Written(messages) => Ok(messages),
        Committed::Known(run) => panic!("{} is known", run.id),
    }
}

/// The thread's messages, those of tools too.
async fn stored(stores: &Stores, thread: &Thread) -> Vec<Message> {
    let (scope, from) = (MessageScope::WithTools, MessagesFrom::OLDEST);
    let page = stores.messages.list(thread.id, scope, from, 10_000).await;
    page.unwrap().items
}

/// A thread in which a question was answered with the help of a tool.
async fn has_answered(stores: &Stores, make: &Samples) -> (Thread, RunStart) {
    let thread = stores.has_thread(make).await;
    let start = make.start(&thread, make.instance(), make.question("Well?"));
    stores.starts(&start).await;
    let said = NewMessage {
        reasoning: Some("Hm.".to_owned()),
        ..make.answer("Well.")
    };
    let tool = make.tool_message(make.tool_call("{}"), "4");
    let end = make.end(&start, vec![tool, said]);
    stores.runs.finish(&end).await.unwrap();
    (thread, start)
}

fn next(make: &Samples, thread: &Thread) -> RunStart {
    make.start(thread, make.instance(), make.question("unused"))
}

pub async fn a_start_brings_several_messages_in_order(stores: &Stores) {
    let make = Samples::new();
    let thread = stores.has_thread(&make).await;
    let start = next(&make, &thread);
    let messages = vec![
        make.question("One"),
        make.answer("Two"),
        make.question("Three"),
    ];
    let came = written(stores, &commit(&start, messages, None))
        .await
        .unwrap();
    let positions: Vec<_> = came.iter().map(|message| message.position).collect();
    assert_eq!(positions, [1, 2, 3]);
    assert_eq!(stored(stores, &thread).await, came);
    let told = log(stores, start.run.id).await;
    let expected = RunEventKind::Started {
        run: Box::new(start.run.clone()),
        earlier: None,
        messages: came.clone(),
    };
    assert_eq!(told[0].kind, expected);
    assert_eq!(told[0].kind.question(), came.last());
}

pub async fn a_start_without_messages_answers_what_is_there(stores: &Stores) {
    let make = Samples::new();
    let (thread, first) = has_answered(stores, &make).await;
    let before = stored(stores, &thread).await;
    let start = next(&make, &thread);
    let commit = commit(&start, Vec::new(), Some(&before[0]));
    assert_eq!(written(stores, &commit).await.unwrap(), []);
    assert_eq!(stored(stores, &thread).await, before);
    let told = log(stores, start.run.id).await;
    assert_eq!(told[0].kind.question().unwrap().id, first.message.id);
}

#[expect(clippy::panic, reason = "a broken contract ends the test")]
pub async fn a_start_removes_what_lies_behind_a_position(stores: &Stores) {
    let make = Samples::new();
    let (thread, first) = has_answered(stores, &make).await;
    let (other, _) = has_answered(stores, &make).await;
    let before = stored(stores, &thread).await;
    let start = next(&make, &thread);
    let mut again = commit(&start, Vec::new(), Some(&before[0]));
    again.truncate_after = Some(1);
    written(stores, &again).await.unwrap();
    assert_eq!(stored(stores, &thread).await, before[..1]);
    assert_eq!(stored(stores, &other).await.len(), 3);
    let ids: Vec<_> = before.iter().map(|message| message.id).collect();
    let reasoning = stores.messages.reasoning(&ids, 1_000).await.unwrap();
    assert!(reasoning.texts.is_empty());
    let told = log(stores, first.run.id).await;
    let kinds: Vec<_> = told.iter().map(|event| &event.kind).collect();
    let [
        RunEventKind::Started { messages, .. },
        RunEventKind::Ended { output, .. },
    ] = kinds[..]
    else {
        panic!("{kinds:?}");
    };
    assert_eq!((messages.len(), output), (1, &None));
    // The place of what was removed stays empty.
    let end = make.end(&start, vec![make.answer("Better.")]);
    stores.runs.finish(&end).await.unwrap();
    let after = stored(stores, &thread).await;
    assert_eq!(after[0], before[0]);
    assert_eq!(
        (after[1].position, after[1].content.as_str()),
        (4, "Better.")
    );
}

pub async fn an_edited_question_takes_its_start_along(stores: &Stores) {
    let make = Samples::new();
    let (thread, first) = has_answered(stores, &make).await;
    let start = next(&make, &thread);
    let mut edited = commit(&start, vec![make.question("Well, then?")], None);
    edited.truncate_after = Some(0);
    let came = written(stores, &edited).await.unwrap();
    assert_eq!(stored(stores, &thread).await, came);
    let told = log(stores, first.run.id).await;
    assert!(matches!(
        told[..],
        [RunEvent {
            kind: RunEventKind::Ended { .. },
            ..
        }]
    ));
}

pub async fn a_refused_start_removes_nothing(stores: &Stores) {
    let make = Samples::new();
    let (thread, _) = has_answered(stores, &make).await;
    let active = next(&make, &thread);
    stores.starts(&active).await;
    let before = stored(stores, &thread).await;
    let mut refused = commit(&next(&make, &thread), Vec::new(), None);
    refused.truncate_after = Some(0);
    let answer = written(stores, &refused).await;
    assert_conflict(answer, Constraint::ActiveRunPerThread);
    assert_eq!(stored(stores, &thread).await, before);
}

pub async fn of_many_starts_that_remove_one_is_written(stores: &Stores) {
    let make = Samples::new();
    let (thread, _) = has_answered(stores, &make).await;
    let starts = (0..8).map(|number| {
        let start = next(&make, &thread);
        let mut commit = commit(&start, vec![make.question(&number.to_string())], None);
        commit.truncate_after = Some(0);
        let stores = stores.clone();
        async move { written(&stores, &commit).await }
    });
    let answers = at_once(starts).await;
    let came = only_winner(answers, Constraint::ActiveRunPerThread);
    assert_eq!(stored(stores, &thread).await, came);
}

pub async fn a_start_removes_so_many_messages_and_no_more(stores: &Stores) {
    let make = Samples::new();
    let thread = stores.has_thread(&make).await;
    let start = next(&make, &thread);
    let many = (0..=MAX_TRUNCATED).map(|_| make.question("x")).collect();
    written(stores, &commit(&start, many, None)).await.unwrap();
    let end = make.end(&start, Vec::new());
    stores.runs.finish(&end).await.unwrap();
    let mut again = commit(&next(&make, &thread), Vec::new(), None);
    again.truncate_after = Some(0);
    let answer = written(stores, &again).await;
    assert_conflict(answer, Constraint::TruncatedMessages);
    again.truncate_after = Some(1);
    written(stores, &again).await.unwrap();
    assert_eq!(stored(stores, &thread).await.len(), 1);
}
