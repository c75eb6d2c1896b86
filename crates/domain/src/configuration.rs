//! How an assistant's model is run.

use std::num::NonZeroU32;

use crate::Violation;
use crate::decimal::decimal_types;
use crate::text::text_types;

/// Generation settings of an assistant. What is `None` is left to the provider, except the history
/// limits, where it means the service's own ceiling.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Configuration {
    /// Randomness of the answer.
    pub temperature: Option<Temperature>,
    /// Share of probability mass that is sampled from.
    pub top_p: Option<TopP>,
    /// Push towards new subjects.
    pub presence_penalty: Option<PresencePenalty>,
    /// Push against repetition.
    pub frequency_penalty: Option<FrequencyPenalty>,
    /// The longest answer, in the model's tokens.
    pub max_output_tokens: Option<TokenLimit>,
    /// The newest messages sent to the model, the new one included.
    pub history_max_messages: Option<HistoryLimit>,
    /// Roughly how many tokens of history are sent, the new message included.
    pub history_max_tokens: Option<TokenLimit>,
    /// Labels by which operators tell assistants apart in logs.
    pub tags: Option<Vec<Tag>>,
}

impl Configuration {
    /// The most tags an assistant may have.
    pub const MAX_TAGS: usize = 32;
}

decimal_types! {
    /// Randomness of an answer.
    Temperature: 0.0 to 2.0;
    /// Share of probability mass that is sampled from.
    TopP: 0.0 to 1.0;
    /// Push towards new subjects.
    PresencePenalty: -2.0 to 2.0;
    /// Push against repetition.
    FrequencyPenalty: -2.0 to 2.0;
}

text_types! {
    /// A label by which operators tell assistants apart.
    Tag: max 64, blank Refused;
}

/// Declares a newtype over a positive whole number with a ceiling.
macro_rules! limit_types {
    ($($(#[$doc:meta])* $name:ident: max $max:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(NonZeroU32);

        impl $name {
            /// The largest limit allowed.
            pub const MAX: u32 = $max;

            /// Checks the range, which starts at 1.
            ///
            /// # Errors
            /// A `Violation` with the code `out_of_range`.
            pub fn new(value: u32) -> Result<Self, Violation> {
                match NonZeroU32::new(value) {
                    Some(limit) if value <= Self::MAX => Ok(Self(limit)),
                    _ => Err(Violation::new(
                        "out_of_range",
                        concat!("must be from 1 to ", $max),
                    )),
                }
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> u32 {
                self.0.get()
            }
        }
    )+};
}

limit_types! {
    /// A number of tokens; a million is more than any window sold today.
    TokenLimit: max 1_000_000;
    /// A number of messages.
    HistoryLimit: max 1_000;
    /// How many tools a run uses at once.
    ToolConcurrency: max 16;
    /// How often a model may ask for tools in one run before it has to answer.
    ToolRounds: max 50;
    /// How often models are asked in one run.
    ModelCallLimit: max 10_000;
    /// How often tools are used in one run.
    ToolCallLimit: max 10_000;
    /// A number of tokens of a whole run.
    RunTokenLimit: max 1_000_000_000;
}

impl Default for ToolConcurrency {
    fn default() -> Self {
        Self(const { NonZeroU32::new(4).unwrap() })
    }
}

impl Default for ToolRounds {
    fn default() -> Self {
        Self(const { NonZeroU32::new(10).unwrap() })
    }
}

#[cfg(test)]
mod tests {
    use super::{HistoryLimit, PresencePenalty, Temperature};

    #[test]
    fn settings_keep_their_range() {
        assert_eq!(Temperature::new(2.0).unwrap().get(), 2.0);
        assert_eq!(PresencePenalty::new(-2.0).unwrap().get(), -2.0);
        for value in [-0.01, 2.01, f64::NAN, f64::INFINITY] {
            assert_eq!(Temperature::new(value).unwrap_err().code, "out_of_range");
        }
        assert!(HistoryLimit::new(0).is_err());
        assert!(HistoryLimit::new(1_001).is_err());
        assert_eq!(HistoryLimit::new(1_000).unwrap().get(), 1_000);
    }
}
