//! Lookup cost of the answer cache, exact and semantic, against summing the same memory.
#![expect(clippy::unwrap_used, reason = "benchmarks may panic")]

use std::hint::black_box;

use chrono::DateTime;
use colloquy_application::ports::{AnswerCache, AnswerPartition, Audience, Embedding, KeptAnswer};
use colloquy_application::testing::samples::{Samples, answer_source, moment};
use colloquy_cache::MemoryAnswerCache;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pulp::{Arch, Simd, WithSimd};
use tokio::runtime::{Builder, Runtime};

const DIMENSIONS: usize = 384;

/// Deterministic pseudo-random vector.
fn embedding(seed: u64) -> Embedding {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut number = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    Embedding::new((0..DIMENSIONS).map(|_| number()).collect()).unwrap()
}

fn filled(runtime: &Runtime, entries: u64) -> (MemoryAnswerCache, AnswerPartition) {
    let make = Samples::new();
    let partition = AnswerPartition {
        assistant: make.assistant_id(),
        audience: Audience::Public,
        generation: 0,
        fingerprint: [0; 32],
    };
    let cache = MemoryAnswerCache::new(1 << 30);
    for number in 0..entries {
        let answer = KeptAnswer {
            question: format!("what is the meaning of number {number}"),
            answer: "It has none.".to_owned(),
            source: answer_source(),
            created_at: moment(0),
        };
        let vector = embedding(number);
        let put = cache.put(&partition, answer, Some(&vector));
        runtime.block_on(put).unwrap();
    }
    (cache, partition)
}

/// Reads the memory with as little work as possible.
struct Sum<'a>(&'a [f32]);

impl WithSimd for Sum<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let (numbers, _) = S::as_simd_f32s(self.0);
        let (numbers, _) = pulp::as_arrays::<4, _>(numbers);
        let mut sums = [simd.splat_f32s(0.0); 4];
        for four in numbers {
            for lane in 0..4 {
                sums[lane] = simd.add_f32s(sums[lane], four[lane]);
            }
        }
        let pairs = [
            simd.add_f32s(sums[0], sums[1]),
            simd.add_f32s(sums[2], sums[3]),
        ];
        simd.reduce_sum_f32s(simd.add_f32s(pairs[0], pairs[1]))
    }
}

fn look_ups(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().build().unwrap();
    let mut group = criterion.benchmark_group("answers");
    for entries in [1_000_u64, 10_000, 100_000] {
        let (cache, partition) = filled(&runtime, entries);
        let question = format!("what is the meaning of number {}", entries / 2);
        let ever = DateTime::UNIX_EPOCH;
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("exact", entries), |bench| {
            let find = || cache.find(&partition, &question, ever);
            bench.iter(|| runtime.block_on(find()).unwrap().unwrap());
        });
        group.throughput(Throughput::Bytes(entries * DIMENSIONS as u64 * 4));
        let query = embedding(u64::MAX);
        group.bench_function(BenchmarkId::new("semantic", entries), |bench| {
            let find = || cache.find_similar(&partition, &query, 0.9, ever);
            bench.iter(|| runtime.block_on(find()).unwrap());
        });
        drop(cache);
        let memory = vec![0.5_f32; entries as usize * DIMENSIONS];
        group.bench_function(BenchmarkId::new("reading", entries), |bench| {
            bench.iter(|| Arch::new().dispatch(Sum(black_box(&memory))));
        });
    }
    group.finish();
}

criterion_group!(benches, look_ups);
criterion_main!(benches);
