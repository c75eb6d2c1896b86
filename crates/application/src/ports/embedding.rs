use std::sync::Arc;

use async_trait::async_trait;

use super::PortError;

/// Turns texts into vectors that lie close together where the texts mean about the same.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// Names the model: vectors of different models are not to be compared.
    fn model(&self) -> &str;

    /// The text's vector: the same length for every text, and the same vector, but for rounding,
    /// for the same text. Takes what time it takes; the caller has a limit.
    ///
    /// # Errors
    /// `Unavailable`, or `Other` for an answer that is no vector.
    async fn embed(&self, text: &str) -> Result<Embedding, PortError>;
}

/// A vector of length one: the cosine of two of them is the sum of their products.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding(Arc<[f32]>);

/// The numbers are no direction: there are none or too many, one is not finite, or all are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an embedding has 1 to {max} finite numbers, not all of them zero", max = Embedding::MAX_LENGTH)]
pub struct InvalidEmbedding;

impl Embedding {
    /// More numbers than any model gives.
    pub const MAX_LENGTH: usize = 8192;

    /// The direction of these numbers.
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

    /// The numbers.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }
}
