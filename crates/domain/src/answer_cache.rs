//! When an answer that was given may be given again.

use std::num::NonZeroU32;

use crate::Violation;
use crate::decimal::decimal_types;
use crate::named::named;

/// How an assistant shares the answers that it has given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnswerCaching {
    /// Whether answers are kept and served at all.
    pub is_on: bool,
    /// How similar another question must be, at the least, to be answered alike.
    pub threshold: SimilarityThreshold,
    /// How old an answer may get.
    pub lifetime: AnswerLifetime,
    /// Whom answers are shared with.
    pub scope: CacheScope,
    /// Counts the purges: what was kept under an earlier number is never served again. Only a
    /// purge writes it.
    pub generation: u64,
}

impl Default for AnswerCaching {
    /// Off; 0.90, an hour and `auto` once it is turned on.
    fn default() -> Self {
        Self {
            is_on: false,
            threshold: SimilarityThreshold::DEFAULT,
            lifetime: AnswerLifetime::DEFAULT,
            scope: CacheScope::Auto,
            generation: 0,
        }
    }
}

decimal_types! {
    /// The least cosine similarity of two questions that may share an answer.
    SimilarityThreshold: 0.0 to 1.0;
}

impl SimilarityThreshold {
    /// What counts unless something else is said.
    pub const DEFAULT: Self = Self(0.90);
}

/// How old an answer may get, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AnswerLifetime(NonZeroU32);

impl AnswerLifetime {
    /// An hour.
    pub const DEFAULT: Self = Self(NonZeroU32::MIN.saturating_add(3599));
    /// The longest allowed, in seconds: some 68 years.
    pub const MAX: u32 = 2_147_483_647;

    /// Checks the range, which starts at 1.
    ///
    /// # Errors
    /// A `Violation` with the code `out_of_range`.
    pub fn from_seconds(seconds: u32) -> Result<Self, Violation> {
        match NonZeroU32::new(seconds) {
            Some(lifetime) if seconds <= Self::MAX => Ok(Self(lifetime)),
            _ => Err(Violation::new(
                "out_of_range",
                "must be from 1 to 2147483647",
            )),
        }
    }

    /// The number of seconds.
    #[must_use]
    pub const fn as_seconds(self) -> u32 {
        self.0.get()
    }
}

named! {
    /// Whom an assistant's answers are shared with.
    CacheScope {
        /// Everybody where the assistant is public; each user has their own where it is private.
        Auto = "auto",
        /// Nobody: each user has their own.
        User = "user",
        /// Everybody who may use the assistant.
        Shared = "shared",
    }
}

named! {
    /// How a question was found to have been answered before.
    CacheHit {
        /// The very same question.
        Exact = "exact",
        /// One that means the same.
        Semantic = "semantic",
    }
}

/// That a run's answer was given before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CachedRun {
    /// How it was found.
    pub hit: CacheHit,
    /// How similar the two questions are.
    pub similarity: Similarity,
    /// How old the answer was, in whole seconds.
    pub age_seconds: u64,
}

/// A cosine similarity from 0 to 1, kept in ten-thousandths: every store holds that exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Similarity(u16);

impl Similarity {
    const ONE: u16 = 10_000;
    /// That of a question to itself.
    pub const SAME: Self = Self(Self::ONE);

    /// The nearest of ten thousand steps; what lies outside 0 to 1 becomes the nearer end, and NaN 0.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the value is between 0 and 10,000"
    )]
    pub fn from_cosine(cosine: f64) -> Self {
        Self((cosine.clamp(0.0, 1.0) * f64::from(Self::ONE)).round() as u16)
    }

    /// The similarity of so many ten-thousandths.
    ///
    /// # Errors
    /// A `Violation` with the code `out_of_range`.
    pub fn from_ten_thousandths(steps: i64) -> Result<Self, Violation> {
        match u16::try_from(steps) {
            Ok(steps) if steps <= Self::ONE => Ok(Self(steps)),
            _ => Err(Violation::new("out_of_range", "must be from 0 to 10000")),
        }
    }

    /// In ten-thousandths.
    #[must_use]
    pub const fn as_ten_thousandths(self) -> u16 {
        self.0
    }

    /// From 0 to 1.
    #[must_use]
    pub fn get(self) -> f64 {
        f64::from(self.0) / f64::from(Self::ONE)
    }
}

#[cfg(test)]
mod tests {
    use super::{AnswerLifetime, Similarity, SimilarityThreshold};

    #[test]
    fn a_lifetime_is_at_least_a_second() {
        assert!(AnswerLifetime::from_seconds(0).is_err());
        assert!(AnswerLifetime::from_seconds(u32::MAX).is_err());
        assert_eq!(AnswerLifetime::from_seconds(1).unwrap().as_seconds(), 1);
        assert_eq!(AnswerLifetime::DEFAULT.as_seconds(), 3600);
    }

    #[test]
    fn a_threshold_lies_between_0_and_1() {
        for value in [-0.01, 1.01, f64::NAN] {
            let violation = SimilarityThreshold::new(value).unwrap_err();
            assert_eq!(violation.code, "out_of_range");
        }
    }

    #[test]
    fn a_similarity_is_rounded_to_four_places() {
        for (cosine, steps) in [
            (1.0, 10_000),
            (1.000_000_1, 10_000),
            (0.9, 9_000),
            (0.934_59, 9_346),
            (0.999_94, 9_999),
            (-0.2, 0),
            (f64::NAN, 0),
        ] {
            let similarity = Similarity::from_cosine(cosine);
            assert_eq!(similarity.as_ten_thousandths(), steps, "{cosine}");
        }
        assert_eq!(
            Similarity::from_ten_thousandths(9_345).unwrap().get(),
            0.9345
        );
        assert!(Similarity::from_ten_thousandths(10_001).is_err());
    }
}
