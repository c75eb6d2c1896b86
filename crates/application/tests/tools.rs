//! Runs that use tools: arguments, rights, results and failures.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a failure ends the test")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use colloquy_application::ports::ChatMessage;
use colloquy_application::testing::fakes::{Gate, Script};
use colloquy_application::tools::{
    Calculator, MAX_RESULT_BYTES, ToolContext, ToolError, Toolbox, TypedTool,
};
use colloquy_domain::{
    Assistant, FinishReason, MessageKind, MessageStatus, RunEvent, RunEventKind, RunStatus, Slug,
    ToolName, ToolRef, ToolResult, ToolRounds, Usage, tool_name,
};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::sleep;

use support::{Service, ai, human};

fn calculator() -> Toolbox {
    Toolbox::new().with(Calculator).unwrap()
}

fn asks(id: &str, name: &str, arguments: &str) -> Script {
    Script::new()
        .call(id, name, arguments)
        .end(FinishReason::Stop)
}

/// The tool results in the n-th request.
fn results(service: &Service, request: usize) -> Vec<ToolResult> {
    let messages = service.model.requests().swap_remove(request).messages;
    let results = messages.into_iter().filter_map(|message| match message {
        ChatMessage::Tool(result) => Some(result),
        _ => None,
    });
    results.collect()
}

