//! A fixed-capacity group of answers with their vectors in one allocation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use colloquy_application::ports::KeptAnswer;

pub(super) const CHUNK: usize = 256;
/// Estimated overhead per answer: two `Arc`s, two allocations, two index entries.
const ENTRY_BYTES: usize = 368;
/// Estimated, without answers.
const CHUNK_BYTES: usize = 128;

pub(super) struct Entry {
    pub(super) kept: Arc<KeptAnswer>,
    /// Hit since it was placed in its chunk.
    used: AtomicBool,
    /// Removed; readers that still hold the chunk skip it.
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

/// Answers with contiguous vectors. Only a block's last chunk grows. Readers take no lock.
#[derive(Clone)]
pub(super) struct Chunk {
    pub(super) id: u64,
    /// Vector length; 0 for answers without a vector.
    length: usize,
    vectors: Vec<f32>,
    /// `None`: removed or replaced.
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

    /// Empties the slot and zeroes its vector.
    pub(super) fn vacate(&mut self, entry: &Arc<Entry>) {
        let is_it = |it: &Option<Arc<Entry>>| it.as_ref().is_some_and(|it| Arc::ptr_eq(it, entry));
        if let Some(index) = self.entries.iter().position(is_it) {
            self.entries[index] = None;
            self.vectors[index * self.length..][..self.length].fill(0.0);
            self.entry_bytes -= entry.bytes();
        }
    }

    pub(super) fn pairs(&self) -> impl Iterator<Item = (&Arc<Entry>, &[f32])> {
        let vector = |index: usize| &self.vectors[index * self.length..][..self.length];
        self.entries
            .iter()
            .enumerate()
            .filter_map(move |(index, entry)| Some((entry.as_ref()?, vector(index))))
    }

    pub(super) fn live(&self) -> usize {
        self.entries.iter().flatten().count()
    }

    pub(super) fn bytes(&self) -> usize {
        let vectors = self.vectors.capacity() * size_of::<f32>();
        let entries = self.entries.capacity() * size_of::<Option<Arc<Entry>>>();
        vectors + entries + self.entry_bytes + CHUNK_BYTES
    }
}
