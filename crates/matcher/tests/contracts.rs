//! The matcher keeps the port's contract.

use std::sync::Arc;

use colloquy_application::ports::QuestionMatcher;
use colloquy_matcher::EnglishMatcher;

async fn matcher() -> Option<(Arc<dyn QuestionMatcher>, ())> {
    Some((Arc::new(EnglishMatcher), ()))
}

colloquy_application::matcher_contracts!(matcher);
