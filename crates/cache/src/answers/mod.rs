//! The in-memory answer cache: exact lookup and a linear vector scan, with a byte limit.

mod block;
mod chunk;
mod scan;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_application::ports::{
    AnswerCache, AnswerOrigin, AnswerPartition, Embedding, KeptAnswer, MAX_CANDIDATES, PortError,
    Reading, Readings, SimilarAnswer,
};
use colloquy_domain::{AssistantId, ThreadId};

use self::block::{BLOCK_BYTES, Block, Change, Snapshot};
use self::chunk::{CHUNK, Chunk, Entry};

/// Chunks to scan before yielding to other tasks.
const CHUNKS_PER_YIELD: usize = 8;

/// In-memory answer cache with a byte limit over all partitions.
///
/// A partition's vectors are contiguous; a search scans them at about memory speed without a lock.
/// Above the limit the oldest chunks are evicted; answers hit since then survive one more round.
pub struct MemoryAnswerCache {
    state: Mutex<State>,
    max_bytes: usize,
}

#[derive(Default)]
struct State {
    assistants: HashMap<AssistantId, HashMap<Arc<AnswerPartition>, Block>>,
    threads: HashMap<ThreadId, Location>,
    /// Oldest first; may name chunks that no longer exist.
    ages: VecDeque<(Arc<AnswerPartition>, u64)>,
    bytes: usize,
    last_chunk: u64,
}

impl MemoryAnswerCache {
    /// Creates an empty cache limited to about `max_bytes`.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self {
            state: Mutex::default(),
            max_bytes,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn snapshot(&self, partition: &AnswerPartition) -> Option<Snapshot> {
        self.state().block(partition).map(Block::snapshot)
    }
}

#[derive(Clone)]
struct Location {
    partition: Arc<AnswerPartition>,
    entry: Arc<Entry>,
}

impl State {
    fn block(&self, partition: &AnswerPartition) -> Option<&Block> {
        self.assistants.get(&partition.assistant)?.get(partition)
    }

    fn put(&mut self, partition: &AnswerPartition, kept: KeptAnswer, vector: &[f32]) -> Garbage {
        let mut garbage = Garbage::new();
        if let Some(old) = self.threads.get(&kept.source.thread).cloned() {
            garbage.extend(self.remove_entry(&old));
        }
        let blocks = self.assistants.entry(partition.assistant).or_default();
        let known = blocks
            .get_key_value(partition)
            .map(|(known, _)| Arc::clone(known));
        let partition = known.unwrap_or_else(|| Arc::new(partition.clone()));
        let block = blocks.entry(Arc::clone(&partition)).or_insert_with(|| {
            self.bytes += BLOCK_BYTES;
            Block::new()
        });
        let (entry, mut change) = (Arc::new(Entry::new(kept)), Change::default());
        block.put(&entry, vector, &mut self.last_chunk, &mut change);
        let thread = entry.kept.source.thread;
        garbage.extend(self.note(&partition, change));
        self.threads.insert(thread, Location { partition, entry });
        garbage
    }

    fn remove_entry(&mut self, location: &Location) -> Garbage {
        let Location { partition, entry } = location;
        let mut change = Change::default();
        let blocks = self.assistants.get_mut(&partition.assistant);
        if let Some(block) = blocks.and_then(|blocks| blocks.get_mut(partition)) {
            let question = &entry.kept.question;
            block.remove(question, &mut self.last_chunk, &mut change);
        }
        self.drop_if_empty(partition, &mut change);
        self.note(partition, change)
    }

    fn drop_if_empty(&mut self, partition: &Arc<AnswerPartition>, change: &mut Change) {
        let Some(blocks) = self.assistants.get_mut(&partition.assistant) else {
            return;
        };
        if let Some(block) = blocks.get(partition).filter(|block| block.len() == 0) {
            change.removed += block.bytes();
            blocks.remove(partition);
        }
        if blocks.is_empty() {
            self.assistants.remove(&partition.assistant);
        }
    }

    /// Removes an origin's answers; returns their number.
    fn forget(&mut self, origin: AnswerOrigin) -> (u64, Garbage) {
        let matches_origin = |location: &&Location| origin.contains(&location.entry.kept.source);
        let matching: Vec<Location> = match origin {
            AnswerOrigin::Thread(thread) | AnswerOrigin::Run(thread, _) => {
                let location = self.threads.get(&thread).filter(matches_origin);
                location.cloned().into_iter().collect()
            }
            AnswerOrigin::Asker(_) => self
                .threads
                .values()
                .filter(matches_origin)
                .cloned()
                .collect(),
        };
        let garbage = matching
            .iter()
            .flat_map(|location| self.remove_entry(location));
        let garbage = garbage.collect();
        (matching.len() as u64, garbage)
    }

    fn note(&mut self, partition: &Arc<AnswerPartition>, change: Change) -> Garbage {
        self.bytes = (self.bytes + change.added).saturating_sub(change.removed);
        for entry in &change.removed_entries {
            let thread = entry.kept.source.thread;
            let known = self.threads.get(&thread);
            if known.is_some_and(|location| Arc::ptr_eq(&location.entry, entry)) {
                self.threads.remove(&thread);
            }
        }
        let created = change.created_chunks.into_iter();
        self.ages
            .extend(created.map(|chunk| (Arc::clone(partition), chunk)));
        change.garbage
    }

