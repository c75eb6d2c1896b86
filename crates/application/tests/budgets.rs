//! Budgets of runs, including the assistants that they call.

#![expect(clippy::unwrap_used, reason = "a failure ends the test")]

mod support;

use colloquy_application::ports::{ChatRequest, ModelErrorKind};
use colloquy_application::testing::fakes::Script;
use colloquy_application::tools::{Calculator, Toolbox};
use colloquy_domain::{
    Assistant, FinishReason, MessageKind, ModelCallLimit, OutputSchema, RunBudget, RunErrorCode,
    RunTokenLimit, Slug, ToolCallLimit, ToolConcurrency, ToolRef, ToolRounds, Usage,
};
use serde_json::json;

use support::Service;

/// Makes eight calls of each tool while it may, then answers.
fn eager(request: &ChatRequest) -> Script {
    if !request.may_call_tools || request.tools.is_empty() {
        return Script::answer("Done.");
    }
    let mut script = Script::new();
    for tool in &request.tools {
        let arguments = match tool.name.as_str() {
            "calculator" => r#"{"expression": "1 + 1"}"#,
            _ => r#"{"message": "Go on."}"#,
        };
        for _ in 0..8 {
            script = script.call("1", tool.name.as_str(), arguments);
        }
    }
    script.end_with(
        FinishReason::Stop,
        Some(Usage {
            input_tokens: 50,
            output_tokens: 10,
        }),
    )
}

fn tools(names: &[&str]) -> Vec<ToolRef> {
    names
        .iter()
        .map(|name| ToolRef::parse(name).unwrap())
        .collect()
}

fn greedy(assistant: &mut Assistant, tools: Vec<ToolRef>) {
    assistant.tools = tools;
    assistant.tool_max_concurrency = ToolConcurrency::new(ToolConcurrency::MAX).unwrap();
    assistant.max_tool_rounds = ToolRounds::new(ToolRounds::MAX).unwrap();
}

/// A service whose model always calls tools, with a calculator.
async fn service(budget: RunBudget, listed: &[&str]) -> Service {
    let toolbox = Toolbox::new().with(Calculator).unwrap();
    let shape = |assistant: &mut Assistant| {
        greedy(assistant, tools(listed));
        assistant.budget = budget;
    };
    let service = Service::of(shape, toolbox, []).await;
    service.model.otherwise(eager);
    service
}

/// Assistants that call one another, three levels deep.
async fn has_experts(service: &Service, budget: RunBudget) {
    for (slug, next) in [("first", "second"), ("second", "third"), ("third", "third")] {
        let mut expert = service.make.assistant(slug);
        expert.slug = Slug::parse(slug).unwrap();
        greedy(
            &mut expert,
            tools(&[&format!("assistant:{next}"), "calculator"]),
        );
        expert.budget = budget;
        let assistants = service.memory.stores().assistants;
        assistants.add(&expert).await.unwrap();
    }
}

async fn tool_messages(service: &Service) -> Vec<bool> {
    let messages = service.stored_with_tools().await.into_iter();
    let tools = messages.filter(|message| message.kind == MessageKind::Tool);
    tools
        .map(|message| message.tool_call.unwrap().is_error)
        .collect()
}

#[tokio::test]
async fn assistants_that_ask_one_another_share_one_budget_and_the_first_one_answers() {
    let service = service(RunBudget::default(), &["assistant:first"]).await;
    has_experts(&service, RunBudget::default()).await;
    let outcome = service.ask("Hi").await.unwrap();
    assert_eq!(outcome.run.finish_reason, Some(FinishReason::ToolRounds));
    assert_eq!(outcome.output(), Some("Done."));
    let asked = service.model.requests().len();
    assert!((20..=64).contains(&asked), "{asked}");
}

#[tokio::test]
async fn an_assistants_own_budget_counts_where_it_is_lower() {
    let calls = |count| RunBudget {
        max_model_calls: ModelCallLimit::new(count).ok(),
        ..RunBudget::default()
    };
    for limit in [1, 2, 3, 7] {
        let service = service(calls(limit), &["assistant:first"]).await;
        has_experts(&service, RunBudget::default()).await;
        let outcome = service.ask("Hi").await.unwrap();
        assert_eq!(outcome.run.finish_reason, Some(FinishReason::ToolRounds));
        assert_eq!(outcome.output(), Some("Done."));
        let asked = u32::try_from(service.model.requests().len()).unwrap();
        assert!(asked <= limit, "{asked} of {limit}");
    }
    // Called as a tool; its first call answers.
    let service = service(calls(20), &["assistant:first"]).await;
    has_experts(&service, calls(1)).await;
    service.ask("Hi").await.unwrap();
    let requests = service.model.requests();
    let of_experts = requests.iter().filter(|request| request.tools.len() == 2);
    assert!(of_experts.clone().count() >= 8);
    assert!(of_experts.clone().all(|request| !request.may_call_tools));
}

#[tokio::test]
async fn tools_are_used_no_more_often_than_the_budget_allows() {
    let budget = RunBudget {
        max_tool_calls: ToolCallLimit::new(11).ok(),
        ..RunBudget::default()
    };
    let service = service(budget, &["calculator"]).await;
    let outcome = service.ask("Hi").await.unwrap();
    assert_eq!(outcome.run.finish_reason, Some(FinishReason::ToolRounds));
    // Eight, three, and five refused.
    let errors = tool_messages(&service).await;
    assert_eq!(errors.len(), 16);
    assert_eq!(errors.iter().filter(|is_error| !**is_error).count(), 11);
    assert_eq!(service.model.requests().len(), 3);
}

#[tokio::test]
async fn tokens_are_counted_and_the_answer_comes_before_the_tools_go_on() {
    let budget = RunBudget {
        max_run_tokens: RunTokenLimit::new(100).ok(),
        ..RunBudget::default()
    };
    let service = service(budget, &["calculator"]).await;
    let outcome = service.ask("Hi").await.unwrap();
    assert_eq!(outcome.run.finish_reason, Some(FinishReason::ToolRounds));
    // 60 tokens, 120, and the answer.
    assert_eq!(service.model.requests().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_again_after_a_failure_counts() {
    let budget = RunBudget {
        max_model_calls: ModelCallLimit::new(2).ok(),
        ..RunBudget::default()
    };
    let service = Service::of(|it| it.budget = budget, Toolbox::new(), []).await;
    service
        .model
        .otherwise(|_| Script::refusal(ModelErrorKind::Unavailable));
    let failure = service.fails("Hi").await;
    assert_eq!(failure.error.code, RunErrorCode::ModelError);
    assert_eq!(service.model.requests().len(), 2);
}

#[tokio::test]
async fn a_run_that_cannot_be_answered_any_more_says_that_its_budget_is_used_up() {
    let shape = |assistant: &mut Assistant| {
        assistant.output_schema = OutputSchema::new(json!({"type": "object"})).ok();
        assistant.budget.max_model_calls = ModelCallLimit::new(1).ok();
    };
    let service = Service::of(shape, Toolbox::new(), [Script::answer("no JSON")]).await;
    let failure = service.fails("Hi").await;
    assert_eq!(failure.error.code, RunErrorCode::BudgetExhausted);
    assert_eq!(service.model.requests().len(), 1);
}
