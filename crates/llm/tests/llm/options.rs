//! Settings that only some providers know.

use colloquy_application::ports::{ChatOptions, ChatRequest, RequiredTool};
use colloquy_domain::{ModelName, ReasoningEffort, Seed, StopText, tool_name};
use colloquy_llm::{ModelProviders, ProviderKind};
use colloquy_tests::model_server::{ModelServer, Reply, Request, Script};
use serde_json::{Value, json};

use crate::support::{ask_for, providers, request, scripted, settings, with_tool};

fn full() -> ChatRequest {
    ChatRequest {
        options: ChatOptions {
            stop: vec![
                StopText::parse("\n").unwrap(),
                StopText::parse("END").unwrap(),
            ],
            seed: Seed::new(7).ok(),
            reasoning_effort: Some(ReasoningEffort::High),
            parallel_tool_calls: Some(false),
            required_tool: Some(RequiredTool::Named(tool_name!("add"))),
        },
        ..with_tool(request())
    }
}

fn demanding_any() -> ChatRequest {
    let mut request = full();
    request.options.required_tool = Some(RequiredTool::Any);
    request
}

async fn of(kind: ProviderKind) -> (ModelServer, ModelProviders) {
    let server = ModelServer::start(Reply::status(418)).await;
    let models = providers(vec![settings(kind, &server.root_url())]);
    (server, models)
}

/// What the provider is sent.
async fn sent(kind: ProviderKind, request: &ChatRequest) -> Value {
    let (server, models) = of(kind).await;
    ask_for(&models, request).await;
    server.requests()[0].body.clone()
}

#[tokio::test]
async fn openai_is_sent_all_of_them() {
    let body = sent(ProviderKind::OpenAi, &full()).await;
    assert_eq!(body["stop"], json!(["\n", "END"]));
    assert_eq!(body["seed"], 7);
    assert_eq!(body["reasoning_effort"], "high");
    assert_eq!(body["parallel_tool_calls"], false);
    let named = json!({"type": "function", "function": {"name": "add"}});
    assert_eq!(body["tool_choice"], named);
    let body = sent(ProviderKind::OpenAi, &demanding_any()).await;
    assert_eq!(body["tool_choice"], "required");
}

#[tokio::test]
async fn nothing_is_said_of_tools_where_there_are_none() {
    let without = ChatRequest {
        tools: Vec::new(),
        ..full()
    };
    let last_round = ChatRequest {
        may_call_tools: false,
        ..full()
    };
    for request in [without, last_round] {
        let body = sent(ProviderKind::OpenAi, &request).await;
        assert_eq!(body["tool_choice"], Value::Null);
        assert_eq!(body["parallel_tool_calls"], Value::Null);
    }
    for kind in [
        ProviderKind::OpenAi,
        ProviderKind::Anthropic,
        ProviderKind::Gemini,
    ] {
        let body = sent(kind, &request()).await;
        let names = ["stop", "seed", "tool_choice", "output_config", "toolConfig"];
        for name in names {
            assert_eq!(body.get(name), None, "{name}");
        }
    }
}

#[tokio::test]
async fn mistral_has_its_own_name_of_the_seed() {
    let body = sent(ProviderKind::Mistral, &full()).await;
    assert_eq!((&body["random_seed"], body.get("seed")), (&json!(7), None));
}

#[tokio::test]
async fn anthropic_is_sent_what_it_knows() {
    let body = sent(ProviderKind::Anthropic, &full()).await;
    // A blank one is refused there.
    assert_eq!(body["stop_sequences"], json!(["END"]));
    assert_eq!(body["output_config"], json!({"effort": "high"}));
    let expected = json!({"type": "tool", "name": "add", "disable_parallel_tool_use": true});
    assert_eq!(body["tool_choice"], expected);
    let expected = json!({"type": "any", "disable_parallel_tool_use": true});
    let body = sent(ProviderKind::Anthropic, &demanding_any()).await;
    assert_eq!(body["tool_choice"], expected);
}

#[tokio::test]
async fn gemini_is_sent_what_it_knows() {
    let body = sent(ProviderKind::Gemini, &full()).await;
    let generation = &body["generationConfig"];
    assert_eq!(generation["stopSequences"], json!(["\n", "END"]));
    assert_eq!(generation["seed"], 7);
    assert_eq!(generation.get("thinkingConfig"), None);
    let calling = &body["toolConfig"]["functionCallingConfig"];
    assert_eq!(
        *calling,
        json!({"mode": "ANY", "allowedFunctionNames": ["add"]})
    );
    for (model, expected) in [
        ("gemini-2.5-flash", json!({"thinkingBudget": 24_576})),
        ("gemini-3-pro", json!({"thinkingLevel": "high"})),
    ] {
        let request = ChatRequest {
            model: ModelName::parse(format!("p::{model}")).unwrap(),
            ..full()
        };
        let body = sent(ProviderKind::Gemini, &request).await;
        assert_eq!(body["generationConfig"]["thinkingConfig"], expected);
    }
    let mut large = full();
    large.options.seed = Seed::new(Seed::MAX).ok();
    let body = sent(ProviderKind::Gemini, &large).await;
    assert_eq!(body["generationConfig"].get("seed"), None);
}

#[tokio::test]
async fn what_a_server_refuses_is_left_out() {
    for (member, said) in [
        (
            "reasoning_effort",
            "Unrecognized request argument supplied: reasoning_effort",
        ),
        (
            "reasoning_effort",
            "Unsupported value: 'reasoning_effort' does not support 'high'",
        ),
        (
            "stop",
            "Unsupported parameter: 'stop' is not supported with this model.",
        ),
        (
            "parallel_tool_calls",
            "json: unknown field \"parallel_tool_calls\"",
        ),
        (
            "seed",
            r#"{"detail":[{"type":"extra_forbidden","loc":["body","seed"]}]}"#,
        ),
        (
            "tool_choice",
            "Invalid value for 'tool_choice': not supported",
        ),
    ] {
        let refusing = Script::new(move |sent: &Request| match sent.body.get(member) {
            Some(_) => Reply::body(400, "text/plain", said),
            None => Reply::answer("a"),
        });
        let (server, models) = scripted(refusing).await;
        assert_eq!(ask_for(&models, &full()).await.text(), "a", "{said}");
        let asked = server.requests();
        assert_eq!(asked.len(), 2, "{said}");
        let others = [
            "stop",
            "seed",
            "reasoning_effort",
            "parallel_tool_calls",
            "tool_choice",
        ];
        for other in others.into_iter().filter(|other| *other != member) {
            assert!(asked[1].body.get(other).is_some(), "{other}: {said}");
        }
    }
}

#[tokio::test]
async fn anthropic_models_without_effort_are_asked_without_it() {
    let refusing = Script::new(|sent: &Request| match sent.body.get("output_config") {
        Some(_) => Reply::body(
            400,
            "application/json",
            r#"{"error": {"message": "This model does not support the effort parameter."}}"#,
        ),
        None => Reply::status(418),
    });
    let server = ModelServer::start(refusing).await;
    let models = providers(vec![settings(ProviderKind::Anthropic, &server.root_url())]);
    ask_for(&models, &full()).await;
    assert_eq!(server.requests()[1].body.get("output_config"), None);
}
