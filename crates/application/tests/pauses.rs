//! Runs that pause for functions of the client or for approvals, and go on.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use colloquy_application::Error;
use colloquy_application::ports::{ChatMessage, InstanceId};
use colloquy_application::runs::{RunOutcome, StartedRun, SubmittedApproval, SubmittedOutput};
use colloquy_application::testing::fakes::Script;
use colloquy_application::tools::{Calculator, Toolbox};
use colloquy_domain::{
    ApprovalReason, Assistant, FinishReason, Function, FunctionDescription, FunctionParameters,
    MessageKind, Run, RunAction, RunBudget, RunEvent, RunEventKind, RunState, RunStatus,
    ToolCallLimit, ToolOutput, ToolRef, ToolResult, tool_name,
};
use uuid::Uuid;

use support::{Service, ai, human};

const OTHER: InstanceId = InstanceId(Uuid::from_u128(2));
const SUM: &str = r#"{"expression": "6 * 7"}"#;

fn function() -> Function {
    Function {
        name: tool_name!("locate"),
        description: FunctionDescription::parse("Where the person is.").unwrap(),
        parameters: FunctionParameters::default(),
        is_strict: true,
    }
}

async fn service(scripts: impl IntoIterator<Item = Script>) -> Service {
    shaped(|_| {}, scripts).await
}

/// With an assistant that has a tool and a function.
async fn shaped(
    shape: impl FnOnce(&mut Assistant),
    scripts: impl IntoIterator<Item = Script>,
) -> Service {
    let toolbox = Toolbox::new().with(Calculator).unwrap();
    let with_function = |assistant: &mut Assistant| {
        assistant.functions = vec![function()];
        assistant.tools = vec![ToolRef::parse("calculator").unwrap()];
        shape(assistant);
    };
    Service::of(with_function, toolbox, scripts).await
}

fn asks(calls: &[(&str, &str)]) -> Script {
    let calls = calls.iter().zip(1..);
    let asked = calls.fold(Script::new(), |script, ((name, arguments), id)| {
        script.call(&id.to_string(), name, arguments)
    });
    asked.end(FinishReason::Stop)
}

fn output(id: &str, content: &str) -> SubmittedOutput {
    SubmittedOutput {
        tool_call_id: id.to_owned(),
        content: ToolOutput::parse(content).unwrap(),
        is_error: false,
    }
}

fn approval(id: &str, reason: Option<&str>) -> SubmittedApproval {
    SubmittedApproval {
        tool_call_id: id.to_owned(),
        approve: reason.is_none(),
        reason: reason.map(|reason| ApprovalReason::parse(reason).unwrap()),
    }
}

/// What the run waits for: the kind, and the IDs of the calls.
fn awaited(run: &Run) -> (RunAction, Vec<String>) {
    let action = run.required_action.as_deref().unwrap();
    let ids = action.calls.iter().map(|call| call.tool_call_id.clone());
    (action.kind, ids.collect())
}

/// The ID of the only call that the run waits for.
fn open_call(run: &Run) -> String {
    let (_, ids) = awaited(run);
    assert_eq!(ids.len(), 1);
    ids[0].clone()
}

impl Service {
    async fn submit(&self, run: &Run, outputs: Vec<SubmittedOutput>) -> Result<StartedRun, Error> {
        let runs = &self.use_cases.runs;
        runs.submit_outputs(&self.person, run.thread_id, run.id, outputs)
            .await
    }

    async fn finish(&self, run: &Run, content: &str) -> RunOutcome {
        let resumed = self.submit(run, vec![output(&open_call(run), content)]);
        resumed.await.unwrap().wait().await.unwrap()
    }

    async fn approve(&self, run: &Run, approvals: Vec<SubmittedApproval>) -> RunOutcome {
        let runs = &self.use_cases.runs;
        let resumed = runs.submit_approvals(&self.person, run.thread_id, run.id, approvals);
        resumed.await.unwrap().wait().await.unwrap()
    }

