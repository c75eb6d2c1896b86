//! One partition's answers: an index over chunks.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use colloquy_application::ports::KeptAnswer;

use super::chunk::{CHUNK, Chunk, Entry};

/// Estimated, without chunks.
pub(super) const BLOCK_BYTES: usize = 768;

pub(super) struct Block {
    sealed: Arc<Vec<Arc<Chunk>>>,
    tail: Option<Arc<Chunk>>,
    /// Live answers to the ID of their chunk.
    index: HashMap<Indexed, u64>,
}

pub(super) struct Snapshot {
    pub(super) sealed: Arc<Vec<Arc<Chunk>>>,
    pub(super) tail: Option<Arc<Chunk>>,
}

/// What a change did, for memory accounting.
#[derive(Default)]
pub(super) struct Change {
    /// In bytes, as is `removed`.
    pub(super) added: usize,
    pub(super) removed: usize,
    pub(super) created_chunks: Vec<u64>,
    pub(super) removed_entries: Vec<Arc<Entry>>,
    /// Freed after the lock is released.
    pub(super) garbage: Vec<Arc<Chunk>>,
}

/// Hashes and compares by the question.
struct Indexed(Arc<Entry>);

impl Borrow<str> for Indexed {
    fn borrow(&self) -> &str {
        &self.0.kept.question
    }
}

impl Hash for Indexed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.kept.question.hash(state);
    }
}

impl PartialEq for Indexed {
    fn eq(&self, other: &Self) -> bool {
        self.0.kept.question == other.0.kept.question
    }
}

impl Eq for Indexed {}

impl Block {
    pub(super) fn new() -> Self {
        Self {
            sealed: Arc::default(),
            tail: None,
            index: HashMap::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn bytes(&self) -> usize {
        let chunks = self.sealed.iter().chain(&self.tail);
        BLOCK_BYTES + chunks.map(|chunk| chunk.bytes()).sum::<usize>()
    }

    pub(super) fn find(&self, question: &str) -> Option<Arc<KeptAnswer>> {
        let (Indexed(entry), _) = self.index.get_key_value(question)?;
        entry.mark_used();
        Some(Arc::clone(&entry.kept))
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot {
            sealed: Arc::clone(&self.sealed),
            tail: self.tail.clone(),
        }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.index.keys().map(|Indexed(entry)| entry)
    }

    /// Replaces an answer to the same question.
    pub(super) fn put(
        &mut self,
        entry: &Arc<Entry>,
        vector: &[f32],
        next_id: &mut u64,
        change: &mut Change,
    ) {
        let old = self.index.remove_entry(entry.kept.question.as_str());
        self.append(Arc::clone(entry), vector, next_id, change);
        if let Some((Indexed(old), chunk)) = old {
            self.vacate(chunk, old, next_id, change);
        }
    }

    pub(super) fn remove(&mut self, question: &str, next_id: &mut u64, change: &mut Change) {
        if let Some((Indexed(old), chunk)) = self.index.remove_entry(question) {
            self.vacate(chunk, old, next_id, change);
        }
    }

    fn vacate(&mut self, chunk: u64, old: Arc<Entry>, next_id: &mut u64, change: &mut Change) {
        old.mark_gone();
        if let Some(chunk) = self.chunk_mut(chunk) {
            change.removed += chunk.bytes();
            chunk.vacate(&old);
            change.added += chunk.bytes();
        }
        change.removed_entries.push(old);
        self.tidy(chunk, next_id, change);
    }

    /// Copies the chunk if a reader holds it.
    fn chunk_mut(&mut self, id: u64) -> Option<&mut Chunk> {
        let tail = self.tail.as_mut().filter(|tail| tail.id == id);
        let found = match tail {
            Some(tail) => tail,
            None => {
                let index = self.sealed.iter().position(|sealed| sealed.id == id)?;
                &mut Arc::make_mut(&mut self.sealed)[index]
            }
        };
        Some(Arc::make_mut(found))
    }

    fn append(
        &mut self,
        entry: Arc<Entry>,
        vector: &[f32],
        next_id: &mut u64,
        change: &mut Change,
    ) {
        if let Some(full) = self.tail.take_if(|tail| !tail.takes(vector.len())) {
            Arc::make_mut(&mut self.sealed).push(full);
        }
        let tail = self.tail.get_or_insert_with(|| {
            *next_id += 1;
            change.created_chunks.push(*next_id);
            let chunk = Chunk::new(*next_id, vector.len());
            change.added += chunk.bytes();
            Arc::new(chunk)
        });
        // Copies only while a reader holds it.
        let tail = Arc::make_mut(tail);
        let before = tail.bytes();
        tail.push(Arc::clone(&entry), vector);
        change.added += tail.bytes();
        change.removed += before;
        self.index.insert(Indexed(entry), tail.id);
    }

    /// Repacks a chunk once most of its answers are removed.
    fn tidy(&mut self, chunk: u64, next_id: &mut u64, change: &mut Change) {
        let found = self.sealed.iter().find(|sealed| sealed.id == chunk);
        if found.is_some_and(|sealed| sealed.live() < CHUNK / 4) {
            self.dissolve(chunk, |_| true, next_id, change);
        }
    }

    /// Drops a chunk. Keeps at most half of its answers: those used since the last eviction.
    pub(super) fn evict(&mut self, chunk: u64, next_id: &mut u64, change: &mut Change) {
        let mut spared = CHUNK / 2;
        let keep = |entry: &Entry| {
            let is_spared = spared > 0 && entry.take_used();
            spared -= usize::from(is_spared);
            is_spared
        };
        self.dissolve(chunk, keep, next_id, change);
    }

    fn dissolve(
        &mut self,
        chunk: u64,
        mut keep: impl FnMut(&Entry) -> bool,
        next_id: &mut u64,
        change: &mut Change,
    ) {
        let Some(taken) = self.take(chunk) else {
            return;
        };
        change.removed += taken.bytes();
        for (entry, vector) in taken.pairs() {
            self.index.remove(entry.kept.question.as_str());
            // A chunk of one answer would otherwise never be evicted.
            if taken.entries().len() > 1 && keep(entry) {
                self.append(Arc::clone(entry), vector, next_id, change);
            } else {
                change.removed_entries.push(Arc::clone(entry));
            }
        }
        change.garbage.push(taken);
    }

    fn take(&mut self, chunk: u64) -> Option<Arc<Chunk>> {
        if let Some(tail) = self.tail.take_if(|tail| tail.id == chunk) {
            return Some(tail);
        }
        let index = self.sealed.iter().position(|sealed| sealed.id == chunk)?;
        Some(Arc::make_mut(&mut self.sealed).remove(index))
    }
}
