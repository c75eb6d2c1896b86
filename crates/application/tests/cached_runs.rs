//! Runs that are answered from the cache or fill it.

#![expect(clippy::unwrap_used, reason = "a failure ends the test")]

mod support;

use std::time::Duration;

use colloquy_application::messages::PostMessage;
use colloquy_application::ports::ModelErrorKind;
use colloquy_application::runs::StartedRun;
use colloquy_application::testing::fakes::{Gate, Script};
use colloquy_application::threads::NewThread;
use colloquy_application::tools::{Calculator, Toolbox};
use colloquy_domain::{
    Assistant, AssistantRef, CacheHit, FinishReason, MessageContent, RunErrorCode, ThreadId,
    ToolRef,
};

use support::Service;

fn cached(assistant: &mut Assistant) {
    assistant.caching.is_on = true;
}

async fn service(scripts: impl IntoIterator<Item = Script>) -> Service {
    Service::of(cached, Toolbox::new(), scripts).await
}

/// Asks in a new thread.
async fn start(service: &Service, content: &str, bypasses_cache: bool) -> StartedRun {
    let thread = thread(service).await;
    let content = MessageContent::parse(content).unwrap();
    let post = PostMessage {
        bypasses_cache,
        ..PostMessage::new(AssistantRef::Id(service.assistant.id), content)
    };
    let messages = &service.use_cases.messages;
    messages.post(&service.person, thread, post).await.unwrap()
}

async fn thread(service: &Service) -> ThreadId {
    let threads = &service.use_cases.threads;
    let new = NewThread::default();
    threads.create(&service.person, new).await.unwrap().id
}

/// The answer and its cache hit.
async fn ask(service: &Service, content: &str) -> (String, Option<CacheHit>) {
    let outcome = start(service, content, false).await.wait().await.unwrap();
    let hit = outcome.run.cache.map(|cache| cache.hit);
    (outcome.output().unwrap().to_owned(), hit)
}

#[tokio::test]
async fn a_question_is_answered_once() {
    let service = service([Script::answer("Paris.")]).await;
    assert_eq!(
        ask(&service, "Capital of France?").await,
        ("Paris.".to_owned(), None)
    );
    for again in ["Capital of France?", "  capital of  France "] {
        let (answer, hit) = ask(&service, again).await;
        assert_eq!((answer.as_str(), hit), ("Paris.", Some(CacheHit::Exact)));
    }
    assert_eq!(service.model.requests().len(), 1);
    let started = start(&service, "Capital of France?", false).await;
    let mut follower = started.follow(0);
    let mut events = Vec::new();
    while let Some(more) = follower.next().await.unwrap() {
        events.extend(more);
    }
    assert_eq!(events.len(), 5, "started, begun, delta, completed, ended");
    let outcome = started.wait().await.unwrap();
    assert_eq!(
        (outcome.run.usage, outcome.run.finish_reason),
        (None, Some(FinishReason::Stop))
    );
}

