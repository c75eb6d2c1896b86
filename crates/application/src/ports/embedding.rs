//! Port: embeddings.

use std::sync::Arc;

use async_trait::async_trait;

use super::PortError;

/// Embeds texts: similar meanings give close vectors.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// The model's name. Vectors of different models are not comparable.
    fn model(&self) -> &str;

    /// The text's vector: of constant length, deterministic except for rounding. The caller limits
    /// the time.
    ///
    /// # Errors
    /// `Unavailable`; `Other` for an invalid vector.
    async fn embed(&self, text: &str) -> Result<Embedding, PortError>;
}

/// A unit vector; the dot product of two is their cosine.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding(Arc<[f32]>);

/// Empty, too long, not finite, or all zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an embedding has 1 to {max} finite numbers, not all of them zero", max = Embedding::MAX_LENGTH)]
pub struct InvalidEmbedding;

impl Embedding {
    /// More than any model's vectors have.
    pub const MAX_LENGTH: usize = 8192;

    /// Normalises the numbers.
    ///
    /// # Errors
    /// [`InvalidEmbedding`].
    pub fn new(numbers: Vec<f32>) -> Result<Self, InvalidEmbedding> {
        let squares: f64 = numbers.iter().map(|n| f64::from(*n) * f64::from(*n)).sum();
        let length = squares.sqrt();
        if numbers.len() > Self::MAX_LENGTH || !length.is_normal() {
            return Err(InvalidEmbedding);
        }
        #[expect(clippy::cast_possible_truncation, reason = "vectors are kept in f32")]
        let unit = numbers.into_iter().map(|n| (f64::from(n) / length) as f32);
        Ok(Self(unit.collect()))
    }

    /// The components.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }
}
