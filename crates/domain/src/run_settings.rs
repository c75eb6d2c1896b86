//! Settings of one run.

use crate::named::named;
use crate::text::{self, Blank};
use crate::{
    Assistant, Configuration, FrequencyPenalty, HistoryLimit, Instructions, ModelName,
    OutputSchema, PresencePenalty, RunTokenLimit, Temperature, ToolName, TopP, Violation,
};

/// What a request asks of one run. Unset members leave it to the assistant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunSettings {
    /// In place of the assistant's model.
    pub model: Option<ModelName>,
    /// In place of the assistant's instructions.
    pub instructions: Option<Instructions>,
    /// Appended to the instructions.
    pub additional_instructions: Option<Instructions>,
    /// In place of [`Configuration::temperature`].
    pub temperature: Option<Temperature>,
    /// In place of [`Configuration::top_p`].
    pub top_p: Option<TopP>,
    /// In place of [`Configuration::presence_penalty`].
    pub presence_penalty: Option<PresencePenalty>,
    /// In place of [`Configuration::frequency_penalty`].
    pub frequency_penalty: Option<FrequencyPenalty>,
    /// Texts at which the model stops; at most [`MAX_STOPS`](Self::MAX_STOPS).
    pub stop: Option<Vec<StopText>>,
    /// Makes sampling repeatable where the provider can.
    pub seed: Option<Seed>,
    /// How much a reasoning model thinks.
    pub reasoning_effort: Option<ReasoningEffort>,
    /// Input tokens of the run's own rounds together.
    pub max_prompt_tokens: Option<RunTokenLimit>,
    /// Output tokens of the run's own rounds together.
    pub max_completion_tokens: Option<RunTokenLimit>,
    /// Whether the model may call several tools at once.
    pub parallel_tool_calls: Option<bool>,
    /// Whether the model calls tools.
    pub tool_choice: Option<ToolChoice>,
    /// What of a long history is left out.
    pub truncation: Option<Truncation>,
    /// In place of the assistant's output schema.
    pub response_format: Option<ResponseFormat>,
}

impl RunSettings {
    /// Maximum number of texts at which the model stops.
    pub const MAX_STOPS: usize = 4;

    /// Whether nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The assistant as this run has it, as far as an assistant can say so.
    #[must_use]
    pub fn applied_to(&self, assistant: &Assistant) -> Assistant {
        let mut own = assistant.clone();
        if let Some(model) = &self.model {
            own.model = model.clone();
        }
        if let Some(instructions) = &self.instructions {
            own.instructions = instructions.clone();
        }
        match &self.response_format {
            None => {}
            Some(ResponseFormat::Text) => own.output_schema = None,
            Some(ResponseFormat::Json) => own.output_schema = Some(OutputSchema::any_object()),
            Some(ResponseFormat::Schema(schema)) => own.output_schema = Some(schema.clone()),
        }
        self.configure(&mut own.configuration);
        own
    }

    fn configure(&self, own: &mut Configuration) {
        own.temperature = self.temperature.or(own.temperature);
        own.top_p = self.top_p.or(own.top_p);
        own.presence_penalty = self.presence_penalty.or(own.presence_penalty);
        own.frequency_penalty = self.frequency_penalty.or(own.frequency_penalty);
        match self.truncation {
            None | Some(Truncation::Auto) => {}
            Some(Truncation::LastMessages(limit)) => own.history_max_messages = Some(limit),
            Some(Truncation::Off) => {
                own.history_max_messages = None;
                own.history_max_tokens = None;
            }
        }
    }
}

/// A text at which the model stops: not empty, but possibly blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopText(String);

impl StopText {
    /// Maximum length in characters.
    pub const MAX_CHARS: usize = 64;

    /// Validates the text.
    ///
    /// # Errors
    /// `blank` if it is empty, `too_long` or `invalid_format` (NUL).
    pub fn parse(text: impl Into<String>) -> Result<Self, Violation> {
        let text = text.into();
        if text.is_empty() {
            return Err(Violation::new("blank", "must not be empty"));
        }
        text::check(&text, Self::MAX_CHARS, Blank::Allowed)?;
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Makes sampling repeatable where the provider can: an integer that every JSON reader keeps exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(i64);

impl Seed {
    /// The largest seed; its negative is the smallest.
    pub const MAX: i64 = 9_007_199_254_740_991;

    /// Checks the range.
    ///
    /// # Errors
    /// `out_of_range`.
    pub fn new(value: i64) -> Result<Self, Violation> {
        if (-Self::MAX..=Self::MAX).contains(&value) {
            Ok(Self(value))
        } else {
            Err(Violation::new(
                "out_of_range",
                "must be from -9007199254740991 to 9007199254740991",
            ))
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

named! {
    /// How much a reasoning model thinks.
    ReasoningEffort {
        /// Not at all.
        None = "none",
        /// As little as it can.
        Minimal = "minimal",
        /// A little.
        Low = "low",
        /// Some.
        Medium = "medium",
        /// Much.
        High = "high",
        /// As much as it can.
        XHigh = "xhigh",
    }
}

/// Whether the model calls tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice {
    /// It is offered none.
    None,
    /// As it likes.
    Auto,
    /// Some tool in the first round.
    Required,
    /// This tool in the first round.
    Named(ToolName),
}

/// What of a long history is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truncation {
    /// What the assistant's limits say, and what does not fit the run's or the model's.
    Auto,
    /// All but so many of the newest messages, the new one included.
    LastMessages(HistoryLimit),
    /// Nothing: a history that does not fit fails the run.
    Off,
}

/// What the answer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseFormat {
    /// Text.
    Text,
    /// A JSON object.
    Json,
    /// A JSON value under this schema.
    Schema(OutputSchema),
}
