//! Members of a request that not every server or model takes.

use colloquy_application::ports::{ChatOptions, ChatRequest, RequiredTool};
use colloquy_domain::{ReasoningEffort, Seed, StopText};
use serde::Serialize;
use serde_json::{Value, json};

use crate::ProviderKind;
use crate::refusals::is_unknown;

/// One of the members.
type Member = fn(&mut Extras) -> &mut bool;

/// Which of them are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extras {
    stop: bool,
    seed: bool,
    reasoning_effort: bool,
    parallel_tool_calls: bool,
    tool_choice: bool,
}

impl Extras {
    /// Those that the request sets.
    pub(super) fn of(request: &ChatRequest) -> Self {
        let ChatOptions {
            stop,
            seed,
            reasoning_effort,
            parallel_tool_calls,
            required_tool,
        } = &request.options;
        // Servers refuse members about tools where there are none.
        let may_call = request.may_call_tools && !request.tools.is_empty();
        Self {
            stop: !stop.is_empty(),
            seed: seed.is_some(),
            reasoning_effort: reasoning_effort.is_some(),
            parallel_tool_calls: parallel_tool_calls.is_some() && may_call,
            tool_choice: required_tool.is_some() && may_call,
        }
    }

    /// Those without the one that the refusal is about.
    pub(super) fn without_refused(mut self, said: &str) -> Option<Self> {
        // The longer names first: "reasoning stops" is not about `stop`.
        let members: [(&str, Member); 5] = [
            ("parallel_tool_calls", |it| &mut it.parallel_tool_calls),
            ("reasoning_effort", |it| &mut it.reasoning_effort),
            ("tool_choice", |it| &mut it.tool_choice),
            ("seed", |it| &mut it.seed),
            ("stop", |it| &mut it.stop),
        ];
        for (name, member) in members {
            let is_sent = member(&mut self);
            if *is_sent && is_unknown(said, name) {
                *is_sent = false;
                return Some(self);
            }
        }
        None
    }

    /// The members as they are sent.
    pub(super) fn members(self, request: &ChatRequest, kind: ProviderKind) -> Members<'_> {
        let options = &request.options;
        let seed = options.seed.map(Seed::get).filter(|_| self.seed);
        let is_mistral = kind == ProviderKind::Mistral;
        let stop = options.stop.iter().filter(|_| self.stop);
        let effort = options.reasoning_effort.filter(|_| self.reasoning_effort);
        let required = options.required_tool.as_ref().filter(|_| self.tool_choice);
        Members {
            stop: stop.map(StopText::as_str).collect(),
            seed: seed.filter(|_| !is_mistral),
            random_seed: seed.filter(|_| is_mistral),
            reasoning_effort: effort.map(ReasoningEffort::as_str),
            parallel_tool_calls: options
                .parallel_tool_calls
                .filter(|_| self.parallel_tool_calls),
            tool_choice: required.map(|tool| match tool {
                RequiredTool::Any => "required".into(),
                RequiredTool::Named(name) => {
                    json!({"type": "function", "function": {"name": name.as_str()}})
                }
            }),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Members<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    /// Mistral's name of the seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    random_seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Value>,
}
