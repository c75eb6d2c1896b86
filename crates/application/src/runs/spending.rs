//! What a run may spend of input and output tokens by its own settings.

use colloquy_domain::{FinishReason, RunSettings, RunTokenLimit, TokenLimit, Usage};

/// What the run's own rounds have spent, beside what its settings allow. Assistants that are asked
/// as tools count in the run's budget only.
pub(super) struct Spending<'a> {
    settings: &'a RunSettings,
    spent: Usage,
}

impl<'a> Spending<'a> {
    pub(super) const fn new(settings: &'a RunSettings, spent: Usage) -> Self {
        Self { settings, spent }
    }

    pub(super) fn add(&mut self, spent: Usage) {
        self.spent = self.spent.plus(spent);
    }

    /// Why there is no other round, if there is none.
    pub(super) fn used_up(&self) -> Option<FinishReason> {
        let is_used_up = |limit: Option<RunTokenLimit>, spent: u64| {
            limit.is_some_and(|limit| spent >= u64::from(limit.get()))
        };
        if is_used_up(
            self.settings.max_completion_tokens,
            self.spent.output_tokens,
        ) {
            return Some(FinishReason::Length);
        }
        let is_out_of_input = is_used_up(self.settings.max_prompt_tokens, self.spent.input_tokens);
        is_out_of_input.then_some(FinishReason::PromptTokens)
    }

    /// The limit of the next answer: `own`, or what is left if that is less.
    pub(super) fn max_output_tokens(&self, own: Option<TokenLimit>) -> Option<TokenLimit> {
        let Some(limit) = self.settings.max_completion_tokens else {
            return own;
        };
        let left = u64::from(limit.get()).saturating_sub(self.spent.output_tokens);
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        let left = TokenLimit::new(left.clamp(1, TokenLimit::MAX)).ok();
        own.into_iter().chain(left).min()
    }
}

#[cfg(test)]
mod tests {
    use colloquy_domain::{FinishReason, RunSettings, RunTokenLimit, TokenLimit, Usage};

    use super::Spending;

    fn used(input_tokens: u64, output_tokens: u64) -> Usage {
        Usage {
            input_tokens,
            output_tokens,
        }
    }

    #[test]
    fn output_and_input_are_used_up_apart() {
        let settings = RunSettings {
            max_prompt_tokens: RunTokenLimit::new(100).ok(),
            max_completion_tokens: RunTokenLimit::new(10).ok(),
            ..RunSettings::default()
        };
        for (spent, expected) in [
            (used(0, 0), None),
            (used(99, 9), None),
            (used(99, 10), Some(FinishReason::Length)),
            (used(100, 9), Some(FinishReason::PromptTokens)),
            (used(100, 10), Some(FinishReason::Length)),
        ] {
            assert_eq!(Spending::new(&settings, spent).used_up(), expected);
        }
        let unlimited = RunSettings::default();
        let spending = Spending::new(&unlimited, used(u64::MAX, u64::MAX));
        assert_eq!(spending.used_up(), None);
    }

    #[test]
    fn each_answer_may_have_what_is_left() {
        let limit = |limit| TokenLimit::new(limit).ok();
        let settings = RunSettings {
            max_completion_tokens: RunTokenLimit::new(2_000_000).ok(),
            ..RunSettings::default()
        };
        let left = |spent, own| Spending::new(&settings, used(0, spent)).max_output_tokens(own);
        assert_eq!(left(0, None), limit(TokenLimit::MAX));
        assert_eq!(left(0, limit(5)), limit(5));
        assert_eq!(left(1_999_997, limit(5)), limit(3));
        assert_eq!(left(3_000_000, None), limit(1));
        let unlimited = RunSettings::default();
        let spending = Spending::new(&unlimited, used(0, 7));
        assert_eq!(spending.max_output_tokens(None), None);
        assert_eq!(spending.max_output_tokens(limit(5)), limit(5));
    }
}
