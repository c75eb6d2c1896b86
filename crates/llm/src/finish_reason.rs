//! Parses finish reasons.

use colloquy_application::ports::ModelError;
use colloquy_domain::FinishReason;

use crate::failure::broken;

/// Reasons are matched by substring.
const LENGTH: [&str; 6] = [
    "length",
    "max_",
    "maxtokens",
    "limit",
    "truncat",
    "context_window",
];
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
const FAILURE: [&str; 7] = [
    "abort",
    "error",
    "cancel",
    "fail",
    "timeout",
    "insufficient",
    "malformed",
];

/// Sent with every chunk by some servers.
const UNSET: [&str; 4] = ["", "null", "none", "finish_reason_unspecified"];

/// `None` for a placeholder; unknown reasons count as `stop`.
pub(crate) fn parse(reason: &str) -> Result<Option<FinishReason>, ModelError> {
    let name = reason.trim().to_ascii_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    Ok(if UNSET.contains(&name.as_str()) {
        None
    } else if has(&FAILURE) {
        return Err(broken(format!("the model stopped for {reason:?}")));
    } else if has(&FILTER) {
        Some(FinishReason::ContentFilter)
    } else if has(&LENGTH) {
        Some(FinishReason::Length)
    } else {
        Some(FinishReason::Stop)
    })
}

#[cfg(test)]
mod tests {
    use colloquy_domain::FinishReason;

    use super::parse;

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
                assert_eq!(parse(reason).unwrap(), Some(expected), "{reason}");
            }
        }
        for reason in [
            "abort",
            "error",
            "cancelled",
            "insufficient_system_resource",
            "MALFORMED_FUNCTION_CALL",
        ] {
            assert!(parse(reason).is_err(), "{reason}");
        }
        for reason in ["", " ", "null", "FINISH_REASON_UNSPECIFIED"] {
            assert_eq!(parse(reason).unwrap(), None, "{reason}");
        }
    }
}