    /// What the model was told that its tools answered, at its last request.
    fn results(&self) -> Vec<ToolResult> {
        let messages = self.model.requests().pop().unwrap().messages;
        let results = messages.into_iter().filter_map(|message| match message {
            ChatMessage::Tool(result) => Some(result),
            _ => None,
        });
        results.collect()
    }

    async fn log(&self, run: &Run) -> Vec<RunEvent> {
        let stores = self.memory.stores();
        stores.events.list(run.id, 0, 10_000).await.unwrap()
    }
}

#[tokio::test]
async fn a_run_pauses_for_a_function_and_goes_on_with_its_output() {
    let service = service([
        Script::new()
            .text("Let me see.")
            .call("1", "locate", r#"{"precise": true}"#)
            .end(FinishReason::Stop),
        Script::answer("In Bern."),
    ])
    .await;
    let paused = service.ask("Where am I?").await.unwrap();
    assert_eq!(paused.output(), None);
    let run = paused.run;
    assert_eq!(run.status, RunStatus::RequiresAction);
    assert!(run.expires_at.is_some() && run.finished_at.is_none());
    let action = run.required_action.as_deref().unwrap();
    assert_eq!(action.kind, RunAction::SubmitToolOutputs);
    assert_eq!(action.calls[0].name, "locate");
    assert_eq!(action.calls[0].arguments, r#"{"precise": true}"#);
    assert!(
        action.calls[0].tool_call_id.len() > 30,
        "unlike that of any other call"
    );
    assert_eq!(service.use_cases.engine.in_progress(), 0);
    let request = &service.model.requests()[0];
    let tools = request.tools.iter().map(|tool| tool.name.as_str());
    assert_eq!(tools.collect::<Vec<_>>(), ["calculator", "locate"]);
    assert!(request.tools[1].is_strict);

    let outcome = service.finish(&run, "Bern").await;
    assert_eq!(outcome.output(), Some("In Bern."));
    assert_eq!(outcome.run.required_action, None);
    assert_eq!(outcome.messages[0].content, "Where am I?");
    assert_eq!(outcome.messages.len(), 3);
    let [result] = &service.results()[..] else {
        panic!("one result");
    };
    assert_eq!(
        (result.name.as_str(), result.content.as_str()),
        ("locate", "Bern")
    );
    let stored = service.stored_with_tools().await;
    let kinds: Vec<_> = stored.iter().map(|message| message.kind).collect();
    let (tool, ai) = (MessageKind::Tool, MessageKind::Ai);
    assert_eq!(kinds, [MessageKind::Human, ai, tool, ai]);
    assert_eq!(stored[2].content, "Bern");
}

#[tokio::test]
async fn tools_of_the_service_are_carried_out_before_the_pause() {
    let service = service([
        asks(&[("calculator", SUM), ("locate", "{}")]),
        Script::answer("42 in Bern."),
    ])
    .await;
    let run = service.ask("What and where?").await.unwrap().run;
    let stored = service.stored_with_tools().await;
    assert_eq!(stored[1].content, "42", "stored with the pause");
    service.finish(&run, "Bern").await;
    let contents: Vec<_> = service.results().into_iter().map(|it| it.content).collect();
    assert_eq!(contents, ["42", "Bern"]);
    assert_eq!(service.stored_with_tools().await.len(), 4);
}

#[tokio::test]
async fn a_fold_told_from_any_number_is_the_rest() {
    let service = service([
        asks(&[("calculator", SUM), ("locate", "{}")]),
        asks(&[("locate", "{}")]),
        Script::answer("Still in Bern."),
    ])
    .await;
    let mut run = service.ask("Where?").await.unwrap().run;
    for _ in 0..2 {
        run = service.finish(&run, "Bern").await.run;
    }
    assert_eq!(run.status, RunStatus::Completed);
    let log = service.log(&run).await;
    let kinds: Vec<_> = log.iter().map(|event| &event.kind).collect();
    let whole = RunState::of(kinds.iter().copied());
    for stop in 0..kinds.len() {
        let (before, behind) = kinds.split_at(stop);
        let mut state = RunState::of(before.iter().copied());
        behind.iter().for_each(|kind| state.apply(kind));
        assert_eq!(state, whole);
    }
    assert_eq!(whole.parts(), 3);
    assert_eq!(whole.usage(), run.usage);
    // A reader is told each part by itself, and nothing twice.
    let (mut told, mut after, mut ends) = (Vec::new(), 0, 0);
    while told.len() < log.len() {
        let runs = &service.use_cases.runs;
        let follower = runs.follow(&service.person, run.thread_id, run.id, after);
        let mut follower = follower.await.unwrap();
        while let Some(events) = follower.next().await.unwrap() {
            told.extend(events);
        }
        ends += 1;
        after = told.last().unwrap().number;
    }
    assert_eq!(told, log);
    assert_eq!(ends, 3);
}

#[tokio::test]
async fn every_open_call_is_answered_once_or_nothing_happens() {
    let service = service([
        asks(&[("locate", "{}"), ("locate", "{}")]),
        Script::answer("Here and there."),
    ])
    .await;
    let run = service.ask("Where?").await.unwrap().run;
    let (_, ids) = awaited(&run);
    let [one, two] = [&ids[0], &ids[1]];
    let long = "x".repeat(ToolOutput::MAX_TOTAL_BYTES / 2 + 1);
    for (outputs, fields) in [
        (vec![output(one, "a")], vec!["outputs"]),
        (vec![], vec!["outputs", "outputs"]),
        (
            vec![output(one, "a"), output(one, "a")],
            vec!["outputs[1].tool_call_id", "outputs"],
        ),
        (
            vec![output(one, "a"), output(two, "b"), output("1", "c")],
            vec!["outputs[2].tool_call_id"],
        ),
        (
            vec![output(one, &long), output(two, &long)],
            vec!["outputs"],
        ),
    ] {
        let Err(Error::Invalid(error)) = service.submit(&run, outputs).await else {
            panic!("not refused");
        };
        let named: Vec<_> = error.errors.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(named, fields);
    }
    // In any order.
    let outputs = vec![output(two, "there"), output(one, "here")];
    let resumed = service.submit(&run, outputs.clone()).await.unwrap();
    resumed.wait().await.unwrap();
    let contents: Vec<_> = service.results().into_iter().map(|it| it.content).collect();
    assert_eq!(contents, ["here", "there"]);
    let late = service.submit(&run, outputs).await;
    assert!(matches!(late, Err(Error::RunNotPaused(_))));
}

#[tokio::test]
async fn of_many_submissions_one_is_taken() {
    let service = service([asks(&[("locate", "{}")]), Script::answer("Here.")]).await;
    let run = service.ask("Where?").await.unwrap().run;
    let id = open_call(&run);
    let submissions = (0..8).map(|number| {
        let outputs = vec![output(&id, &number.to_string())];
        service.submit(&run, outputs)
    });
    let answers = futures_util::future::join_all(submissions).await;
    let (taken, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    let [Ok(taken)] = <[_; 1]>::try_from(taken).unwrap_or_else(|_| panic!("one is taken")) else {
        panic!("one is taken");
    };
    for refused in refused {
        assert!(matches!(refused, Err(Error::RunNotPaused(_))));
    }
    assert_eq!(taken.wait().await.unwrap().output(), Some("Here."));
    assert_eq!(service.results().len(), 1);
}

#[tokio::test]
async fn another_instance_goes_on() {
    let service = service([asks(&[("locate", "{}")]), Script::answer("In Bern.")]).await;
    let run = service.ask("Where?").await.unwrap().run;
    let other = service.neighbour(OTHER);
    let outputs = vec![output(&open_call(&run), "Bern")];
    let resumed = other
        .runs
        .submit_outputs(&service.person, run.thread_id, run.id, outputs)
        .await
        .unwrap();
    let mut follower = resumed.follow_part();
    let mut told = Vec::new();
    while let Some(events) = follower.next().await.unwrap() {
        told.extend(events);
    }
    assert!(matches!(&told[0].kind, RunEventKind::ToolReturned { .. }));
    assert!(matches!(
        &told[1].kind,
        RunEventKind::Resumed { part: 2, .. }
    ));
    assert!(told.last().unwrap().kind.is_last());
    let rest = told[0].number - 1;
    assert_eq!(
        service.log(&run).await[usize::try_from(rest).unwrap()..],
        told
    );
    assert_eq!(
        service.stored().await,
        [
            human("Where?"),
            ai("In Bern.", colloquy_domain::MessageStatus::Completed)
        ]
    );
}

#[tokio::test]
async fn rounds_and_budget_count_on_over_pauses() {
    let service = shaped(
        |assistant| {
            assistant.budget = RunBudget {
                max_tool_calls: Some(ToolCallLimit::new(3).unwrap()),
                ..RunBudget::default()
            };
        },
        [
            asks(&[("locate", "{}")]),
            asks(&[("calculator", SUM), ("locate", "{}"), ("locate", "{}")]),
            Script::answer("Enough."),
        ],
    )
    .await;
    let run = service.ask("Where?").await.unwrap().run;
    let run = service.finish(&run, "Bern").await.run;
    // The functions took what was left; the tool of the service is told so.
    let (_, ids) = awaited(&run);
    let outputs = ids.iter().map(|id| output(id, "Basel")).collect::<Vec<_>>();
    assert_eq!(outputs.len(), 2);
    let resumed = service.submit(&run, outputs).await.unwrap();
    let outcome = resumed.wait().await.unwrap();
    assert_eq!(outcome.output(), Some("Enough."));
    let results: Vec<_> = service.results().into_iter().map(|it| it.content).collect();
    assert_eq!(results.len(), 4);
    assert!(results.iter().any(|it| it.contains("used up its budget")));
    assert_eq!(outcome.run.finish_reason, Some(FinishReason::ToolRounds));
    assert!(!service.model.requests()[2].may_call_tools);
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_nobody_ends_expires_on_whichever_instance_lives() {
    let service = service([asks(&[("locate", "{}")]), Script::answer("Next.")]).await;
    let run = service.ask("Where?").await.unwrap().run;
    let busy = service.post("And now?").await;
    let Err(Error::ThreadBusy(Some(active))) = busy else {
        panic!("the thread is taken");
    };
    assert_eq!(active.id, run.id);
    service.clock.advance(TimeDelta::minutes(11));
    let other = service.neighbour(OTHER);
    let engine = other.engine.clone();
    let keeping = tokio::spawn(async move { engine.keep().await });
    let runs = &other.runs;
    let follower = runs.follow(&service.person, run.thread_id, run.id, u64::MAX);
    let mut follower = follower.await.unwrap();
    while follower.next().await.unwrap().is_some() {}
    keeping.abort();
    let run = runs.get(&service.person, run.thread_id, run.id);
    let run = run.await.unwrap();
    assert_eq!(run.status, RunStatus::Expired);
    assert_eq!(
        (run.required_action.as_ref(), run.error.as_ref()),
        (None, None)
    );
    let late = service.submit(&run, vec![output("1", "Bern")]).await;
    assert!(matches!(late, Err(Error::RunNotPaused(_))));
    service.ask("And now?").await.unwrap();
}

#[tokio::test]
async fn a_paused_run_is_cancelled() {
    let service = service([asks(&[("locate", "{}")])]).await;
    let run = service.ask("Where?").await.unwrap().run;
    let runs = &service.use_cases.runs;
    let cancelled = runs.cancel(&service.person, run.thread_id, run.id).await;
    assert_eq!(cancelled.unwrap().status, RunStatus::Cancelled);
    let late = service
        .submit(&run, vec![output(&open_call(&run), "Bern")])
        .await;
    assert!(matches!(late, Err(Error::RunNotPaused(_))));
}

#[tokio::test]
async fn guarded_calls_are_carried_out_once_approved_and_not_when_declined() {
    let service = shaped(
        |assistant| assistant.requires_approval = assistant.tools.clone(),
        [
            asks(&[
                ("calculator", SUM),
                ("locate", "{}"),
                ("calculator", r#"{"expression": "1 + 1"}"#),
            ]),
            Script::answer("42 in Bern."),
        ],
    )
    .await;
    let run = service.ask("What and where?").await.unwrap().run;
    let (kind, ids) = awaited(&run);
    assert_eq!((kind, ids.len()), (RunAction::Approve, 2));
    let outputs = ids.iter().map(|id| output(id, "0")).collect();
    let wrong = service.submit(&run, outputs).await;
    assert!(matches!(wrong, Err(Error::RunNotPaused(_))));
    let approvals = vec![
        approval(&ids[1], Some("Too easy.")),
        approval(&ids[0], None),
    ];
    // Now it waits for the function.
    let run = service.approve(&run, approvals).await.run;
    assert_eq!(awaited(&run).0, RunAction::SubmitToolOutputs);
    let outcome = service.finish(&run, "Bern").await;
    assert_eq!(outcome.output(), Some("42 in Bern."));
    let results = service.results();
    let contents: Vec<_> = results.iter().map(|it| it.content.as_str()).collect();
    let declined = "The call was declined: Too easy.";
    assert_eq!(contents, ["42", "Bern", declined]);
    assert!(results[2].is_error);
}

#[tokio::test]
async fn an_assistant_that_is_a_tool_has_neither_functions_nor_guarded_tools() {
    let service = shaped(
        |_| {},
        [
            asks(&[("helper", r#"{"message": "Where?"}"#)]),
            Script::answer("Somewhere."),
            Script::answer("Somewhere, it says."),
        ],
    )
    .await;
    let stores = service.memory.stores();
    let mut helper = service.make.assistant("Helper");
    helper.slug = colloquy_domain::Slug::parse("helper").unwrap();
    helper.functions = vec![function()];
    helper.tools = vec![ToolRef::parse("calculator").unwrap()];
    helper.requires_approval = helper.tools.clone();
    stores.assistants.add(&helper).await.unwrap();
    let change = |old: &Assistant| {
        Some(Assistant {
            tools: vec![ToolRef::parse("assistant:helper").unwrap()],
            ..old.clone()
        })
    };
    let updated = stores.assistants.update(service.assistant.id, &change);
    updated.await.unwrap();
    let outcome = service.ask("Where am I?").await.unwrap();
    assert_eq!(outcome.output(), Some("Somewhere, it says."));
    assert!(service.model.requests()[1].tools.is_empty());
}

#[tokio::test]
async fn a_run_whose_question_was_deleted_meanwhile_goes_on_without_it() {
    let service = service([asks(&[("locate", "{}")]), Script::answer("In Bern.")]).await;
    let paused = service.ask("Where?").await.unwrap();
    let question = paused.messages[0].id;
    let messages = &service.use_cases.messages;
    let deleted = messages.delete(&service.person, paused.run.thread_id, question);
    deleted.await.unwrap();
    let outcome = service.finish(&paused.run, "Bern").await;
    assert_eq!(outcome.output(), Some("In Bern."));
    let request = service.model.requests().pop().unwrap();
    assert!(matches!(&request.messages[0], ChatMessage::User(text) if !text.contains("Where")));
}

#[tokio::test]
async fn a_service_that_stops_takes_nothing_up() {
    let service = service([asks(&[("locate", "{}")])]).await;
    let run = service.ask("Where?").await.unwrap().run;
    let engine = Arc::new(service.use_cases.engine.clone());
    engine.stop(Duration::from_secs(1)).await;
    let outputs = vec![output(&open_call(&run), "Bern")];
    let refused = service.submit(&run, outputs).await;
    assert!(matches!(refused, Err(Error::Stopping)));
    let run = service
        .use_cases
        .runs
        .get(&service.person, run.thread_id, run.id);
    assert_eq!(run.await.unwrap().status, RunStatus::RequiresAction);
}