    /// Evicts the oldest chunks until `max_bytes` are kept.
    fn shrink(&mut self, max_bytes: usize) -> Garbage {
        let mut garbage = Garbage::new();
        while self.bytes > max_bytes
            && let Some((partition, chunk)) = self.ages.pop_front()
        {
            let Some(blocks) = self.assistants.get_mut(&partition.assistant) else {
                continue;
            };
            let Some(block) = blocks.get_mut(&partition) else {
                continue;
            };
            let mut change = Change::default();
            block.evict(chunk, &mut self.last_chunk, &mut change);
            self.drop_if_empty(&partition, &mut change);
            garbage.extend(self.note(&partition, change));
        }
        garbage
    }

    fn remove(&mut self, assistant: AssistantId) -> Vec<Block> {
        let removed = self.assistants.remove(&assistant).unwrap_or_default();
        let removed: Vec<Block> = removed.into_values().collect();
        for entry in removed.iter().flat_map(Block::entries) {
            self.threads.remove(&entry.kept.source.thread);
        }
        let bytes: usize = removed.iter().map(Block::bytes).sum();
        self.bytes = self.bytes.saturating_sub(bytes);
        self.ages
            .retain(|(partition, _)| partition.assistant != assistant);
        removed
    }
}

/// Freed after the lock is released.
type Garbage = Vec<Arc<Chunk>>;

#[async_trait]
impl AnswerCache for MemoryAnswerCache {
    async fn find(
        &self,
        partition: &AnswerPartition,
        question: &str,
        oldest: DateTime<Utc>,
    ) -> Result<Option<Arc<KeptAnswer>>, PortError> {
        let found = self
            .state()
            .block(partition)
            .and_then(|block| block.find(question));
        Ok(found.filter(|kept| kept.created_at >= oldest))
    }

    async fn find_similar(
        &self,
        partition: &AnswerPartition,
        vector: &Embedding,
        threshold: f32,
        oldest: DateTime<Utc>,
    ) -> Result<Vec<SimilarAnswer>, PortError> {
        let Some(Snapshot { sealed, tail }) = self.snapshot(partition) else {
            return Ok(Vec::new());
        };
        let mut best = Best::new(threshold, oldest);
        for (index, chunk) in sealed.iter().chain(&tail).enumerate() {
            if index % CHUNKS_PER_YIELD == CHUNKS_PER_YIELD - 1 {
                tokio::task::yield_now().await;
            }
            best.take_from(chunk, vector.as_slice());
        }
        Ok(best.into_answers())
    }

    async fn put(
        &self,
        partition: &AnswerPartition,
        mut answer: KeptAnswer,
        vector: Option<&Embedding>,
    ) -> Result<(), PortError> {
        answer.question.shrink_to_fit();
        answer.answer.shrink_to_fit();
        let vector = vector.map_or(&[][..], Embedding::as_slice);
        let mut state = self.state();
        let replaced = state.put(partition, answer, vector);
        let evicted = state.shrink(self.max_bytes);
        drop(state);
        drop((replaced, evicted));
        Ok(())
    }

    async fn purge(&self, assistant: AssistantId) -> Result<u64, PortError> {
        let removed = self.state().remove(assistant);
        Ok(removed.iter().map(|block| block.len() as u64).sum())
    }

    async fn forget(&self, origin: AnswerOrigin) -> Result<u64, PortError> {
        let (count, garbage) = self.state().forget(origin);
        drop(garbage);
        Ok(count)
    }
}

impl Readings for MemoryAnswerCache {
    fn readings(&self) -> Vec<Reading> {
        let state = self.state();
        let blocks = state.assistants.values().flat_map(HashMap::values);
        let entries: usize = blocks.map(Block::len).sum();
        vec![
            Reading::level(
                "colloquy_answer_cache_entries",
                "Answers in the answer cache",
                entries,
            ),
            Reading::level(
                "colloquy_answer_cache_bytes",
                "Estimated memory of the cached answers",
                state.bytes,
            ),
        ]
    }
}

/// Most similar answers so far, best first.
struct Best {
    threshold: f32,
    oldest: DateTime<Utc>,
    found: Vec<(f32, Arc<Entry>)>,
}

impl Best {
    fn new(threshold: f32, oldest: DateTime<Utc>) -> Self {
        Self {
            threshold,
            oldest,
            found: Vec::with_capacity(MAX_CANDIDATES + 1),
        }
    }

    fn take_from(&mut self, chunk: &Chunk, query: &[f32]) {
        if chunk.length() != query.len() {
            return;
        }
        let mut products = [0.0; CHUNK];
        let products = &mut products[..chunk.entries().len()];
        scan::dot_products(query, chunk.vectors(), products);
        for (similarity, entry) in products.iter().zip(chunk.entries()) {
            if let Some(entry) = entry
                && *similarity >= self.threshold
            {
                self.take(*similarity, entry);
            }
        }
    }

    fn take(&mut self, similarity: f32, entry: &Arc<Entry>) {
        if entry.is_gone() || entry.kept.created_at < self.oldest {
            return;
        }
        let rank = self
            .found
            .partition_point(|(better, _)| *better >= similarity);
        if rank < MAX_CANDIDATES {
            self.found.insert(rank, (similarity, Arc::clone(entry)));
            self.found.truncate(MAX_CANDIDATES);
        }
    }

    fn into_answers(self) -> Vec<SimilarAnswer> {
        let answer = |(similarity, entry): (f32, Arc<Entry>)| {
            entry.mark_used();
            let kept = Arc::clone(&entry.kept);
            SimilarAnswer { kept, similarity }
        };
        self.found.into_iter().map(answer).collect()
    }
}
