//! Classifies refusals by wording: providers share no error codes.

/// Rejected as a member, not for its value.
pub(crate) fn is_unknown(message: &str, member: &str) -> bool {
    // OpenAI and Azure: "Unsupported parameter", "Unrecognized request argument supplied"; pydantic
    // (Mistral and others): "Extra inputs are not permitted"; Go servers: `unknown field`.
    const UNKNOWN: [&str; 12] = [
        "unsupported",
        "not supported",
        "does not support",
        "unrecogni",
        "not recogni",
        "unknown",
        "unexpected",
        "not permitted",
        "not allowed",
        "extra_forbidden",
        "deprecated",
        "instead",
    ];
    // "`max_tokens` must be less than or equal to `8192`", "max_tokens is too large"
    const VALUE: [&str; 11] = [
        "too large",
        "too small",
        "too high",
        "must be",
        "at most",
        "at least",
        "less than",
        "greater",
        "exceed",
        "maximum",
        "between",
    ];
    let message = message.to_lowercase();
    let mentions = |words: &[&str]| words.iter().any(|word| message.contains(word));
    message.contains(member) && (mentions(&UNKNOWN) || !mentions(&VALUE))
}

/// The output schema, or output schemas in general.
pub(crate) fn is_about_schema(message: &str) -> bool {
    const ABOUT: [&str; 16] = [
        // OpenAI and compatible servers: "Invalid schema for response_format 'answer'"
        "response_format",
        "response format",
        "json_schema",
        "json schema",
        // llama.cpp: "failed to parse grammar"; vLLM: "Grammar error: Unimplemented keys"
        "grammar",
        // vLLM: "features not supported by xgrammar", and its other libraries
        "xgrammar",
        "guidance",
        "outlines",
        "guided",
        "structured output",
        "structured_output",
        // Gemini: "generation_config.response_schema", "produces a constraint that has too many
        // states for serving"
        "response_schema",
        "responseschema",
        "constraint that has too many states",
        // Anthropic: "output_config.format.schema", "output_format"
        "output_config",
        "output_format",
    ];
    let message = message.to_lowercase();
    ABOUT.iter().any(|word| message.contains(word))
}