#[tokio::test]
async fn a_tool_is_called_and_its_answer_goes_back_to_the_model() {
    let service = Service::with_tools(
        calculator(),
        &["calculator"],
        [
            Script::new()
                .text("Let me see.")
                .call("call-1", "calculator", r#"{"expression": "6 * 7"}"#)
                .end(FinishReason::Stop),
            Script::answer("It is 42."),
        ],
    )
    .await;
    let outcome = service.ask("What is 6 * 7?").await.unwrap();
    assert_eq!(outcome.run.finish_reason, Some(FinishReason::Stop));
    assert_eq!(outcome.output(), Some("It is 42."));
    let requests = service.model.requests();
    assert_eq!(requests[0].tools[0].name.as_str(), "calculator");
    assert!(requests[0].tools[0].parameters["properties"]["expression"].is_object());
    let result = &results(&service, 1)[0];
    assert_eq!(
        (result.call_id.as_str(), result.content.as_str()),
        ("call-1", "42")
    );
    assert!(!result.is_error);
    assert_eq!(
        service.stored().await,
        [
            human("What is 6 * 7?"),
            ai("Let me see.", MessageStatus::Completed),
            ai("It is 42.", MessageStatus::Completed),
        ]
    );
    let all = service.stored_with_tools().await;
    assert_eq!(all[2].kind, MessageKind::Tool);
    let call = all[2].tool_call.as_deref().unwrap();
    assert_eq!(call.call.arguments, r#"{"expression": "6 * 7"}"#);
    service.model.add(Script::answer("You are welcome."));
    service.ask("Thanks").await.unwrap();
    assert_eq!(results(&service, 2), [], "later runs do not see them");
}

#[tokio::test]
async fn everything_about_tools_is_in_the_log() {
    let service = Service::with_tools(
        calculator(),
        &["calculator"],
        [
            asks("1", "calculator", r#"{"expression": "1 / 0"}"#),
            Script::answer("Not possible."),
        ],
    )
    .await;
    let started = service.post("1 / 0?").await.unwrap();
    let mut follower = started.follow(0);
    let mut kinds = Vec::new();
    while let Some(events) = follower.next().await.unwrap() {
        kinds.extend(events.into_iter().map(|event| event.kind));
    }
    let [
        RunEventKind::Started { .. },
        RunEventKind::UtteranceBegan { round: 1, .. },
        RunEventKind::ToolsRequested { round: 1, .. },
        RunEventKind::ModelCalled { .. },
        RunEventKind::ToolCalled { call, .. },
        RunEventKind::ToolReturned { result, .. },
        RunEventKind::UtteranceBegan { round: 2, .. },
        RunEventKind::MessageDelta { .. },
        RunEventKind::ModelCalled { .. },
        RunEventKind::MessageCompleted { .. },
        RunEventKind::Ended { output, .. },
    ] = kinds.as_slice()
    else {
        panic!("{kinds:?}");
    };
    assert_eq!((call.id.as_str(), call.name.as_str()), ("1", "calculator"));
    assert!(result.is_error && result.content.contains("finite"));
    assert_eq!(output.as_ref().unwrap().content, "Not possible.");
}

#[tokio::test]
async fn what_the_assistant_does_not_list_is_not_called() {
    let service = Service::with_tools(
        calculator(),
        &[],
        [
            asks("1", "calculator", r#"{"expression": "1"}"#),
            Script::answer("Sorry."),
        ],
    )
    .await;
    service.ask("Hi").await.unwrap();
    assert_eq!(service.model.requests()[0].tools, []);
    let result = &results(&service, 1)[0];
    assert!(
        result.is_error && result.content.contains("no such tool"),
        "{result:?}"
    );
}

/// Records its arguments.
#[derive(Clone, Default)]
struct Recorder {
    seen: Arc<Mutex<Vec<String>>>,
}

#[derive(Deserialize, JsonSchema)]
struct Note {
    text: String,
}

#[async_trait]
impl TypedTool for Recorder {
    type Arguments = Note;

    fn name(&self) -> ToolName {
        tool_name!("note")
    }

    fn description(&self) -> String {
        "Notes a text.".to_owned()
    }

    async fn call(&self, context: &ToolContext, note: Note) -> Result<String, ToolError> {
        let user = context.actor.user().unwrap().email.as_str().to_owned();
        let entry = format!("{user}: {}", note.text);
        self.seen.lock().unwrap().push(entry);
        match note.text.as_str() {
            "panic" => panic!("as the test asked"),
            "long" => Ok("x".repeat(100_000)),
            "nul" => Ok("a\0b".to_owned()),
            _ => Ok("noted".to_owned()),
        }
    }
}

#[tokio::test]
async fn only_arguments_that_keep_to_the_schema_reach_the_tool() {
    let recorder = Recorder::default();
    let toolbox = Toolbox::new().with(recorder.clone()).unwrap();
    let bad = [
        "",
        "{",
        "[]",
        "null",
        r#"{"text": 1}"#,
        r#"{"txt": "a"}"#,
        "\0",
    ];
    let mut script = Script::new();
    for (id, arguments) in bad.iter().enumerate() {
        script = script.call(&id.to_string(), "note", arguments);
    }
    let script = script.call("good", "note", r#"{"text": "hello"}"#);
    let scripts = [script.end(FinishReason::Stop), Script::answer("Done.")];
    let service = Service::with_tools(toolbox, &["note"], scripts).await;
    service.ask("Note hello").await.unwrap();
    assert_eq!(*recorder.seen.lock().unwrap(), ["ada@example.org: hello"]);
    let results = results(&service, 1);
    let (good, bad) = results.split_last().unwrap();
    assert_eq!((good.content.as_str(), good.is_error), ("noted", false));
    assert!(bad.iter().all(|result| result.is_error), "{bad:?}");
}

#[tokio::test]
async fn a_tool_that_panics_or_says_too_much_does_no_harm() {
    let toolbox = Toolbox::new().with(Recorder::default()).unwrap();
    let script = Script::new()
        .call("1", "note", r#"{"text": "panic"}"#)
        .call("2", "note", r#"{"text": "long"}"#)
        .call("3", "note", r#"{"text": "nul"}"#);
    let scripts = [script.end(FinishReason::Stop), Script::answer("Done.")];
    let service = Service::with_tools(toolbox, &["note"], scripts).await;
    service.ask("Hi").await.unwrap();
    let results = results(&service, 1);
    assert_eq!(
        (results[0].content.as_str(), results[0].is_error),
        ("The tool failed.", true)
    );
    assert_eq!(results[1].content.len(), MAX_RESULT_BYTES);
    assert!(results[1].content.ends_with("[cut]"));
    assert_eq!(results[2].content, "a\u{FFFD}b");
}

/// Counts concurrent calls.
#[derive(Clone, Default)]
struct Slow {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    time: Duration,
}

#[derive(Deserialize, JsonSchema)]
struct Nothing {}

#[async_trait]
impl TypedTool for Slow {
    type Arguments = Nothing;

    fn name(&self) -> ToolName {
        tool_name!("slow")
    }

    fn description(&self) -> String {
        "Takes its time.".to_owned()
    }

    async fn call(&self, _: &ToolContext, _: Nothing) -> Result<String, ToolError> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        sleep(self.time).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        Ok("done".to_owned())
    }
}

#[tokio::test(start_paused = true)]
async fn many_calls_at_once_are_carried_out_a_few_at_a_time() {
    let slow = Slow {
        time: Duration::from_secs(1),
        ..Slow::default()
    };
    let toolbox = Toolbox::new().with(slow.clone()).unwrap();
    let script = (0..50).fold(Script::new(), |script, id| {
        script.call(&id.to_string(), "slow", "")
    });
    let scripts = [script.end(FinishReason::Stop), Script::answer("Done.")];
    let service = Service::with_tools(toolbox, &["slow"], scripts).await;
    service.ask("Hi").await.unwrap();
    assert_eq!(slow.most.load(Ordering::SeqCst), 4);
    let ids: Vec<_> = results(&service, 1)
        .into_iter()
        .map(|it| it.call_id)
        .collect();
    let expected: Vec<_> = (0..50).map(|id| id.to_string()).collect();
    assert_eq!(ids, expected);
}

#[tokio::test(start_paused = true)]
async fn a_tool_has_its_time_and_the_run_its_own() {
    let slow = Slow {
        time: Duration::from_secs(3_600),
        ..Slow::default()
    };
    let toolbox = Toolbox::new().with(slow).unwrap();
    let scripts = [asks("1", "slow", "{}"), Script::answer("Too slow.")];
    let service = Service::with_tools(toolbox, &["slow"], scripts).await;
    service.ask("Hi").await.unwrap();
    assert_eq!(results(&service, 1)[0].content, "The tool took too long.");
}

#[tokio::test]
async fn a_model_that_always_asks_for_a_tool_has_to_answer_in_the_end() {
    for rounds in [1, 3] {
        let mut scripts: Vec<_> = (0..rounds)
            .map(|_| asks("again", "calculator", r#"{"expression": "1"}"#))
            .collect();
        scripts.push(
            Script::new()
                .text("One.")
                .call("more", "calculator", r#"{"expression": "1"}"#)
                .end(FinishReason::Stop),
        );
        let shape = |assistant: &mut Assistant| {
            assistant.tools = vec![ToolRef::parse("calculator").unwrap()];
            assistant.max_tool_rounds = ToolRounds::new(rounds).unwrap();
        };
        let service = Service::of(shape, calculator(), scripts).await;
        let outcome = service.ask("Hi").await.unwrap();
        assert_eq!(outcome.run.status, RunStatus::Completed);
        assert_eq!(outcome.run.finish_reason, Some(FinishReason::ToolRounds));
        assert_eq!(outcome.output(), Some("One."));
        let may_call: Vec<_> = service
            .model
            .requests()
            .iter()
            .map(|request| request.may_call_tools)
            .collect();
        let mut expected = vec![true; rounds as usize];
        expected.push(false);
        assert_eq!(may_call, expected);
        let called = service.stored_with_tools().await;
        let called = called.iter().filter(|it| it.kind == MessageKind::Tool);
        assert_eq!(called.count(), rounds as usize);
    }
}

#[tokio::test]
async fn calls_of_an_answer_that_was_cut_are_not_carried_out() {
    for reason in [FinishReason::Length, FinishReason::ContentFilter] {
        let script = Script::new().call("1", "calculator", r#"{"expression": "1"}"#);
        let service =
            Service::with_tools(calculator(), &["calculator"], [script.end(reason)]).await;
        let outcome = service.ask("Hi").await.unwrap();
        assert_eq!(outcome.run.finish_reason, Some(reason));
        assert_eq!(service.stored_with_tools().await.len(), 2);
    }
}

#[tokio::test]
async fn a_cancelled_run_keeps_what_its_tools_have_answered() {
    let gate = Gate::new();
    let service = Service::with_tools(
        calculator(),
        &["calculator"],
        [
            asks("1", "calculator", r#"{"expression": "1"}"#),
            Script::new().text("It").wait(&gate).end(FinishReason::Stop),
        ],
    )
    .await;
    let started = service.post("Hi").await.unwrap();
    let mut follower = started.follow(0);
    let mut has_begun_to_answer = false;
    while !has_begun_to_answer {
        let events = follower.next().await.unwrap().unwrap();
        let is_delta = |it: &RunEvent| matches!(it.kind, RunEventKind::MessageDelta { .. });
        has_begun_to_answer = events.iter().any(is_delta);
    }
    let runs = &service.use_cases.runs;
    runs.cancel(&service.person, service.thread.id, started.run.id)
        .await
        .unwrap();
    let kinds: Vec<_> = service
        .stored_with_tools()
        .await
        .into_iter()
        .map(|it| (it.kind, it.status))
        .collect();
    assert_eq!(
        kinds,
        [
            (MessageKind::Human, MessageStatus::Completed),
            (MessageKind::Tool, MessageStatus::Completed),
            (MessageKind::Ai, MessageStatus::Incomplete),
        ]
    );
}

/// Another assistant that the first may call.
async fn has_expert(service: &Service, shape: impl FnOnce(&mut Assistant)) {
    let mut expert = service.make.assistant("Expert");
    expert.slug = Slug::parse("expert").unwrap();
    shape(&mut expert);
    service
        .memory
        .stores()
        .assistants
        .add(&expert)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_assistant_asks_another_one() {
    let counted = |tokens| {
        Some(Usage {
            input_tokens: tokens,
            output_tokens: 1,
        })
    };
    let service = Service::with_tools(
        calculator(),
        &["assistant:expert"],
        [
            Script::new()
                .call("1", "expert", r#"{"message": "What is 6 * 7?"}"#)
                .end_with(FinishReason::Stop, counted(100)),
            Script::new()
                .call("1", "calculator", r#"{"expression": "6 * 7"}"#)
                .end_with(FinishReason::Stop, counted(10)),
            Script::new()
                .text("42")
                .end_with(FinishReason::Stop, counted(20)),
            Script::new()
                .text("The expert says 42.")
                .end_with(FinishReason::Stop, counted(200)),
        ],
    )
    .await;
    has_expert(&service, |expert| {
        expert.tools = vec![ToolRef::parse("calculator").unwrap()];
    })
    .await;
    let outcome = service.ask("Ask the expert").await.unwrap();
    let requests = service.model.requests();
    assert_eq!(requests[0].tools[0].name.as_str(), "expert");
    assert_eq!(requests[1].messages, [support::user("What is 6 * 7?")]);
    assert_eq!(results(&service, 3)[0].content, "42");
    assert_eq!(outcome.run.usage.unwrap().input_tokens, 330);
    let said: Vec<_> = service
        .stored_with_tools()
        .await
        .into_iter()
        .map(|it| it.content)
        .collect();
    assert_eq!(said, ["Ask the expert", "42", "The expert says 42."]);
}

#[tokio::test]
async fn who_may_not_ask_an_assistant_does_not_reach_it_through_another() {
    let service = Service::with_tools(
        Toolbox::new(),
        &["assistant:expert"],
        [
            asks("1", "expert", r#"{"message": "Hi"}"#),
            Script::answer("No."),
        ],
    )
    .await;
    has_expert(&service, |expert| expert.is_enabled = false).await;
    service.ask("Ask the expert").await.unwrap();
    assert_eq!(service.model.requests()[0].tools, []);
    assert_eq!(
        service.model.requests().len(),
        2,
        "the expert was not asked"
    );
}

#[tokio::test]
async fn assistants_ask_one_another_to_a_certain_depth() {
    let ask = || asks("1", "expert", r#"{"message": "You say it"}"#);
    let scripts = [ask(), ask(), ask(), Script::answer("no")];
    let up = (0..3).map(|_| Script::answer("well"));
    let service = Service::with_tools(
        Toolbox::new(),
        &["assistant:expert"],
        scripts.into_iter().chain(up),
    )
    .await;
    has_expert(&service, |expert| {
        expert.tools = vec![ToolRef::parse("assistant:expert").unwrap()];
    })
    .await;
    let outcome = service.ask("Hi").await.unwrap();
    assert_eq!(outcome.output(), Some("well"));
    let offered: Vec<_> = service
        .model
        .requests()
        .iter()
        .map(|request| request.tools.len())
        .collect();
    assert_eq!(offered[..4], [1, 1, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn signs_of_life_keep_a_silent_model_alive() {
    let pause = Duration::from_secs(50);
    let script = Script::new()
        .pause(pause)
        .progress()
        .pause(pause)
        .progress()
        .pause(pause)
        .text("42");
    let service = Service::with([script.end(FinishReason::Stop)]).await;
    assert_eq!(service.ask("Hi").await.unwrap().output(), Some("42"));
}
