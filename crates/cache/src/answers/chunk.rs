use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use colloquy_application::ports::KeptAnswer;

/// How many answers one chunk takes.
pub(super) const CHUNK: usize = 256;
/// What an answer takes beside its texts and its vector: two shared values, two allocations, its
/// places in the indexes of questions and threads.
const ENTRY_BYTES: usize = 368;
/// What a chunk takes beside its answers.
const CHUNK_BYTES: usize = 128;

/// One answer.
pub(super) struct Entry {
    pub(super) kept: Arc<KeptAnswer>,
    /// Whether it was found since it was put in its place.
    used: AtomicBool,
    /// Whether it counts no more: those who still read its chunk pass over it.
    is_gone: AtomicBool,
}

impl Entry {
    pub(super) fn new(kept: KeptAnswer) -> Self {
        Self {
            kept: Arc::new(kept),
            used: AtomicBool::new(false),
            is_gone: AtomicBool::new(false),
        }
    }

    pub(super) fn mark_used(&self) {
        self.used.store(true, Ordering::Relaxed);
    }

    /// Whether it was used; the next time only if it is again.
    pub(super) fn take_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }

    pub(super) fn mark_gone(&self) {
        self.is_gone.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
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
    /// None where one was removed or replaced.
    entries: Vec<Option<Arc<Entry>>>,
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
        self.entries.push(Some(entry));
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }

    pub(super) fn vectors(&self) -> &[f32] {
        &self.vectors
    }

    pub(super) fn entries(&self) -> &[Option<Arc<Entry>>] {
        &self.entries
    }

    /// Drops the entry and wipes its vector; its place stays empty.
    pub(super) fn vacate(&mut self, entry: &Arc<Entry>) {
        let is_it = |it: &Option<Arc<Entry>>| it.as_ref().is_some_and(|it| Arc::ptr_eq(it, entry));
        if let Some(place) = self.entries.iter().position(is_it) {
            self.entries[place] = None;
            self.vectors[place * self.length..][..self.length].fill(0.0);
            self.entry_bytes -= entry.bytes();
        }
    }

    /// Each answer that is there, with its vector.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&Arc<Entry>, &[f32])> {
        let vector = |place: usize| &self.vectors[place * self.length..][..self.length];
        self.entries
            .iter()
            .enumerate()
            .filter_map(move |(place, entry)| Some((entry.as_ref()?, vector(place))))
    }

    /// How many of its answers are there.
    pub(super) fn live(&self) -> usize {
        self.entries.iter().flatten().count()
    }

    /// What it takes of memory.
    pub(super) fn bytes(&self) -> usize {
        let vectors = self.vectors.capacity() * size_of::<f32>();
        let entries = self.entries.capacity() * size_of::<Option<Arc<Entry>>>();
        vectors + entries + self.entry_bytes + CHUNK_BYTES
    }
}