/// The conversation exceeds the model's context.
pub(crate) fn is_about_length(message: &str) -> bool {
    // With issues that quote the wording.
    const PHRASES: [&str; 41] = [
        // OpenAI, DeepSeek, OpenRouter, vLLM (vllm-project/vllm#20409), Groq (OpenHands#1902)
        "context_length_exceeded",
        "maximum context length",
        "reduce the length of the messages",
        "reduce the length of the input",
        "reduce your prompt",
        // Azure (BerriAI/litellm#15968)
        "input tokens exceed",
        "reduce the length of your",
        // vLLM
        "maximum model length",
        "longer than the maximum model",
        // SGLang (QwenLM/Qwen3#1321, sgl-project/sglang#4048)
        "longer than the model's context length",
        "exceeds the maximum allowed length",
        "exceeds the model's maximum context",
        // llama.cpp
        "exceed_context_size",
        "available context size",
        "context size has been exceeded",
        "input is too large to process",
        // LiteLLM
        "contextwindowexceeded",
        "context window",
        "context_window_exceeded",
        // xAI (cline/cline#3120)
        "maximum prompt length",
        // Mistral (BerriAI/litellm#21647)
        "too large for model",
        // Anthropic
        "prompt is too long",
        "exceed context limit",
        "request_too_large",
        // Bedrock (aws-samples/bedrock-chat#95), Replicate
        "input is too long",
        "too many input tokens",
        "too many tokens",
        // Gemini
        "exceeds the maximum number of tokens",
        // Ollama
        "exceeds the context length",
        "exceeds maximum context",
        // LM Studio, oMLX (ClawX#658), Perplexity
        "context length of only",
        "prompt too long",
        "messages is too long",
        // Text Generation Inference, Together (bytedance/UI-TARS-desktop#626)
        "`inputs` tokens",
        "`inputs` must have less than",
        "context length exceeded",
        // Moonshot, Qwen (DashScope), GitHub Copilot, Z.ai
        "exceeded model token limit",
        "range of input length",
        "model_max_prompt_tokens_exceeded",
        "prompt token count of",
        "prompt exceeds max length",
    ];
    let message = message.to_lowercase();
    PHRASES.iter().any(|phrase| message.contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::{is_about_length, is_about_schema, is_unknown};

    #[test]
    fn an_unknown_parameter_differs_from_a_limit_that_is_too_high() {
        for message in [
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use \
             'max_completion_tokens' instead.",
            "max_tokens: no such parameter",
            r#"{"detail":[{"type":"extra_forbidden","loc":["body","max_tokens"]}]}"#,
        ] {
            assert!(is_unknown(message, "max_tokens"), "{message}");
        }
        for message in [
            "`max_tokens` must be less than or equal to `16384`",
            "max_tokens is too large: 99. This model supports at most 9 completion tokens",
            "max_tokens: 9 > 8, which is the maximum allowed number of output tokens",
            "Unrecognized request argument supplied: max_completion_tokens",
            "scripted failure",
        ] {
            assert!(!is_unknown(message, "max_tokens"), "{message}");
        }
        assert!(is_unknown(
            "Unrecognized request argument supplied: max_completion_tokens",
            "max_completion_tokens"
        ));
    }

    #[test]
    fn refused_schemas_are_recognised() {
        for message in [
            "Invalid schema for response_format 'answer': In context=()",
            "This response_format type is unavailable now",
            "Failed to initialize samplers: failed to parse grammar",
            "JSON schema conversion failed: Unrecognized schema",
            "The provided JSON schema contains features not supported by xgrammar.",
            "Grammar error: Unimplemented keys: [\"propertyNames\"]",
            "Invalid value at 'generation_config.response_schema'",
            "output_config.format.schema: For 'object' type, 'additionalProperties' must be set",
        ] {
            assert!(is_about_schema(message), "{message}");
        }
        assert!(!is_about_schema("Invalid schema for function 'add'"));
        assert!(!is_about_schema("scripted failure"));
    }

    #[test]
    fn long_contexts_are_recognised() {
        for message in [
            r#"{"error":{"code":"context_length_exceeded"}}"#,
            "This model's maximum context length is 4096 tokens. However, you requested",
            "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in",
            "The decoder prompt (length 9000) is longer than the maximum model length of 8192.",
            "The input (61709 tokens) is longer than the model's context length (40960 tokens).",
            "Input length (160062 tokens) exceeds the maximum allowed length (59862 tokens).",
            r#"{"error":{"code":400,"type":"exceed_context_size_error"}}"#,
            "the request exceeds the available context size, try increasing it",
            "litellm.ContextWindowExceededError: AnthropicError",
            "This model's maximum prompt length is 131072 but the request contains 136973 tokens.",
            "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768",
            "prompt is too long: 210000 tokens > 200000 maximum",
            "input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000",
            "Input is too long for requested model.",
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            "the input length exceeds the context length",
            "The total length of all messages is too long.",
            "Prompt too long: 41911 tokens exceeds max context window of 32768 tokens",
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 65537.",
            "Request too large: reduce the length of the messages",
            "Invalid request: Your request exceeded model token limit: 8192",
            "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]",
            r#"{"error":{"code":"model_max_prompt_tokens_exceeded"}}"#,
            "prompt token count of 65000 exceeds the limit of 64000",
            "Prompt exceeds max length",
            "Input validation error: `inputs` must have less than 4096 tokens. Given: 5000",
        ] {
            assert!(is_about_length(message), "{message}");
        }
        for message in [
            "scripted failure",
            "max_tokens is too large: 99. This model supports at most 9 completion tokens",
            "Invalid schema for function 'add'",
        ] {
            assert!(!is_about_length(message), "{message}");
        }
    }
}
