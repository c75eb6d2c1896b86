//! Properties of the fold.

use chrono::DateTime;
use uuid::Uuid;

use crate::{
    AssistantId, CallExecutor, ContentPart, FinishReason, Message, MessageId, MessageKind,
    MessageStatus, ModelName, OutputFormat, RequestedCall, RequiredAction, Run, RunAction,
    RunEnding, RunEventKind, RunId, RunState, RunStatus, ThreadId, ToolCall, ToolResult, Usage,
};

fn id(number: u64) -> MessageId {
    MessageId::from_uuid(Uuid::from_u128(number.into()))
}

fn run() -> Run {
    Run {
        id: RunId::from_uuid(Uuid::from_u128(1)),
        thread_id: ThreadId::from_uuid(Uuid::from_u128(2)),
        assistant_id: AssistantId::from_uuid(Uuid::from_u128(3)),
        assistant_revision: None,
        settings: None,
        user_id: None,
        output_format: OutputFormat::Text,
        status: RunStatus::InProgress,
        finish_reason: None,
        error: None,
        usage: None,
        cache: None,
        expires_at: None,
        required_action: None,
        created_at: DateTime::UNIX_EPOCH,
        finished_at: None,
    }
}

fn started(position: u64) -> RunEventKind {
    RunEventKind::Started {
        run: Box::new(run()),
        earlier: None,
        messages: vec![Message {
            id: id(1_000),
            thread_id: run().thread_id,
            position,
            kind: MessageKind::Human,
            content: "Well?".to_owned(),
            status: MessageStatus::Completed,
            tool_call: None,
            run_id: Some(run().id),
            assistant_id: None,
            created_at: DateTime::UNIX_EPOCH,
        }],
    }
}

fn delta(message: u64, part: ContentPart, text: &str) -> RunEventKind {
    RunEventKind::MessageDelta {
        message_id: id(message),
        part,
        text: text.to_owned(),
    }
}

fn requested(message: u64, by: CallExecutor) -> RequestedCall {
    RequestedCall {
        message_id: id(message),
        call: ToolCall {
            id: message.to_string(),
            name: "calculator".to_owned(),
            arguments: "{}".to_owned(),
            signature: Some("signed".to_owned()),
        },
        by,
        needs_approval: false,
    }
}

fn returned(message: u64) -> RunEventKind {
    RunEventKind::ToolReturned {
        message_id: id(message),
        result: ToolResult {
            call_id: message.to_string(),
            name: "calculator".to_owned(),
            content: "four".to_owned(),
            is_error: false,
        },
    }
}

fn model_called(tokens: u64) -> RunEventKind {
    RunEventKind::ModelCalled {
        depth: 0,
        round: 1,
        model: ModelName::parse("echo::echo").unwrap(),
        finish_reason: Some(FinishReason::Stop),
        usage: Some(Usage {
            input_tokens: tokens,
            output_tokens: 1,
        }),
    }
}

fn asked(calls: Vec<RequestedCall>) -> RunEventKind {
    RunEventKind::ToolsRequested {
        round: 1,
        message_id: None,
        calls,
    }
}

fn paused() -> RunEventKind {
    let action = RequiredAction {
        kind: RunAction::SubmitToolOutputs,
        calls: Vec::new(),
    };
    RunEventKind::Paused {
        run: Box::new(Run {
            status: RunStatus::RequiresAction,
            required_action: Some(Box::new(action)),
            expires_at: Some(DateTime::UNIX_EPOCH),
            ..run()
        }),
    }
}

fn resumed(approved: Vec<MessageId>) -> RunEventKind {
    RunEventKind::Resumed {
        run: Box::new(run()),
        part: 2,
        approved,
    }
}

fn completed() -> RunEnding {
    RunEnding {
        status: RunStatus::Completed,
        finish_reason: Some(FinishReason::Stop),
        error: None,
        cache: None,
        finished_at: DateTime::UNIX_EPOCH,
    }
}

