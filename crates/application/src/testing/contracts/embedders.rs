//! Contract of [`Embedder`].

use std::sync::Arc;

use super::at_once;
use crate::ports::{Embedder, Embedding};
use crate::testing::samples::difficult_texts;

type Model = Arc<dyn Embedder>;

async fn embed(embedder: &Model, text: &str) -> Embedding {
    embedder.embed(text).await.unwrap()
}

fn cosine(one: &Embedding, other: &Embedding) -> f32 {
    let pairs = one.as_slice().iter().zip(other.as_slice());
    pairs.map(|(a, b)| a * b).sum()
}

fn texts() -> Vec<String> {
    let mut texts = difficult_texts();
    texts.extend(["a", "?", "How do I reset my password?"].map(str::to_owned));
    texts.push("a long text of many words ".repeat(400));
    texts
}

pub async fn the_model_has_a_name(embedder: &Model) {
    assert!(!embedder.model().trim().is_empty());
}

pub async fn every_text_has_a_vector_of_one_length(embedder: &Model) {
    let length = embed(embedder, "hello").await.as_slice().len();
    for text in texts() {
        let vector = embed(embedder, &text).await;
        assert_eq!(vector.as_slice().len(), length, "{text}");
        assert!((cosine(&vector, &vector) - 1.0).abs() < 1e-4, "{text}");
    }
}

pub async fn the_same_text_has_the_same_vector(embedder: &Model) {
    for text in texts() {
        let (one, other) = (embed(embedder, &text).await, embed(embedder, &text).await);
        assert!(cosine(&one, &other) > 0.9999, "{text}");
    }
}

pub async fn texts_at_once_have_their_own_vectors(embedder: &Model) {
    let texts = texts();
    let mut alone = Vec::new();
    for text in &texts {
        alone.push(embed(embedder, text).await);
    }
    let vectors = at_once(texts.into_iter().map(|text| {
        let embedder = Arc::clone(embedder);
        async move { embed(&embedder, &text).await }
    }));
    for (alone, at_once) in alone.iter().zip(vectors.await) {
        assert!(cosine(alone, &at_once) > 0.9999);
    }
}
