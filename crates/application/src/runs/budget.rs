//! The budget of a run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use colloquy_domain::{ModelCallLimit, RunBudget, RunState, RunTokenLimit, ToolCallLimit, Usage};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::RunLimits;

/// The remaining budget of a run, shared by its conversations. An assistant called as a tool has
/// its own budget within it.
#[derive(Debug)]
pub(super) struct Budget {
    left: Mutex<Left>,
    outer: Option<Arc<Self>>,
    at_once: Arc<AtOnce>,
}

#[derive(Debug, Clone, Copy)]
struct Left {
    model_calls: u32,
    tool_calls: u32,
    tokens: u64,
}

/// Concurrent model calls, and concurrent tool calls, per run: the maximum for one assistant.
const AT_ONCE: usize = 16;

#[derive(Debug)]
struct AtOnce {
    model_calls: Semaphore,
    tool_calls: Semaphore,
}

/// A reserved model call, so that a conversation can be answered when the budget is exhausted.
/// Returned on drop if unused.
#[derive(Debug)]
pub(super) struct KeptCall<'a>(Option<&'a Budget>);

impl Budget {
    /// The budget of a run of an assistant.
    pub(super) fn new(limits: &RunLimits, budget: RunBudget) -> Self {
        Self {
            left: Mutex::new(
                Left {
                    model_calls: limits.max_model_calls,
                    tool_calls: limits.max_tool_calls,
                    tokens: limits.max_tokens.into(),
                }
                .limited(budget),
            ),
            outer: None,
            at_once: Arc::new(AtOnce {
                model_calls: Semaphore::new(AT_ONCE),
                tool_calls: Semaphore::new(AT_ONCE),
            }),
        }
    }

    /// The rest after a run's progress so far. Of assistants called as tools, the log knows the
    /// model calls only.
    pub(super) fn after(self, state: &RunState) -> Self {
        let usage = state.usage().unwrap_or_default();
        let mut left = self.left();
        left.model_calls = left.model_calls.saturating_sub(state.model_calls());
        let calls = u32::try_from(state.calls().count()).unwrap_or(u32::MAX);
        left.tool_calls = left.tool_calls.saturating_sub(calls);
        let tokens = usage.input_tokens.saturating_add(usage.output_tokens);
        left.tokens = left.tokens.saturating_sub(tokens);
        drop(left);
        self
    }

    /// The budget of an assistant called as a tool.
    pub(super) fn within(outer: &Arc<Self>, budget: RunBudget) -> Self {
        let left = *outer.left();
        Self {
            left: Mutex::new(left.limited(budget)),
            outer: Some(Arc::clone(outer)),
            at_once: Arc::clone(&outer.at_once),
        }
    }

    /// Takes a model call; returns whether calls and tokens were left.
    pub(super) fn take_model_call(&self) -> bool {
        self.take(|left| {
            let rest = left.model_calls.checked_sub(1);
            rest.filter(|_| left.tokens > 0)
                .map(|model_calls| left.model_calls = model_calls)
        })
    }

