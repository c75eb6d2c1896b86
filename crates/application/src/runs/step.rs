//! The next step of a run: a pure function of its state.

use colloquy_domain::{RequestedCall, RequiredAction, RunState};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Call the model in a new round.
    AskModel,
    /// Execute these calls of the newest round.
    RunTools(Vec<RequestedCall>),
    /// Pause until the client acts.
    AwaitAction(RequiredAction),
    /// The newest utterance is the answer.
    Finish,
}

/// The run's next step.
pub(super) fn next_step(state: &RunState) -> Step {
    let due = state.last_calls().filter(|call| call.is_due());
    let due: Vec<_> = due.map(|call| call.requested.clone()).collect();
    if !due.is_empty() {
        return Step::RunTools(due);
    }
    if let Some(action) = state.required_action() {
        return Step::AwaitAction(action);
    }
    let has_calls = state.last_calls().next().is_some();
    match state.last_utterance() {
        None => Step::AskModel,
        Some(last) if has_calls || last.complaint.is_some() => Step::AskModel,
        Some(_) if state.finish_reason().is_none() => Step::AskModel,
        Some(_) => Step::Finish,
    }
}

#[cfg(test)]
mod tests {
    use colloquy_domain::{
        CallExecutor, ContentPart, FinishReason, MessageId, ModelName, RequestedCall, RunAction,
        RunEventKind, RunState, ToolCall, ToolResult,
    };
    use uuid::Uuid;

    use super::{Step, next_step};

    fn id(number: u128) -> MessageId {
        MessageId::from_uuid(Uuid::from_u128(number))
    }

    fn round(round: u32) -> [RunEventKind; 3] {
        let message_id = id(round.into());
        [
            RunEventKind::UtteranceBegan { message_id, round },
            RunEventKind::MessageDelta {
                message_id,
                part: ContentPart::Text,
                text: "well".to_owned(),
            },
            RunEventKind::ModelCalled {
                depth: 0,
                round,
                model: ModelName::parse("echo::echo").unwrap(),
                finish_reason: Some(FinishReason::Stop),
                usage: None,
            },
        ]
    }

    fn call(number: u128, by: CallExecutor) -> RequestedCall {
        RequestedCall {
            message_id: id(number),
            call: ToolCall {
                id: number.to_string(),
                name: "tool".to_owned(),
                arguments: "{}".to_owned(),
                signature: None,
            },
            by,
            needs_approval: false,
        }
    }

    fn result(of: &RequestedCall) -> RunEventKind {
        RunEventKind::ToolReturned {
            message_id: of.message_id,
            result: ToolResult {
                call_id: of.call.id.clone(),
                name: of.call.name.clone(),
                content: "four".to_owned(),
                is_error: false,
            },
        }
    }

    #[test]
    fn a_run_asks_runs_tools_waits_and_asks_again() {
        let (own, foreign) = (
            call(10, CallExecutor::Service),
            call(11, CallExecutor::Client),
        );
        let mut state = RunState::default();
        assert_eq!(next_step(&state), Step::AskModel);
        round(1).iter().for_each(|event| state.apply(event));
        assert_eq!(next_step(&state), Step::Finish);
        let calls = vec![own.clone(), foreign.clone()];
        state.apply(&RunEventKind::ToolsRequested {
            round: 1,
            message_id: Some(id(1)),
            calls,
        });
        assert_eq!(next_step(&state), Step::RunTools(vec![own.clone()]));
        state.apply(&result(&own));
        let waits = matches!(next_step(&state), Step::AwaitAction(action)
            if action.kind == RunAction::SubmitToolOutputs && action.calls.len() == 1);
        assert!(waits);
        state.apply(&result(&foreign));
        assert_eq!(next_step(&state), Step::AskModel);
        round(2).iter().for_each(|event| state.apply(event));
        assert_eq!(next_step(&state), Step::Finish);
        state.apply(&RunEventKind::UtteranceDiscarded {
            message_id: id(2),
            complaint: "no JSON".to_owned(),
            text: String::new(),
        });
        assert_eq!(next_step(&state), Step::AskModel);
    }

    #[test]
    fn a_model_call_that_was_cut_off_is_made_again() {
        let [begun, delta, _] = round(1);
        assert_eq!(next_step(&RunState::of([&begun, &delta])), Step::AskModel);
    }
}
