//! Refused parts of requests, in various wordings.

use colloquy_application::ports::{ChatRequest, ModelErrorKind};
use colloquy_domain::TokenLimit;
use colloquy_llm::{ModelProviders, ProviderKind};
use colloquy_tests::model_server::{ModelServer, Reply, Request, Script};
use serde_json::json;

use crate::support::{ask_for, providers, request, scripted, settings};

fn limited() -> ChatRequest {
    let mut request = request();
    request.configuration.max_output_tokens = Some(TokenLimit::new(99).unwrap());
    request
}

fn with_schema() -> ChatRequest {
    ChatRequest {
        output_schema: Some(json!({"type": "object", "properties": {"a": {"type": "string"}}})),
        ..request()
    }
}

fn refusing(member: &'static str, status: u16, message: &str) -> Script {
    let message = message.to_owned();
    Script::new(move |sent: &Request| match sent.body.get(member) {
        Some(_) => Reply::body(status, "application/json", &message),
        None => Reply::answer("a"),
    })
}

fn members(server: &ModelServer, member: &str) -> Vec<bool> {
    let requests = server.requests();
    let sent = requests.iter();
    sent.map(|sent| sent.body.get(member).is_some()).collect()
}

#[tokio::test]
async fn the_limit_of_an_answer_goes_by_the_name_that_the_server_takes() {
    for message in [
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use \
         'max_completion_tokens' instead.",
        r#"{"detail":[{"type":"extra_forbidden","loc":["body","max_tokens"]}]}"#,
        "json: unknown field \"max_tokens\"",
    ] {
        let (server, models) = scripted(refusing("max_tokens", 400, message)).await;
        for _ in 0..3 {
            assert_eq!(ask_for(&models, &limited()).await.text(), "a", "{message}");
        }
        let asked = members(&server, "max_tokens");
        assert_eq!(asked, [true, false, false, false], "{message}");
        assert_eq!(server.requests()[3].body["max_completion_tokens"], 99);
    }
}

#[tokio::test]
async fn a_limit_that_is_refused_by_both_names_is_asked_for_twice() {
    let refusal = "Unsupported parameter: max_tokens, max_completion_tokens";
    let (server, models) = scripted(Reply::body(422, "text/plain", refusal)).await;
    let answer = ask_for(&models, &limited()).await;
    assert_eq!(answer.failure(), ModelErrorKind::Refused);
    assert_eq!(members(&server, "max_tokens"), [true, false]);
}

#[tokio::test]
async fn a_refusal_of_something_else_is_one_request() {
    for message in [
        "`max_tokens` must be less than or equal to `16384`",
        "max_tokens is too large: 99. This model supports at most 9 completion tokens",
        "scripted failure",
        "Invalid schema for function 'add'",
        "Unsupported value: 'temperature' does not support 0.5 with this model",
    ] {
        for request in [limited(), with_schema()] {
            let (server, models) = scripted(Reply::body(400, "text/plain", message)).await;
            let answer = ask_for(&models, &request).await;
            assert_eq!(answer.failure(), ModelErrorKind::Refused);
            assert_eq!(server.requests().len(), 1, "{message}");
        }
    }
}

#[tokio::test]
async fn a_schema_that_the_server_does_not_take_is_asked_for_once() {
    for (status, message) in [
        (400, "This response_format type is unavailable now"),
        (
            400,
            "Failed to initialize samplers: failed to parse grammar",
        ),
        (
            400,
            "The provided JSON schema contains features not supported by xgrammar.",
        ),
        (
            500,
            "Grammar error: Unimplemented keys: [\"propertyNames\"]",
        ),
        (
            422,
            r#"{"detail":[{"loc":["body","response_format"],"msg":"extra fields"}]}"#,
        ),
    ] {
        let (server, models) = scripted(refusing("response_format", status, message)).await;
        for _ in 0..2 {
            assert_eq!(
                ask_for(&models, &with_schema()).await.text(),
                "a",
                "{message}"
            );
        }
        let asked = members(&server, "response_format");
        assert_eq!(asked, [true, false, false], "{message}");
    }
}

#[tokio::test]
async fn everything_may_be_refused_at_once() {
    let script = Script::new(|sent: &Request| {
        let refused = ["stream_options", "max_tokens", "response_format"];
        let mut refused = refused.iter().filter(|it| sent.body.get(**it).is_some());
        match refused.next() {
            Some(member) => Reply::body(400, "text/plain", &format!("unknown field {member}")),
            None => Reply::answer("a"),
        }
    });
    let (server, models) = scripted(script).await;
    let mut request = limited();
    request.output_schema = with_schema().output_schema;
    assert_eq!(ask_for(&models, &request).await.text(), "a");
    assert_eq!(ask_for(&models, &request).await.text(), "a");
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn other_providers_are_asked_without_the_schema_too() {
    for (kind, message) in [
        (
            ProviderKind::Anthropic,
            "output_config.format.schema: not supported",
        ),
        (
            ProviderKind::Gemini,
            "Invalid value at 'generation_config.response_schema'",
        ),
    ] {
        let refusal = Reply::body(400, "application/json", message);
        let server = ModelServer::start([refusal, Reply::status(418)]).await;
        let models: ModelProviders = providers(vec![settings(kind, &server.root_url())]);
        let answer = ask_for(&models, &with_schema()).await;
        assert_eq!(answer.failure(), ModelErrorKind::Refused);
        let sent = server.requests().into_iter();
        let asked = sent.map(|sent| sent.body.to_string().contains(r#""a":{"type":"#));
        assert_eq!(asked.collect::<Vec<_>>(), [true, false], "{kind:?}");
    }
}
