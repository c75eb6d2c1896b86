use colloquy_application::ports::ModelError;
use colloquy_domain::FinishReason;

use crate::failure::broken;

/// What of a reason's name says that the answer was cut for its length.
const LENGTH: [&str; 6] = [
    "length",
    "max_",
    "maxtokens",
    "limit",
    "truncat",
    "context_window",
];
/// What says that somebody withheld the rest.
const FILTER: [&str; 10] = [
    "filter",
    "safety",
    "refus",
    "block",
    "prohibit",
    "moderat",
    "sensitive",
    "guardrail",
    "recitation",
    "spii",
];
/// What says that the server broke off.
const BROKEN: [&str; 7] = [
    "abort",
    "error",
    "cancel",
    "fail",
    "timeout",
    "insufficient",
    "malformed",
];

/// Why the model stopped, in whichever spelling. A reason that nobody has heard of ends the answer
/// as any other: whoever sends one has said that there is no more.
pub(crate) fn finish_reason(reason: &str) -> Result<FinishReason, ModelError> {
    let said = reason.to_ascii_lowercase();
    let names = |parts: &[&str]| parts.iter().any(|part| said.contains(part));
    if names(&BROKEN) {
        Err(broken(format!("the model stopped for {reason:?}")))
    } else if names(&FILTER) {
        Ok(FinishReason::ContentFilter)
    } else if names(&LENGTH) {
        Ok(FinishReason::Length)
    } else {
        Ok(FinishReason::Stop)
    }
}

#[cfg(test)]
mod tests {
    use colloquy_domain::FinishReason;

    use super::finish_reason;

    #[test]
    fn reasons_are_known_in_every_spelling() {
        for (expected, reasons) in [
            (
                FinishReason::Stop,
                &[
                    "stop",
                    "STOP",
                    "Stop",
                    "end",
                    "eos",
                    "eos_token",
                    "EOS_TOKEN",
                    "end_turn",
                    "END_TURN",
                    "stop_sequence",
                    "tool_calls",
                    "tool_use",
                    "function_call",
                    "complete",
                    "COMPLETE",
                    "done",
                    "something new",
                ][..],
            ),
            (
                FinishReason::Length,
                &[
                    "length",
                    "LENGTH",
                    "max_tokens",
                    "MAX_TOKENS",
                    "max_output_tokens",
                    "max_length",
                    "model_length",
                    "model_context_window_exceeded",
                    "maxTokens",
                ],
            ),
            (
                FinishReason::ContentFilter,
                &[
                    "content_filter",
                    "CONTENT_FILTER",
                    "content-filter",
                    "contentFilter",
                    "content_filtered",
                    "SAFETY",
                    "refusal",
                    "RECITATION",
                    "PROHIBITED_CONTENT",
                    "BLOCKLIST",
                    "SPII",
                    "sensitive",
                    "guardrail_intervened",
                ],
            ),
        ] {
            for reason in reasons {
                assert_eq!(finish_reason(reason).unwrap(), expected, "{reason}");
            }
        }
        for reason in [
            "abort",
            "error",
            "cancelled",
            "insufficient_system_resource",
            "MALFORMED_FUNCTION_CALL",
        ] {
            assert!(finish_reason(reason).is_err(), "{reason}");
        }
    }
}
