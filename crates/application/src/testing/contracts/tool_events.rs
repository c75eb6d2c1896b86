//! Contract of [`RunEventRepository`](crate::ports::RunEventRepository) and
//! [`RunRepository`](crate::ports::RunRepository): tools.

use colloquy_domain::{
    AnsweredCall, CallExecutor, ContentPart, FinishReason, Message, MessageId, MessageKind,
    MessageStatus, ModelName, OpenCall, OutputFormat, RequestedCall, RequiredAction, Run,
    RunAction, RunEvent, RunEventKind, RunStatus, Thread, ToolCall, ToolResult, Usage,
};

use super::Stores;
use super::logs::{append, cancelled, deltas, has_started, log};
use crate::ports::{MessageScope, MessagesFrom};
use crate::testing::samples::{Samples, difficult_texts, moment};
use crate::testing::steps::RunStart;

fn called(message_id: MessageId, call: &ToolCall) -> RunEventKind {
    RunEventKind::ToolCalled {
        message_id,
        call: call.clone(),
    }
}

fn returned(message_id: MessageId, call: &ToolCall, content: &str) -> RunEventKind {
    RunEventKind::ToolReturned {
        message_id,
        result: ToolResult {
            call_id: call.id.clone(),
            name: call.name.clone(),
            content: content.to_owned(),
            is_error: true,
        },
    }
}

fn numbered(first: u64, kinds: impl IntoIterator<Item = RunEventKind>) -> Vec<RunEvent> {
    let events = (first..).zip(kinds);
    events
        .map(|(number, kind)| RunEvent { number, kind })
        .collect()
}

async fn all_messages(stores: &Stores, thread: &Thread) -> Vec<Message> {
    let scope = MessageScope::WithTools;
    stores
        .messages
        .list(thread.id, scope, MessagesFrom::OLDEST, 10)
        .await
        .unwrap()
        .items
}

pub async fn tool_events_are_read_as_they_were_written(stores: &Stores) {
    let make = Samples::new();
    let (_, start) = has_started(stores, &make).await;
    let kinds = difficult_texts().into_iter().flat_map(|text| {
        let (id, call) = (make.message_id(), make.tool_call(&text));
        [called(id, &call), returned(id, &call, &text)]
    });
    let expected = numbered(2, kinds);
    let (first, second) = expected.split_at(3);
    append(stores, &start, first.to_vec()).await;
    append(stores, &start, second.to_vec()).await;
    assert_eq!(log(stores, start.run.id).await[1..], expected);
}

pub async fn every_kind_of_event_is_read_as_it_was_written(stores: &Stores) {
    let make = Samples::new();
    let (_, start) = has_started(stores, &make).await;
    let mut kinds = Vec::new();
    for (text, by) in difficult_texts()
        .into_iter()
        .zip(CallExecutor::ALL.iter().cycle())
    {
        let message_id = make.message_id();
        let call = ToolCall {
            signature: Some(text.clone()),
            ..make.tool_call(&text)
        };
        let requested = RequestedCall {
            message_id: make.message_id(),
            call,
            by: *by,
            needs_approval: *by == CallExecutor::Service,
        };
        let thought = RunEventKind::MessageDelta {
            message_id,
            part: ContentPart::Reasoning,
            text: text.clone(),
        };
        kinds.extend([
            RunEventKind::UtteranceBegan {
                message_id,
                round: 7,
            },
            thought,
            RunEventKind::ToolsRequested {
                round: 7,
                message_id: Some(message_id),
                calls: vec![requested],
            },
            RunEventKind::UtteranceDiscarded {
                message_id,
                complaint: text.clone(),
                text,
            },
        ]);
    }
    for finish_reason in [None, Some(FinishReason::Length)] {
        kinds.push(RunEventKind::ModelCalled {
            depth: 2,
            round: 3,
            model: ModelName::parse("echo::echo").unwrap(),
            finish_reason,
            usage: finish_reason.map(|_| Usage {
                input_tokens: 5_000_000_000,
                output_tokens: 1,
            }),
        });
    }
    for kind in RunAction::ALL {
        kinds.extend(pause(&make, &start.run, *kind));
    }
    let expected = numbered(2, kinds);
    append(stores, &start, expected.clone()).await;
    assert_eq!(log(stores, start.run.id).await[1..], expected);
}