/// An arbitrary event, in no realistic order.
fn any_event(seed: &mut u64) -> RunEventKind {
    let mut next = |below: u64| {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*seed >> 33) % below
    };
    let (kind, message) = (next(10), next(5));
    let round = u32::try_from(next(4)).unwrap();
    match kind {
        0 => RunEventKind::UtteranceBegan {
            message_id: id(message),
            round,
        },
        1 => delta(message, ContentPart::Text, "said "),
        2 => delta(message, ContentPart::Reasoning, "thought "),
        3 => RunEventKind::UtteranceDiscarded {
            message_id: id(message),
            complaint: "no JSON".to_owned(),
            text: String::new(),
        },
        4 => RunEventKind::ToolsRequested {
            round,
            message_id: None,
            calls: vec![requested(message + 10, CallExecutor::Client)],
        },
        5 => RunEventKind::ToolCalled {
            message_id: id(message + 10),
            call: requested(message + 10, CallExecutor::Service).call,
        },
        6 => returned(message + 10),
        7 => model_called(message),
        8 => paused(),
        _ => resumed(vec![id(message + 10)]),
    }
}

#[test]
fn a_fold_may_stop_anywhere_and_go_on() {
    let mut seed = 7;
    for _ in 0..200 {
        let events: Vec<_> = (0..30).map(|_| any_event(&mut seed)).collect();
        let whole = RunState::of(&events);
        for stop in 0..events.len() {
            let (before, after) = events.split_at(stop);
            let mut state = RunState::of(before);
            after.iter().for_each(|event| state.apply(event));
            assert_eq!(state, whole, "stopped before event {stop}");
        }
    }
}

#[test]
fn deltas_may_be_joined() {
    let parts = [ContentPart::Text, ContentPart::Reasoning];
    for part in parts {
        let single = [delta(1, part, "so "), delta(1, part, "far")];
        let joined = [delta(1, part, "so far")];
        assert_eq!(RunState::of(&single), RunState::of(&joined));
    }
}

#[test]
fn an_end_stores_what_was_said_and_answered_in_order() {
    let calls = vec![
        requested(11, CallExecutor::Service),
        requested(12, CallExecutor::Service),
    ];
    let events = [
        started(4),
        delta(1, ContentPart::Text, "let me see"),
        asked(calls),
        model_called(2),
        returned(11),
        delta(2, ContentPart::Reasoning, "easy"),
        delta(2, ContentPart::Text, "four"),
        model_called(3),
    ];
    let closing = RunState::of(&events).ending(&run(), &completed());
    let ids: Vec<_> = closing.messages.iter().map(|it| it.id).collect();
    assert_eq!(ids, [id(1), id(11), id(2)]);
    let reasoning: Vec<_> = closing.messages.iter().map(|it| &it.reasoning).collect();
    assert_eq!(reasoning, [&None, &None, &Some("easy".to_owned())]);
    let whole = |it: &crate::NewMessage| it.status == MessageStatus::Completed;
    assert!(closing.messages.iter().all(whole));
    let usage = closing.run.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens), (5, 2));
    let positions: Vec<_> = closing.events.iter().filter_map(position).collect();
    assert_eq!(positions, [5, 7]);
    let Some(RunEventKind::Ended { output, .. }) = closing.events.last() else {
        panic!("{:?}", closing.events);
    };
    assert_eq!(output.as_ref().unwrap().content, "four");
}

fn position(event: &RunEventKind) -> Option<u64> {
    match event {
        RunEventKind::MessageCompleted { message } => Some(message.position),
        _ => None,
    }
}

#[test]
fn a_refused_draft_is_no_message_whoever_ends_the_run() {
    let events = [
        started(1),
        delta(1, ContentPart::Text, "no JSON"),
        model_called(1),
        RunEventKind::UtteranceDiscarded {
            message_id: id(1),
            complaint: "It cannot be read.".to_owned(),
            text: String::new(),
        },
        delta(2, ContentPart::Text, "{}"),
    ];
    let state = RunState::of(&events);
    for ending in [completed(), RunEnding::interrupted(DateTime::UNIX_EPOCH)] {
        let closing = state.ending(&run(), &ending);
        let ids: Vec<_> = closing.messages.iter().map(|it| it.id).collect();
        assert_eq!(ids, [id(2)]);
    }
}

