//! Generation settings of an assistant, and numeric limits.

use std::num::NonZeroU32;

use crate::Violation;
use crate::decimal::decimal_types;
use crate::text::text_types;

/// Generation settings. Unset values are left to the provider; unset history limits to the
/// service's maximum.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Configuration {
    /// Sampling temperature.
    pub temperature: Option<Temperature>,
    /// Nucleus sampling mass.
    pub top_p: Option<TopP>,
    /// Presence penalty.
    pub presence_penalty: Option<PresencePenalty>,
    /// Frequency penalty.
    pub frequency_penalty: Option<FrequencyPenalty>,
    /// Maximum answer length, in tokens.
    pub max_output_tokens: Option<TokenLimit>,
    /// Maximum messages sent to the model, including the new one.
    pub history_max_messages: Option<HistoryLimit>,
    /// Approximate maximum tokens of history, including the new message.
    pub history_max_tokens: Option<TokenLimit>,
    /// Labels for filtering logs.
    pub tags: Option<Vec<Tag>>,
}

impl Configuration {
    /// Maximum number of tags per assistant.
    pub const MAX_TAGS: usize = 32;
}

decimal_types! {
    /// Sampling temperature.
    Temperature: 0.0 to 2.0;
    /// Nucleus sampling mass.
    TopP: 0.0 to 1.0;
    /// Presence penalty.
    PresencePenalty: -2.0 to 2.0;
    /// Frequency penalty.
    FrequencyPenalty: -2.0 to 2.0;
}

text_types! {
    /// A label for filtering logs.
    Tag: max 64, blank Refused;
}

/// Declares a newtype over a positive integer with a maximum.
macro_rules! limit_types {
    ($($(#[$doc:meta])* $name:ident: max $max:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(NonZeroU32);

        impl $name {
            /// Maximum.
            pub const MAX: u32 = $max;

            /// Accepts 1 to [`MAX`](Self::MAX).
            ///
            /// # Errors
            /// `out_of_range`.
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
    /// A number of tokens. The maximum exceeds all current context windows.
    TokenLimit: max 1_000_000;
    /// A number of messages.
    HistoryLimit: max 1_000;
    /// A number of concurrent tool calls.
    ToolConcurrency: max 16;
    /// Rounds of tool calls before the model must answer.
    ToolRounds: max 50;
    /// Model calls per run.
    ModelCallLimit: max 10_000;
    /// Tool calls per run.
    ToolCallLimit: max 10_000;
    /// Tokens per run.
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
