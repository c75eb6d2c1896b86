//! What a request asks of one run.

#![expect(clippy::unwrap_used, reason = "a failure ends the test")]

mod support;

use std::sync::Arc;

use colloquy_application::Error;
use colloquy_application::ports::{ChatRequest, RequiredTool};
use colloquy_application::testing::fakes::Script;
use colloquy_application::tools::{Calculator, Toolbox};
use colloquy_domain::{
    Actor, FinishReason, HistoryLimit, Instructions, MessageStatus, ModelName, OutputFormat,
    OutputSchema, ReasoningEffort, ResponseFormat, Role, RunErrorCode, RunSettings, RunTokenLimit,
    Seed, StopText, Temperature, ToolChoice, Truncation, Usage, tool_name,
};
use serde_json::json;

use support::{Service, ai, human, user};

fn none() -> RunSettings {
    RunSettings::default()
}

fn used(input_tokens: u64, output_tokens: u64) -> Option<Usage> {
    Some(Usage {
        input_tokens,
        output_tokens,
    })
}

async fn with_calculator(scripts: impl IntoIterator<Item = Script>) -> Service {
    let toolbox = Toolbox::new().with(Calculator).unwrap();
    Service::with_tools(toolbox, &["calculator"], scripts).await
}

fn call(usage: Option<Usage>) -> Script {
    Script::new()
        .text("Well")
        .call("1", "calculator", r#"{"expression": "1"}"#)
        .end_with(FinishReason::Stop, usage)
}

fn request(service: &Service, number: usize) -> ChatRequest {
    service.model.requests().swap_remove(number)
}

fn administrator(service: &Service) -> Actor {
    let mut user = service.person.user().unwrap().clone();
    user.role = Role::Admin;
    Actor::User(Arc::new(user))
}

#[tokio::test]
async fn the_model_is_asked_as_the_request_says() {
    let service = Service::with([Script::answer("one"), Script::answer("two")]).await;
    let settings = RunSettings {
        additional_instructions: Instructions::parse("Rhyme.").ok(),
        temperature: Temperature::new(0.5).ok(),
        stop: Some(vec![StopText::parse("END").unwrap()]),
        seed: Seed::new(7).ok(),
        reasoning_effort: Some(ReasoningEffort::Low),
        parallel_tool_calls: Some(false),
        ..none()
    };
    let outcome = service.ask_with("Hi", settings.clone()).await;
    assert_eq!(outcome.run.settings.as_deref(), Some(&settings));
    let asked = request(&service, 0);
    assert_eq!(asked.instructions.as_deref(), Some("Be brief.\n\nRhyme."));
    assert_eq!(asked.configuration.temperature, settings.temperature);
    assert_eq!(asked.options.stop, settings.stop.unwrap());
    assert_eq!(asked.options.seed, settings.seed);
    assert_eq!(asked.options.reasoning_effort, settings.reasoning_effort);
    assert_eq!(asked.options.parallel_tool_calls, Some(false));
    // The next one is the assistant's own again.
    assert_eq!(service.ask("And now?").await.unwrap().run.settings, None);
    let asked = request(&service, 1);
    assert_eq!(asked.instructions.as_deref(), Some("Be brief."));
    assert_eq!(asked.configuration.temperature, None);
}

#[tokio::test]
async fn model_and_instructions_are_for_administrators() {
    let service = Service::with([Script::answer("one")]).await;
    let model = RunSettings {
        model: ModelName::parse("other::model").ok(),
        ..none()
    };
    let instructions = RunSettings {
        instructions: Instructions::parse("Sing.").ok(),
        ..none()
    };
    for (settings, field) in [(&model, "model"), (&instructions, "instructions")] {
        let refused = service
            .post_with(&service.person, "Hi", settings.clone())
            .await;
        let Err(Error::Forbidden(reason)) = refused else {
            panic!("expected a refusal");
        };
        assert_eq!(
            reason,
            format!("Only administrators may set settings.{field}.")
        );
    }
    assert!(service.stored().await.is_empty());
    let both = RunSettings {
        model: model.model,
        ..instructions
    };
    let admin = administrator(&service);
    let started = service.post_with(&admin, "Hi", both).await.unwrap();
    started.wait().await.unwrap();
    let asked = request(&service, 0);
    assert_eq!(asked.instructions.as_deref(), Some("Sing."));
    assert_eq!(asked.model.as_str(), "other::model");
}

#[tokio::test]
async fn a_tool_is_demanded_in_the_first_round_only() {
    let named = ToolChoice::Named(tool_name!("calculator"));
    for (choice, expected) in [
        (ToolChoice::Required, Some(RequiredTool::Any)),
        (named, Some(RequiredTool::Named(tool_name!("calculator")))),
        (ToolChoice::Auto, None),
    ] {
        let service = with_calculator([call(None), Script::answer("1")]).await;
        let settings = RunSettings {
            tool_choice: Some(choice),
            ..none()
        };
        service.ask_with("Hi", settings).await;
        assert_eq!(request(&service, 0).options.required_tool, expected);
        assert_eq!(request(&service, 1).options.required_tool, None);
    }
    let service = with_calculator([Script::answer("1")]).await;
    let settings = RunSettings {
        tool_choice: Some(ToolChoice::None),
        ..none()
    };
    service.ask_with("Hi", settings).await;
    assert!(request(&service, 0).tools.is_empty());
    let unknown = RunSettings {
        tool_choice: Some(ToolChoice::Named(tool_name!("abacus"))),
        ..none()
    };
    let refused = service.post_with(&service.person, "Hi", unknown).await;
    let Err(Error::Invalid(invalid)) = refused else {
        panic!("expected a refusal");
    };
    assert_eq!(invalid.errors[0].field, "settings.tool_choice.name");
}

#[tokio::test]
async fn output_tokens_count_over_all_rounds() {
    let limit = |tokens| RunSettings {
        max_completion_tokens: RunTokenLimit::new(tokens).ok(),
        ..none()
    };
    let service = with_calculator([call(used(5, 7)), Script::answer("1")]).await;
    let outcome = service.ask_with("Hi", limit(10)).await;
    assert_eq!(outcome.run.finish_reason, Some(FinishReason::Stop));
    let allowed = |number| request(&service, number).configuration.max_output_tokens;
    let allowed = [allowed(0), allowed(1)].map(|it| it.unwrap().get());
    assert_eq!(allowed, [10, 3]);

    let service = with_calculator([call(used(5, 10))]).await;
    let outcome = service.ask_with("Hi", limit(10)).await;
    assert_eq!(outcome.run.finish_reason, Some(FinishReason::Length));
    assert_eq!(outcome.output(), Some("Well"));
    assert_eq!(
        service.stored().await,
        [human("Hi"), ai("Well", MessageStatus::Completed)]
    );
}

#[tokio::test]
async fn used_up_input_tokens_end_the_run() {
    let service = with_calculator([call(used(100, 1))]).await;
    let settings = RunSettings {
        max_prompt_tokens: RunTokenLimit::new(100).ok(),
        ..none()
    };
    let outcome = service.ask_with("Hi", settings).await;
    assert_eq!(outcome.run.finish_reason, Some(FinishReason::PromptTokens));
    assert_eq!(service.model.requests().len(), 1);
}

#[tokio::test]
async fn a_long_history_is_cut_as_the_request_says() {
    let long = "x".repeat(400);
    for (truncation, max_prompt, expected) in [
        (None, None, 3),
        (
            Some(Truncation::LastMessages(HistoryLimit::new(1).unwrap())),
            None,
            1,
        ),
        (None, Some(50), 1),
        (Some(Truncation::Auto), Some(50), 1),
        (Some(Truncation::Off), Some(50), 3),
    ] {
        let service = Service::with([Script::answer("ok"), Script::answer("ok")]).await;
        service.ask(&long).await.unwrap();
        let settings = RunSettings {
            truncation,
            max_prompt_tokens: max_prompt.and_then(|it| RunTokenLimit::new(it).ok()),
            ..none()
        };
        service.ask_with("And?", settings).await;
        let told = request(&service, 1).messages;
        assert_eq!(told.len(), expected, "{truncation:?} {max_prompt:?}");
        assert_eq!(told.last(), Some(&user("And?")));
    }
}

#[tokio::test]
async fn without_truncation_a_history_that_is_too_long_fails_the_run() {
    let scripts = (0..252).map(|_| Script::answer("ok"));
    let service = Service::with(scripts).await;
    for _ in 0..251 {
        service.ask("Hi").await.unwrap();
    }
    let settings = RunSettings {
        truncation: Some(Truncation::Off),
        ..none()
    };
    let started = service.post_with(&service.person, "And?", settings).await;
    let Err(Error::RunFailed(failure)) = started.unwrap().wait().await else {
        panic!("expected a failed run");
    };
    assert_eq!(failure.error.code, RunErrorCode::ContextTooLong);
}

#[tokio::test]
async fn the_response_format_takes_the_place_of_the_assistants_schema() {
    let number = OutputSchema::new(json!({"type": "object", "required": ["n"]})).unwrap();
    let own = OutputSchema::new(json!({"type": "object", "required": ["own"]})).unwrap();
    for (format, answer, expected) in [
        (ResponseFormat::Text, "plain", OutputFormat::Text),
        (ResponseFormat::Json, r#"{"x": 1}"#, OutputFormat::Json),
        (
            ResponseFormat::Schema(number),
            r#"{"n": 1}"#,
            OutputFormat::Json,
        ),
    ] {
        let own = own.clone();
        let shape = |it: &mut colloquy_domain::Assistant| it.output_schema = Some(own);
        let service = Service::of(shape, Toolbox::new(), [Script::answer(answer)]).await;
        let settings = RunSettings {
            response_format: Some(format),
            ..none()
        };
        let outcome = service.ask_with("Hi", settings).await;
        assert_eq!(outcome.output(), Some(answer));
        assert_eq!(outcome.run.output_format, expected);
    }
}
