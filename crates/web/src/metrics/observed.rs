//! Counts runs, model calls and tool calls.

use std::time::Duration;

use colloquy_application::ports::{
    LookupOutcome, ModelErrorKind, Observer, RunSummary, ToolOutcome,
};
use colloquy_domain::{FinishReason, RunErrorCode, Usage};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Metrics;

/// From the echo model to the time limits.
const SECONDS: [f64; 14] = [
    0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 240.0, 600.0,
];

pub(super) struct Observed {
    runs: Family<RunEnd, Counter>,
    durations: Histogram,
    first_tokens: Family<OfProvider, Histogram, fn() -> Histogram>,
    model_calls: Family<ModelCall, Counter>,
    tokens: Family<Tokens, Counter>,
    tool_calls: Family<Outcome, Counter>,
    lookups: Family<Outcome, Counter>,
}

/// Prometheus treats empty labels as absent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RunEnd {
    status: &'static str,
    error: &'static str,
    finish_reason: &'static str,
}

/// Bounded: providers come from the settings.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfProvider {
    provider: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModelCall {
    provider: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Tokens {
    provider: String,
    direction: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

impl Observed {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let observed = Self {
            runs: Family::default(),
            durations: Histogram::new(SECONDS),
            first_tokens: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            model_calls: Family::default(),
            tokens: Family::default(),
            tool_calls: Family::default(),
            lookups: Family::default(),
        };
        registry.register("runs", "Ended runs", observed.runs.clone());
        registry.register(
            "run_duration_seconds",
            "Time from storing the message to the end of the run",
            observed.durations.clone(),
        );
        registry.register(
            "run_first_token_seconds",
            "Time from the start of the run to the model's first text",
            observed.first_tokens.clone(),
        );
        registry.register(
            "model_calls",
            "Model call attempts, except those cancelled here",
            observed.model_calls.clone(),
        );
        registry.register(
            "tokens",
            "Tokens reported by providers",
            observed.tokens.clone(),
        );
        registry.register("tool_calls", "Tool calls", observed.tool_calls.clone());
        registry.register(
            "answer_cache_lookups",
            "Lookups in the answer cache",
            observed.lookups.clone(),
        );
        observed
    }

    fn count_tokens(&self, provider: &str, usage: Usage) {
        for (direction, count) in [
            ("input", usage.input_tokens),
            ("output", usage.output_tokens),
        ] {
            let tokens = Tokens {
                provider: provider.to_owned(),
                direction,
            };
            self.tokens.get_or_create(&tokens).inc_by(count);
        }
    }
}

impl Observer for Metrics {
    fn run_ended(&self, end: RunSummary) {
        let observed = &self.0.observed;
        let labels = RunEnd {
            status: end.status.as_str(),
            error: end.error.map_or("", RunErrorCode::as_str),
            finish_reason: end.finish_reason.map_or("", FinishReason::as_str),
        };
        observed.runs.get_or_create(&labels).inc();
        if let Some(duration) = end.duration {
            observed.durations.observe(duration.as_secs_f64());
        }
    }

    fn first_token(&self, provider: &str, after: Duration) {
        let labels = OfProvider {
            provider: provider.to_owned(),
        };
        let first_tokens = &self.0.observed.first_tokens;
        first_tokens
            .get_or_create(&labels)
            .observe(after.as_secs_f64());
    }

    fn model_asked(&self, provider: &str, outcome: Result<Option<Usage>, ModelErrorKind>) {
        let observed = &self.0.observed;
        let labels = ModelCall {
            provider: provider.to_owned(),
            outcome: outcome.map_or_else(ModelErrorKind::as_str, |_| "answered"),
        };
        observed.model_calls.get_or_create(&labels).inc();
        if let Ok(Some(usage)) = outcome {
            observed.count_tokens(provider, usage);
        }
    }

    fn tool_used(&self, outcome: ToolOutcome) {
        let outcome = outcome.as_str();
        let tool_calls = &self.0.observed.tool_calls;
        tool_calls.get_or_create(&Outcome { outcome }).inc();
    }

    fn answer_looked_up(&self, outcome: LookupOutcome) {
        let outcome = outcome.as_str();
        let lookups = &self.0.observed.lookups;
        lookups.get_or_create(&Outcome { outcome }).inc();
    }
}
