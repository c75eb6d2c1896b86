//! Answer-cache settings of an assistant, and the record of a cached answer on a run.

use std::num::NonZeroU32;

use crate::Violation;
use crate::decimal::decimal_types;
use crate::named::named;

/// Answer-cache settings of an assistant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnswerCaching {
    /// Whether the cache is enabled.
    pub is_on: bool,
    /// Minimum similarity for a semantic hit.
    pub threshold: SimilarityThreshold,
    /// Maximum age of an answer.
    pub lifetime: AnswerLifetime,
    /// Who shares cached answers.
    pub scope: CacheScope,
    /// Incremented by each purge; earlier entries are never served.
    pub generation: u64,
}

impl Default for AnswerCaching {
    /// Disabled; otherwise threshold 0.90, one hour, scope `auto`.
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
    /// Minimum cosine similarity for two questions to share an answer.
    SimilarityThreshold: 0.0 to 1.0;
}

impl SimilarityThreshold {
    /// Default threshold.
    pub const DEFAULT: Self = Self(0.90);
}

/// Maximum age of a cached answer, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AnswerLifetime(NonZeroU32);

impl AnswerLifetime {
    /// One hour.
    pub const DEFAULT: Self = Self(NonZeroU32::MIN.saturating_add(3599));
    /// Maximum, about 68 years.
    pub const MAX: u32 = 2_147_483_647;

    /// Accepts 1 to [`MAX`](Self::MAX).
    ///
    /// # Errors
    /// `out_of_range`.
    pub fn from_seconds(seconds: u32) -> Result<Self, Violation> {
        match NonZeroU32::new(seconds) {
            Some(lifetime) if seconds <= Self::MAX => Ok(Self(lifetime)),
            _ => Err(Violation::new(
                "out_of_range",
                "must be from 1 to 2147483647",
            )),
        }
    }

    /// The lifetime in seconds.
    #[must_use]
    pub const fn as_seconds(self) -> u32 {
        self.0.get()
    }
}

named! {
    /// Who shares an assistant's cached answers.
    CacheScope {
        /// Everyone if the assistant is public, otherwise per user.
        Auto = "auto",
        /// Per user.
        User = "user",
        /// Everyone who may run the assistant.
        Shared = "shared",
    }
}

named! {
    /// How a cached answer was matched.
    CacheHit {
        /// Identical question after normalization.
        Exact = "exact",
        /// Similar question.
        Semantic = "semantic",
    }
}

/// Marks a run answered from the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CachedRun {
    /// How the answer was matched.
    pub hit: CacheHit,
    /// Similarity of the two questions.
    pub similarity: Similarity,
    /// Age of the answer, in whole seconds.
    pub age_seconds: u64,
}

/// Cosine similarity from 0 to 1. Stored as ten-thousandths, which every database keeps exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Similarity(u16);

impl Similarity {
    const ONE: u16 = 10_000;
    /// Of identical questions.
    pub const SAME: Self = Self(Self::ONE);

    /// Rounds to ten-thousandths and clamps to 0..=1; NaN becomes 0.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the value is between 0 and 10,000"
    )]
    pub fn from_cosine(cosine: f64) -> Self {
        Self((cosine.clamp(0.0, 1.0) * f64::from(Self::ONE)).round() as u16)
    }

    /// From ten-thousandths.
    ///
    /// # Errors
    /// `out_of_range`.
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
