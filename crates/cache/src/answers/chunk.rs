use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use colloquy_application::ports::KeptAnswer;

/// How many answers one chunk takes.
pub(super) const CHUNK: usize = 256;
/// What an answer takes beside its texts and its vector: two shared values, two allocations, its
/// place in the index.
const ENTRY_BYTES: usize = 256;
/// What a chunk takes beside its answers.
const CHUNK_BYTES: usize = 128;

/// One answer.
pub(super) struct Entry {
    pub(super) kept: Arc<KeptAnswer>,
    /// Whether it was found since it was put in its place.
    used: AtomicBool,
    /// Whether another has taken its place.
    replaced: AtomicBool,
}

impl Entry {
    pub(super) fn new(kept: KeptAnswer) -> Self {
        Self {
            kept: Arc::new(kept),
            used: AtomicBool::new(false),
            replaced: AtomicBool::new(false),
        }
    }

    pub(super) fn mark_used(&self) {
        self.used.store(true, Ordering::Relaxed);
    }

    /// Whether it was used; the next time only if it is again.
    pub(super) fn take_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }

    pub(super) fn replace(&self) {
        self.replaced.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_replaced(&self) -> bool {
        self.replaced.load(Ordering::Relaxed)
    }

    fn bytes(&self) -> usize {
        self.kept.question.capacity() + self.kept.answer.capacity() + ENTRY_BYTES
    }
}

/// Answers whose vectors lie in one piece of memory. Only the last chunk of a block grows; who
/// reads a chunk shares it, so that nobody waits for them.
#[derive(Clone)]
pub(super) struct Chunk {
    pub(super) id: u64,
    /// How long each vector is; 0 for answers without one.
    length: usize,
    vectors: Vec<f32>,
    entries: Vec<Arc<Entry>>,
    entry_bytes: usize,
}

impl Chunk {
    pub(super) fn new(id: u64, length: usize) -> Self {
        Self {
            id,
            length,
            vectors: Vec::new(),
            entries: Vec::new(),
            entry_bytes: 0,
        }
    }

    /// Whether an answer with such a vector fits in.
    pub(super) fn takes(&self, length: usize) -> bool {
        self.length == length && self.entries.len() < CHUNK
    }

    pub(super) fn push(&mut self, entry: Arc<Entry>, vector: &[f32]) {
        self.entry_bytes += entry.bytes();
        self.vectors.extend_from_slice(vector);
        self.entries.push(entry);
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }

    pub(super) fn vectors(&self) -> &[f32] {
        &self.vectors
    }

    pub(super) fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// Each answer with its vector.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&Arc<Entry>, &[f32])> {
        let vector = |place: usize| &self.vectors[place * self.length..][..self.length];
        self.entries
            .iter()
            .enumerate()
            .map(move |(place, entry)| (entry, vector(place)))
    }

    /// How many of its answers still count.
    pub(super) fn live(&self) -> usize {
        self.entries
            .iter()
            .filter(|entry| !entry.is_replaced())
            .count()
    }

    /// What it takes of memory.
    pub(super) fn bytes(&self) -> usize {
        let vectors = self.vectors.capacity() * size_of::<f32>();
        let entries = self.entries.capacity() * size_of::<Arc<Entry>>();
        vectors + entries + self.entry_bytes + CHUNK_BYTES
    }
}