#[tokio::test]
async fn whoever_wants_an_answer_of_their_own_gets_it() {
    let scripts = ["one", "two", "three"].map(Script::answer);
    let service = service(scripts).await;
    let bypass = || async {
        let started = start(&service, "Hi", true).await;
        started.wait().await.unwrap().output().unwrap().to_owned()
    };
    assert_eq!(bypass().await, "one");
    assert_eq!(
        ask(&service, "Hi").await,
        ("two".to_owned(), None),
        "one answer was not stored"
    );
    assert_eq!(bypass().await, "three");
    assert_eq!(ask(&service, "Hi").await.0, "two");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_a_whole_answer_is_not_kept() {
    let bad = [
        Script::new().text("Par").fail(ModelErrorKind::Broken),
        Script::refusal(ModelErrorKind::Refused),
        Script::new().text("Par").hang(),
    ];
    for script in bad {
        let service = service([script, Script::answer("Paris.")]).await;
        let failed = start(&service, "Capital of France?", false).await;
        assert!(failed.wait().await.is_err());
        assert_eq!(
            ask(&service, "Capital of France?").await,
            ("Paris.".to_owned(), None)
        );
    }
    for reason in [FinishReason::Length, FinishReason::ContentFilter] {
        let cut = Script::new().text("Par").end(reason);
        let service = service([cut, Script::answer("Paris.")]).await;
        ask(&service, "Capital of France?").await;
        assert_eq!(
            ask(&service, "Capital of France?").await,
            ("Paris.".to_owned(), None)
        );
    }
}

#[tokio::test]
async fn an_answer_made_with_tools_is_not_kept() {
    let shape = |assistant: &mut Assistant| {
        cached(assistant);
        assistant.tools = vec![ToolRef::parse("calculator").unwrap()];
    };
    let calls = Script::new()
        .call("1", "calculator", r#"{"expression": "1"}"#)
        .end(FinishReason::Stop);
    let scripts = [calls, Script::answer("One."), Script::answer("1")];
    let toolbox = Toolbox::new().with(Calculator).unwrap();
    let service = Service::of(shape, toolbox, scripts).await;
    assert_eq!(ask(&service, "Count").await.0, "One.");
    assert_eq!(ask(&service, "Count").await, ("1".to_owned(), None));
}

#[tokio::test]
async fn only_the_first_message_of_a_thread_is_looked_up() {
    let service = service(["one", "two", "three"].map(Script::answer)).await;
    for expected in ["one", "two"] {
        let outcome = service.ask("Go on").await.unwrap();
        assert_eq!(
            (outcome.output(), outcome.run.cache),
            (Some(expected), None)
        );
    }
    assert_eq!(ask(&service, "Go on").await.1, Some(CacheHit::Exact));
}

#[tokio::test]
async fn those_who_ask_at_once_wait_for_one_answer() {
    let gate = Gate::new();
    let service = service([Script::new()
        .wait(&gate)
        .text("Paris.")
        .end(FinishReason::Stop)])
    .await;
    let first = start(&service, "Capital of France?", false).await;
    service.model.asked(1).await;
    let second = start(&service, "Capital of France?", false).await;
    gate.open();
    assert_eq!(first.wait().await.unwrap().run.cache, None);
    let second = second.wait().await.unwrap();
    assert_eq!(second.output(), Some("Paris."));
    assert_eq!(second.run.cache.unwrap().hit, CacheHit::Exact);
}

#[tokio::test]
async fn whoever_waited_for_an_answer_that_does_not_come_asks_for_themselves() {
    let service = service([Script::new().hang(), Script::answer("Paris.")]).await;
    let first = start(&service, "Capital of France?", false).await;
    service.model.asked(1).await;
    let second = start(&service, "Capital of France?", false).await;
    let runs = &service.use_cases.runs;
    let cancelled = runs.cancel(&service.person, first.run.thread_id, first.run.id);
    assert_eq!(
        cancelled.await.unwrap().error.unwrap().code,
        RunErrorCode::RunCancelled
    );
    let second = second.wait().await.unwrap();
    assert_eq!((second.output(), second.run.cache), (Some("Paris."), None));
}

#[tokio::test]
async fn a_purge_has_everything_answered_anew() {
    let service = service(["one", "two"].map(Script::answer)).await;
    let admin = service.make.administrator("root@example.org");
    let admin = colloquy_domain::Actor::User(std::sync::Arc::new(admin));
    ask(&service, "Hi").await;
    let assistants = &service.use_cases.assistants;
    let reference = AssistantRef::Id(service.assistant.id);
    assert_eq!(
        assistants.purge_answers(&admin, &reference).await.unwrap(),
        1
    );
    assert_eq!(ask(&service, "Hi").await, ("two".to_owned(), None));
    assert_eq!(
        assistants.purge_answers(&admin, &reference).await.unwrap(),
        1
    );
    service.use_cases.engine.stop(Duration::from_secs(1)).await;
}
