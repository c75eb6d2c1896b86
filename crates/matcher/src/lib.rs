//! The English question matcher.

#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod courtesy;
mod embedded;
mod normal_form;
mod numbers;
mod openings;
mod spelling;
mod tokens;

use colloquy_application::ports::QuestionMatcher;

/// Matches English questions; other text matches only itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct EnglishMatcher;

impl QuestionMatcher for EnglishMatcher {
    fn ask_the_same(&self, one: &str, other: &str) -> bool {
        if one == other {
            return true;
        }
        match (normal_form::normalize(one), normal_form::normalize(other)) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        }
    }
}
