//! Requests that no client should send, made at random and always the same for a seed.

mod frames;
mod heads;

use crate::random::Random;

pub use frames::{PREFACE, frame};

/// Something to send over a connection.
#[derive(Debug, Clone)]
pub struct Malformed {
    /// What is wrong with it.
    pub kind: &'static str,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// Makes one of them.
type Make = fn(&mut Maker) -> Vec<u8>;

/// Makes them.
pub struct Maker {
    random: Random,
    tokens: Vec<String>,
}

impl Maker {
    /// The same seed makes the same ones. Some are sent with one of these tokens.
    #[must_use]
    pub const fn seeded(seed: u64, tokens: Vec<String>) -> Self {
        Self {
            random: Random::seeded(seed),
            tokens,
        }
    }

    /// The next one.
    pub fn make(&mut self) -> Malformed {
        let kinds = heads::KINDS.len() + frames::KINDS.len();
        let chosen = self.random.below(kinds as u64) as usize;
        let mut kinds = heads::KINDS.iter().chain(frames::KINDS);
        let (kind, make) = kinds.nth(chosen).expect("one of them");
        Malformed {
            kind,
            bytes: make(self),
        }
    }
}
