//! The contract of a run's settings, which [`RunRepository`](crate::ports::RunRepository) keeps.

use colloquy_domain::{
    FrequencyPenalty, HistoryLimit, Instructions, ModelName, OutputSchema, PresencePenalty,
    ReasoningEffort, ResponseFormat, RunSettings, RunTokenLimit, Seed, StopText, Temperature,
    ToolChoice, ToolName, TopP, Truncation,
};
use serde_json::json;

use super::Stores;
use crate::testing::samples::Samples;
use crate::testing::steps::RunSteps as _;

fn full() -> RunSettings {
    let schema = json!({
        "type": "object",
        "properties": {"zeta": {"const": "it's \"quoted\" \u{1d11e}"}, "alpha": {}},
    });
    RunSettings {
        model: ModelName::parse("openai::gpt").ok(),
        instructions: Instructions::parse("").ok(),
        additional_instructions: Instructions::parse("Answer in \u{1d11e}.\n").ok(),
        temperature: Temperature::new(0.1).ok(),
        top_p: TopP::new(1.0 / 3.0).ok(),
        presence_penalty: PresencePenalty::new(-2.0).ok(),
        frequency_penalty: FrequencyPenalty::new(1.999_999_999_999_999_8).ok(),
        stop: Some(vec![
            StopText::parse("\n").unwrap(),
            StopText::parse("END").unwrap(),
        ]),
        seed: Seed::new(-Seed::MAX).ok(),
        reasoning_effort: Some(ReasoningEffort::Minimal),
        max_prompt_tokens: RunTokenLimit::new(1).ok(),
        max_completion_tokens: RunTokenLimit::new(RunTokenLimit::MAX).ok(),
        parallel_tool_calls: Some(false),
        tool_choice: Some(ToolChoice::Named(ToolName::parse("calculator").unwrap())),
        truncation: Some(Truncation::LastMessages(HistoryLimit::new(7).unwrap())),
        response_format: OutputSchema::new(schema).ok().map(ResponseFormat::Schema),
    }
}

pub async fn settings_of_a_run_are_kept_with_it(stores: &Stores) {
    let make = Samples::new();
    let none = RunSettings::default;
    let settings = [
        full(),
        RunSettings {
            stop: Some(Vec::new()),
            tool_choice: Some(ToolChoice::None),
            truncation: Some(Truncation::Off),
            response_format: Some(ResponseFormat::Text),
            ..none()
        },
        RunSettings {
            tool_choice: Some(ToolChoice::Required),
            truncation: Some(Truncation::Auto),
            response_format: Some(ResponseFormat::Json),
            ..none()
        },
        RunSettings {
            tool_choice: Some(ToolChoice::Auto),
            ..none()
        },
    ];
    for settings in settings {
        let thread = stores.has_thread(&make).await;
        let mut start = make.start(&thread, make.instance(), make.question("Well?"));
        start.run.settings = Some(Box::new(settings));
        stores.starts(&start).await;
        let active = stores.runs.active(start.run.id).await.unwrap();
        assert_eq!(active.unwrap().run, start.run);
        let end = make.end(&start, vec![make.answer("Well.")]);
        stores.runs.finish(&end).await.unwrap();
        let found = stores.runs.get(thread.id, start.run.id).await.unwrap();
        assert_eq!(found.unwrap().settings, start.run.settings);
    }
}

pub async fn a_list_leaves_the_settings_of_runs_out(stores: &Stores) {
    let make = Samples::new();
    let thread = stores.has_thread(&make).await;
    let mut start = make.start(&thread, make.instance(), make.question("Well?"));
    start.run.settings = Some(Box::new(full()));
    stores.starts(&start).await;
    let listed = stores.runs.list(thread.id, None, 10).await.unwrap();
    start.run.settings = None;
    assert_eq!(listed, [start.run]);
}