    /// Reserves a model call, if any is left.
    pub(super) fn keep_call(&self) -> Option<KeptCall<'_>> {
        // Lazily: dropping a `KeptCall` returns a call.
        self.take_model_call().then(|| KeptCall(Some(self)))
    }

    /// Takes a tool call; returns whether any was left.
    pub(super) fn take_tool_call(&self) -> bool {
        self.take(|left| {
            let rest = left.tool_calls.checked_sub(1);
            rest.map(|tool_calls| left.tool_calls = tool_calls)
        })
    }

    /// Whether tool calls are left.
    pub(super) fn has_tool_calls(&self) -> bool {
        let outer = self.outer.as_ref();
        self.left().tool_calls > 0 && outer.is_none_or(|outer| outer.has_tool_calls())
    }

    /// Deducts the tokens of a model call.
    pub(super) fn spend_tokens(&self, usage: Usage) {
        let tokens = usage.input_tokens.saturating_add(usage.output_tokens);
        for budget in self.outwards() {
            let mut left = budget.left();
            left.tokens = left.tokens.saturating_sub(tokens);
        }
    }

    /// Waits for a permit to call a model.
    pub(super) async fn model_turn(&self) -> Option<SemaphorePermit<'_>> {
        self.at_once.model_calls.acquire().await.ok()
    }

    /// Waits for a permit to call a tool. Not for assistants as tools, which wait for tools
    /// themselves.
    pub(super) async fn tool_turn(&self) -> Option<SemaphorePermit<'_>> {
        self.at_once.tool_calls.acquire().await.ok()
    }

    /// Takes from this budget and all outer ones, or from none.
    fn take(&self, take: impl Fn(&mut Left) -> Option<()> + Copy) -> bool {
        let mut left = self.left();
        let before = *left;
        if take(&mut left).is_none() {
            return false;
        }
        // Lock order: inner before outer.
        let is_taken = self.outer.as_ref().is_none_or(|outer| outer.take(take));
        if !is_taken {
            *left = before;
        }
        is_taken
    }

    fn outwards(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |budget| budget.outer.as_deref())
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Left {
    fn limited(self, budget: RunBudget) -> Self {
        let model_calls = budget.max_model_calls.map_or(u32::MAX, ModelCallLimit::get);
        let tool_calls = budget.max_tool_calls.map_or(u32::MAX, ToolCallLimit::get);
        let tokens = budget.max_run_tokens.map_or(u32::MAX, RunTokenLimit::get);
        Self {
            model_calls: self.model_calls.min(model_calls),
            tool_calls: self.tool_calls.min(tool_calls),
            tokens: self.tokens.min(tokens.into()),
        }
    }
}

impl KeptCall<'_> {
    /// Uses the call.
    pub(super) fn spend(mut self) {
        self.0 = None;
    }
}

impl Drop for KeptCall<'_> {
    fn drop(&mut self) {
        for budget in self.0.into_iter().flat_map(Budget::outwards) {
            let mut left = budget.left();
            left.model_calls = left.model_calls.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use colloquy_domain::{ModelCallLimit, RunBudget, Usage};

    use super::{Budget, RunLimits};

    fn budget(max_model_calls: u32) -> Arc<Budget> {
        let limits = RunLimits {
            max_model_calls,
            max_tool_calls: 1,
            max_tokens: 100,
            ..RunLimits::default()
        };
        Arc::new(Budget::new(&limits, RunBudget::default()))
    }

    fn at_most(calls: u32) -> RunBudget {
        RunBudget {
            max_model_calls: ModelCallLimit::new(calls).ok(),
            ..RunBudget::default()
        }
    }

    #[test]
    fn what_is_within_takes_from_what_is_around() {
        let outer = budget(3);
        let inner = Budget::within(&outer, at_most(2));
        assert!(inner.take_model_call() && inner.take_model_call());
        assert!(!inner.take_model_call());
        assert!(outer.take_model_call());
        assert!(!outer.take_model_call());
        let late = Budget::within(&outer, at_most(2));
        assert!(!late.take_model_call());
    }

    #[test]
    fn a_kept_call_is_given_back_or_used() {
        let outer = budget(2);
        let inner = Budget::within(&outer, RunBudget::default());
        let kept = inner.keep_call().unwrap();
        assert!(outer.take_model_call());
        assert!(!inner.take_model_call());
        drop(kept);
        inner.keep_call().unwrap().spend();
        assert!(!outer.take_model_call());
    }

    #[test]
    fn used_up_tokens_end_the_calls() {
        let outer = budget(10);
        let inner = Budget::within(&outer, RunBudget::default());
        inner.spend_tokens(Usage {
            input_tokens: u64::MAX,
            output_tokens: u64::MAX,
        });
        assert!(!inner.take_model_call());
        assert!(!outer.take_model_call());
        assert!(outer.take_tool_call());
        assert!(!inner.has_tool_calls());
    }
}
