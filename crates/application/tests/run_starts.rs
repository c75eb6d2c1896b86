//! Runs that start from what is in the thread: regenerated answers, edited questions.

#![expect(clippy::unwrap_used, reason = "a failure ends the test")]

mod support;

use colloquy_application::Error;
use colloquy_application::messages::StartRun;
use colloquy_application::runs::{RunOutcome, StartMessage, StartedRun};
use colloquy_application::testing::fakes::Script;
use colloquy_domain::{
    IdempotencyKey, MessageContent, MessageId, MessageKind, MessageStatus, RunEventKind,
    RunSettings,
};

use support::{Service, ai, human, model, user};

fn said(kind: MessageKind, text: &str) -> StartMessage {
    StartMessage {
        kind,
        content: MessageContent::parse(text).unwrap(),
    }
}

fn question(text: &str) -> StartMessage {
    said(MessageKind::Human, text)
}

async fn start(
    service: &Service,
    messages: Vec<StartMessage>,
    truncate_after: Option<MessageId>,
    key: Option<&str>,
) -> Result<StartedRun, Error> {
    let start = StartRun {
        assistant: Some(service.assistant.id.into()),
        messages,
        truncate_after,
        settings: RunSettings::default(),
        idempotency_key: key.map(|key| IdempotencyKey::parse(key).unwrap()),
        bypasses_cache: false,
    };
    let messages = &service.use_cases.messages;
    messages
        .start_run(&service.person, service.thread.id, start)
        .await
}

async fn run(
    service: &Service,
    messages: Vec<StartMessage>,
    truncate_after: Option<MessageId>,
) -> RunOutcome {
    let started = start(service, messages, truncate_after, None).await;
    started.unwrap().wait().await.unwrap()
}

async fn answering(texts: &[&str]) -> Service {
    Service::with(texts.iter().map(|text| Script::answer(text))).await
}

fn whole(text: &str) -> (MessageKind, String, MessageStatus) {
    ai(text, MessageStatus::Completed)
}

#[tokio::test]
async fn an_answer_is_generated_anew() {
    let service = answering(&["one", "two", "better"]).await;
    service.ask("Hi").await.unwrap();
    let asked = service.ask("And?").await.unwrap().messages[0].id;
    let outcome = run(&service, Vec::new(), Some(asked)).await;
    assert_eq!(outcome.output(), Some("better"));
    assert_eq!(
        service.stored().await,
        [human("Hi"), whole("one"), human("And?"), whole("better")]
    );
    let told = &service.model.requests()[2].messages;
    assert_eq!(*told, [user("Hi"), model("one"), user("And?")]);
}

#[tokio::test]
async fn a_question_is_edited() {
    let service = answering(&["one", "two", "three"]).await;
    let first = service.ask("Hi").await.unwrap().messages[1].id;
    service.ask("And?").await.unwrap();
    run(&service, vec![question("And then?")], Some(first)).await;
    assert_eq!(
        service.stored().await,
        [
            human("Hi"),
            whole("one"),
            human("And then?"),
            whole("three")
        ]
    );
}

#[tokio::test]
async fn a_run_brings_a_conversation_along() {
    let service = answering(&["four"]).await;
    let messages = vec![
        question("one"),
        said(MessageKind::Ai, "two"),
        question("three"),
    ];
    let outcome = run(&service, messages, None).await;
    let contents: Vec<_> = outcome
        .messages
        .iter()
        .map(|it| it.content.as_str())
        .collect();
    assert_eq!(contents, ["one", "two", "three", "four"]);
    let told = &service.model.requests()[0].messages;
    assert_eq!(*told, [user("one"), model("two"), user("three")]);
}

#[tokio::test]
async fn a_run_without_a_question_is_no_error() {
    let service = answering(&["one", "two", "three"]).await;
    run(&service, Vec::new(), None).await;
    run(&service, Vec::new(), None).await;
    assert_eq!(service.stored().await, [whole("one"), whole("two")]);
    for request in service.model.requests() {
        assert_eq!(request.messages, [user("Continue.")]);
    }
    run(
        &service,
        vec![question("Hi"), said(MessageKind::Ai, "Hm")],
        None,
    )
    .await;
    let told = &service.model.requests()[2].messages;
    assert_eq!(*told, [user("Hi"), model("Hm"), user("Continue.")]);
}

#[tokio::test]
async fn a_start_tells_what_it_answers() {
    let service = answering(&["one", "two"]).await;
    let asked = service.ask("Hi").await.unwrap().messages[0].clone();
    let started = start(&service, Vec::new(), Some(asked.id), None)
        .await
        .unwrap();
    let events = started.follow(0).next().await.unwrap().unwrap();
    assert_eq!(events[0].kind.question(), Some(&asked));
    let RunEventKind::Started { messages, .. } = &events[0].kind else {
        panic!("expected the start");
    };
    assert!(messages.is_empty());
    started.wait().await.unwrap();
}

#[tokio::test]
async fn a_repeated_request_starts_one_run() {
    let service = answering(&["one", "two"]).await;
    let asked = service.ask("Hi").await.unwrap().messages[0].id;
    let first = start(&service, Vec::new(), Some(asked), Some("key")).await;
    let first = first.unwrap();
    let id = first.run.id;
    first.wait().await.unwrap();
    let again = start(&service, Vec::new(), Some(asked), Some("key"))
        .await
        .unwrap();
    assert!(again.is_replay);
    assert_eq!(again.run.id, id);
    let other = start(&service, vec![question("x")], Some(asked), Some("key")).await;
    assert!(matches!(other, Err(Error::IdempotencyMismatch)));
}

#[tokio::test]
async fn only_a_message_of_the_thread_can_be_truncated_after() {
    let service = answering(&["one"]).await;
    service.ask("Hi").await.unwrap();
    let refused = start(&service, Vec::new(), Some(service.make.message_id()), None).await;
    assert!(matches!(
        refused,
        Err(Error::ReferenceNotFound("truncate_after"))
    ));
    assert_eq!(service.stored().await.len(), 2);
}