/// The run pauses and is resumed.
fn pause(make: &Samples, run: &Run, kind: RunAction) -> [RunEventKind; 2] {
    let usage = Some(Usage {
        input_tokens: 5_000_000_000,
        output_tokens: 1,
    });
    let run = Run {
        usage,
        ..run.clone()
    };
    let call = OpenCall {
        message_id: make.message_id(),
        tool_call_id: "\u{1f980} \"1\"".to_owned(),
        name: "look up".to_owned(),
        arguments: "{\"a\": \"\\u0000\"}".to_owned(),
    };
    let action = RequiredAction {
        kind,
        calls: vec![call],
    };
    let paused = Run {
        status: RunStatus::RequiresAction,
        expires_at: Some(moment(999_999)),
        required_action: Some(Box::new(action)),
        ..run.clone()
    };
    [
        RunEventKind::Paused {
            run: Box::new(paused),
        },
        RunEventKind::Resumed {
            run: Box::new(run),
            part: 7,
            approved: vec![make.message_id()],
        },
    ]
}

pub async fn a_deleted_result_leaves_nothing_in_its_request(stores: &Stores) {
    let make = Samples::new();
    let (thread, start) = has_started(stores, &make).await;
    let requested = [(); 2].map(|()| RequestedCall {
        message_id: make.message_id(),
        call: make.tool_call("{}"),
        by: CallExecutor::Service,
        needs_approval: false,
    });
    let [gone, kept] = &requested;
    let kinds = [
        RunEventKind::ToolsRequested {
            round: 1,
            message_id: None,
            calls: requested.to_vec(),
        },
        returned(gone.message_id, &gone.call, "secret"),
    ];
    append(stores, &start, numbered(2, kinds)).await;
    stores.force_end(start.run.id, &cancelled()).await.unwrap();
    let deleted = stores.messages.delete(thread.id, gone.message_id);
    deleted.await.unwrap();
    let expected = RunEventKind::ToolsRequested {
        round: 1,
        message_id: None,
        calls: vec![kept.clone()],
    };
    let log = log(stores, start.run.id).await;
    assert_eq!(log[1].kind, expected);
    assert_eq!(log.len(), 3);
}

/// Text, two tool calls of which one is answered, more text.
async fn uses_tools(stores: &Stores, make: &Samples, start: &RunStart) -> [MessageId; 4] {
    let ids = [(); 4].map(|()| make.message_id());
    let [before, answered, open, after] = ids;
    let (call, other) = (make.tool_call("{}"), make.tool_call("{}"));
    let mut events = deltas(before, 2, &["let me ", "see"]);
    events.extend(numbered(
        4,
        [
            called(answered, &call),
            called(open, &other),
            returned(answered, &call, "two"),
        ],
    ));
    events.extend(deltas(after, 7, &["it is"]));
    append(stores, start, events).await;
    ids
}

pub async fn a_forced_end_keeps_what_tools_have_answered(stores: &Stores) {
    let make = Samples::new();
    let (thread, start) = has_started(stores, &make).await;
    let [before, answered, _open, after] = uses_tools(stores, &make, &start).await;
    let end = cancelled();
    stores.force_end(start.run.id, &end).await.unwrap();
    let messages = all_messages(stores, &thread).await;
    assert_eq!(messages.len(), 4);
    let [first, tool, last] = [&messages[1], &messages[2], &messages[3]];
    assert_eq!((first.id, first.content.as_str()), (before, "let me see"));
    assert_eq!(first.status, MessageStatus::Completed);
    assert_eq!((tool.id, tool.content.as_str()), (answered, "two"));
    assert_eq!(tool.kind, MessageKind::Tool);
    let call: &AnsweredCall = tool.tool_call.as_deref().unwrap();
    assert_eq!((call.call.arguments.as_str(), call.is_error), ("{}", true));
    assert_eq!((last.id, last.content.as_str()), (after, "it is"));
    assert_eq!(last.status, MessageStatus::Incomplete);
}

pub async fn a_deleted_tool_message_leaves_nothing_in_the_log(stores: &Stores) {
    let make = Samples::new();
    let (thread, start) = has_started(stores, &make).await;
    let [_, answered, ..] = uses_tools(stores, &make, &start).await;
    let run = start.run.id;
    stores.force_end(run, &cancelled()).await.unwrap();
    stores.messages.delete(thread.id, answered).await.unwrap();
    let log = log(stores, run).await;
    let is_about = |event: &RunEvent| match &event.kind {
        RunEventKind::ToolCalled { message_id, .. }
        | RunEventKind::ToolReturned { message_id, .. } => *message_id == answered,
        _ => false,
    };
    assert!(!log.iter().any(is_about));
    assert_eq!(all_messages(stores, &thread).await.len(), 3);
}

pub async fn a_run_keeps_its_output_format(stores: &Stores) {
    let make = Samples::new();
    for output_format in [OutputFormat::Text, OutputFormat::Json] {
        let thread = stores.has_thread(&make).await;
        let mut start = make.start(&thread, make.instance(), make.question("Hello"));
        start.run.output_format = output_format;
        stores.starts(&start).await;
        let run = stores.runs.find(start.run.id).await.unwrap();
        assert_eq!(run.unwrap().output_format, output_format);
    }
}
