//! In-memory answer cache and embedder.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::AssistantId;

use crate::ports::{
    AnswerCache, AnswerOrigin, AnswerPartition, Embedder, Embedding, KeptAnswer, MAX_CANDIDATES,
    PortError, SimilarAnswer,
};

/// An answer cache in a list.
#[derive(Default)]
pub struct MemoryAnswers {
    entries: Mutex<Vec<Entry>>,
}

struct Entry {
    partition: AnswerPartition,
    kept: Arc<KeptAnswer>,
    vector: Option<Embedding>,
}

impl MemoryAnswers {
    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Number of answers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[async_trait]
impl AnswerCache for MemoryAnswers {
    async fn find(
        &self,
        partition: &AnswerPartition,
        question: &str,
        oldest: DateTime<Utc>,
    ) -> Result<Option<Arc<KeptAnswer>>, PortError> {
        let entries = self.entries();
        let mut inside = entries.iter().filter(|entry| entry.partition == *partition);
        let found = inside.find(|entry| entry.kept.question == question);
        let kept = found.map(|entry| Arc::clone(&entry.kept));
        Ok(kept.filter(|kept| kept.created_at >= oldest))
    }

    async fn find_similar(
        &self,
        partition: &AnswerPartition,
        vector: &Embedding,
        threshold: f32,
        oldest: DateTime<Utc>,
    ) -> Result<Vec<SimilarAnswer>, PortError> {
        let entries = self.entries();
        let inside = entries.iter().filter(|entry| entry.partition == *partition);
        let mut found: Vec<_> = inside
            .filter(|entry| entry.kept.created_at >= oldest)
            .filter_map(|entry| {
                let similarity = cosine(entry.vector.as_ref()?, vector)?;
                let kept = Arc::clone(&entry.kept);
                (similarity >= threshold).then_some(SimilarAnswer { kept, similarity })
            })
            .collect();
        found.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
        found.truncate(MAX_CANDIDATES);
        Ok(found)
    }

    async fn put(
        &self,
        partition: &AnswerPartition,
        answer: KeptAnswer,
        vector: Option<&Embedding>,
    ) -> Result<(), PortError> {
        let mut entries = self.entries();
        let origin = AnswerOrigin::Thread(answer.source.thread);
        entries.retain(|entry| {
            let is_same = entry.partition == *partition && entry.kept.question == answer.question;
            !is_same && !origin.contains(&entry.kept.source)
        });
        entries.push(Entry {
            partition: partition.clone(),
            kept: Arc::new(answer),
            vector: vector.cloned(),
        });
        Ok(())
    }

    async fn purge(&self, assistant: AssistantId) -> Result<u64, PortError> {
        let mut entries = self.entries();
        let before = entries.len();
        entries.retain(|entry| entry.partition.assistant != assistant);
        Ok((before - entries.len()) as u64)
    }

    async fn forget(&self, origin: AnswerOrigin) -> Result<u64, PortError> {
        let mut entries = self.entries();
        let before = entries.len();
        entries.retain(|entry| !origin.contains(&entry.kept.source));
        Ok((before - entries.len()) as u64)
    }
}

fn cosine(one: &Embedding, other: &Embedding) -> Option<f32> {
    let (one, other) = (one.as_slice(), other.as_slice());
    let pairs = one.iter().zip(other);
    (one.len() == other.len()).then(|| pairs.map(|(a, b)| a * b).sum())
}

/// Embeds texts by their letters unless given a vector: texts that share most letters are similar.
#[derive(Default)]
pub struct LetterEmbedder {
    given: Mutex<BTreeMap<String, Embedding>>,
    mood: Mutex<Mood>,
    calls: AtomicUsize,
}

/// How an embedder behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mood {
    /// Answers at once.
    #[default]
    Well,
    /// Returns an error.
    Failing,
    /// Never answers.
    Hanging,
}

impl LetterEmbedder {
    /// Sets the text's vector.
    ///
    /// # Panics
    /// If the numbers are not a valid vector.
    pub fn give(&self, text: &str, numbers: &[f32]) {
        let vector = Embedding::new(numbers.to_vec()).unwrap();
        let mut given = self.given.lock().unwrap();
        given.insert(text.to_owned(), vector);
    }

    /// Sets the behaviour.
    pub fn set_mood(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// Number of calls so far.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Embedder for LetterEmbedder {
    fn model(&self) -> &'static str {
        "letters"
    }

    async fn embed(&self, text: &str) -> Result<Embedding, PortError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Well => {}
            Mood::Failing => return Err(PortError::unavailable("the embedder is down")),
            Mood::Hanging => std::future::pending().await,
        }
        if let Some(vector) = self.given.lock().unwrap().get(text) {
            return Ok(vector.clone());
        }
        let mut numbers = vec![0.1_f32; 32];
        for byte in text.to_lowercase().bytes() {
            numbers[usize::from(byte % 32)] += 1.0;
        }
        Embedding::new(numbers).map_err(PortError::other)
    }
}
