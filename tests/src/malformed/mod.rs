//! Malformed requests, generated deterministically from a seed.

mod frames;
mod heads;

use crate::random::Random;

pub use frames::{PREFACE, frame};

/// Bytes to send over a connection.
#[derive(Debug, Clone)]
pub struct Malformed {
    /// What is wrong.
    pub kind: &'static str,
    /// The bytes.
    pub bytes: Vec<u8>,
}

type Make = fn(&mut Maker) -> Vec<u8>;

/// The generator.
pub struct Maker {
    random: Random,
    tokens: Vec<String>,
}

impl Maker {
    /// Equal seeds generate equal requests, some with one of the tokens.
    #[must_use]
    pub const fn seeded(seed: u64, tokens: Vec<String>) -> Self {
        Self {
            random: Random::seeded(seed),
            tokens,
        }
    }

    /// The next request.
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