#[test]
fn what_was_thought_before_silent_calls_is_kept_beside_the_first_result() {
    let calls = vec![
        requested(11, CallExecutor::Service),
        requested(12, CallExecutor::Service),
    ];
    let events = [
        started(1),
        delta(1, ContentPart::Reasoning, "I need a calculator."),
        asked(calls),
        returned(12),
        returned(11),
    ];
    let ending = RunEnding::cancelled(DateTime::UNIX_EPOCH);
    let closing = RunState::of(&events).ending(&run(), &ending);
    let kept: Vec<_> = closing
        .messages
        .iter()
        .map(|it| (it.id, &it.reasoning))
        .collect();
    let thought = Some("I need a calculator.".to_owned());
    assert_eq!(kept, [(id(11), &thought), (id(12), &None)]);
}

#[test]
fn what_a_pause_has_stored_is_not_stored_again() {
    let calls = vec![
        requested(11, CallExecutor::Service),
        requested(12, CallExecutor::Client),
    ];
    let mut state = RunState::of(&[
        started(1),
        delta(1, ContentPart::Text, "let me see"),
        asked(calls),
        returned(11),
    ]);
    let now = DateTime::UNIX_EPOCH;
    let action = state.required_action().unwrap();
    let ids: Vec<_> = action.calls.iter().map(|call| call.message_id).collect();
    assert_eq!(ids, [id(12)]);
    let pausing = state.pausing(&run(), action, now, now);
    let ids: Vec<_> = pausing.messages.iter().map(|it| it.id).collect();
    assert_eq!(ids, [id(1), id(11)]);
    assert_eq!(pausing.run.status, RunStatus::RequiresAction);
    pausing.events.iter().for_each(|event| state.apply(event));
    let action = RunAction::SubmitToolOutputs;
    assert_eq!(state.paused(), Some((action, now)));
    assert_eq!(state.parts(), 2);
    for event in [
        returned(12),
        state.resuming(&run(), Vec::new()),
        delta(2, ContentPart::Text, "four"),
    ] {
        state.apply(&event);
    }
    let closing = state.ending(&run(), &completed());
    let ids: Vec<_> = closing.messages.iter().map(|it| it.id).collect();
    assert_eq!(ids, [id(12), id(2)]);
    let positions: Vec<_> = closing.events.iter().filter_map(position).collect();
    assert_eq!(positions, [5]);
}

#[test]
fn approvals_come_before_outputs_and_only_approved_calls_are_due() {
    let guarded = |message| RequestedCall {
        needs_approval: true,
        ..requested(message, CallExecutor::Service)
    };
    let calls = vec![
        guarded(11),
        requested(12, CallExecutor::Client),
        guarded(13),
        requested(14, CallExecutor::Service),
    ];
    let mut state = RunState::of(&[started(1), asked(calls)]);
    let due = |state: &RunState| {
        let due = state.last_calls().filter(|call| call.is_due());
        due.map(|call| call.requested.message_id)
            .collect::<Vec<_>>()
    };
    let waits = |state: &RunState| {
        let action = state.required_action()?;
        let ids = action.calls.iter().map(|call| call.message_id);
        Some((action.kind, ids.collect::<Vec<_>>()))
    };
    assert_eq!(due(&state), [id(14)]);
    state.apply(&returned(14));
    assert_eq!(due(&state), []);
    assert_eq!(
        waits(&state),
        Some((RunAction::Approve, vec![id(11), id(13)]))
    );
    // One is declined.
    for event in [returned(13), resumed(vec![id(11)])] {
        state.apply(&event);
    }
    assert_eq!(due(&state), [id(11)]);
    state.apply(&returned(11));
    let outputs = (RunAction::SubmitToolOutputs, vec![id(12)]);
    assert_eq!(waits(&state), Some(outputs));
    state.apply(&returned(12));
    assert_eq!(waits(&state), None);
}
