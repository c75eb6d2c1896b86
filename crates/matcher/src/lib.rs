#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod courtesy;
mod embedded;
mod numbers;
mod openings;
mod reading;
mod spelling;
mod tokens;

use colloquy_application::ports::QuestionMatcher;

/// Matches English questions; questions that it cannot read agree with nothing but themselves.
#[derive(Debug, Clone, Copy, Default)]
pub struct EnglishMatcher;

impl QuestionMatcher for EnglishMatcher {
    fn ask_the_same(&self, one: &str, other: &str) -> bool {
        if one == other {
            return true;
        }
        match (reading::read(one), reading::read(other)) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        }
    }
}
