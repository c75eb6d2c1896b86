//! The in-memory answer cache keeps its contract and its limit.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::sync::Arc;

use chrono::{DateTime, Utc};
use colloquy_application::ports::{AnswerCache, AnswerPartition, Audience, Embedding, KeptAnswer};
use colloquy_application::testing::samples::{Samples, answer_source, moment};
use colloquy_cache::MemoryAnswerCache;

const EVER: DateTime<Utc> = DateTime::UNIX_EPOCH;

async fn answers() -> Option<(Arc<dyn AnswerCache>, ())> {
    Some((Arc::new(MemoryAnswerCache::new(64 << 20)), ()))
}

colloquy_application::answer_cache_contracts!(answers);

fn partition(make: &Samples) -> AnswerPartition {
    AnswerPartition {
        assistant: make.assistant_id(),
        audience: Audience::Public,
        generation: 0,
        fingerprint: [0; 32],
    }
}

fn vector(number: u32) -> Embedding {
    let mixed = number.wrapping_mul(0x9E37_79B9);
    let numbers = (0..16).map(|index| (mixed.rotate_left(index) & 0xFF) as f32 + 1.0);
    Embedding::new(numbers.collect()).unwrap()
}

async fn put(cache: &MemoryAnswerCache, partition: &AnswerPartition, number: u32) {
    let answer = KeptAnswer {
        question: format!("question {number}"),
        answer: "answer".repeat(10),
        source: answer_source(),
        created_at: moment(0),
    };
    cache
        .put(partition, answer, Some(&vector(number)))
        .await
        .unwrap();
}

async fn has(cache: &MemoryAnswerCache, partition: &AnswerPartition, number: u32) -> bool {
    let question = format!("question {number}");
    cache
        .find(partition, &question, EVER)
        .await
        .unwrap()
        .is_some()
}

#[tokio::test]
async fn the_oldest_go_first_when_there_is_no_room() {
    let (cache, make) = (MemoryAnswerCache::new(1 << 20), Samples::new());
    let partition = partition(&make);
    for number in 0..20_000 {
        put(&cache, &partition, number).await;
    }
    assert!(!has(&cache, &partition, 0).await);
    assert!(has(&cache, &partition, 19_999).await);
    let count = cache.purge(partition.assistant).await.unwrap();
    assert!((500..3_000).contains(&count), "{count}");
}

#[tokio::test]
async fn what_is_asked_for_stays() {
    let (cache, make) = (MemoryAnswerCache::new(1 << 20), Samples::new());
    let partition = partition(&make);
    for number in 0..20_000 {
        put(&cache, &partition, number).await;
        assert!(has(&cache, &partition, 0).await, "{number}");
    }
    assert!(!has(&cache, &partition, 1).await);
    let found = cache
        .find_similar(&partition, &vector(0), 0.999_999, EVER)
        .await
        .unwrap();
    assert!(
        found
            .iter()
            .any(|found| found.kept.question == "question 0")
    );
}

#[tokio::test]
async fn the_limit_is_one_for_all_partitions() {
    let (cache, make) = (MemoryAnswerCache::new(1 << 20), Samples::new());
    let partitions: Vec<_> = (0..2_000).map(|_| partition(&make)).collect();
    for number in 0..10 {
        for partition in &partitions {
            put(&cache, partition, number).await;
        }
    }
    let mut count = 0;
    for partition in &partitions {
        count += cache.purge(partition.assistant).await.unwrap();
    }
    assert!((100..3_000).contains(&count), "{count}");
}

#[tokio::test]
async fn answers_that_are_given_anew_all_the_time_take_no_more_room() {
    let (cache, make) = (MemoryAnswerCache::new(1 << 20), Samples::new());
    let (busy, quiet) = (partition(&make), partition(&make));
    put(&cache, &quiet, 1).await;
    for _ in 0..100 {
        for number in 0..400 {
            put(&cache, &busy, number).await;
        }
    }
    assert!(has(&cache, &quiet, 1).await);
    assert_eq!(cache.purge(busy.assistant).await.unwrap(), 400);
}

#[tokio::test]
async fn an_answer_larger_than_all_the_room_is_not_kept() {
    let (cache, make) = (MemoryAnswerCache::new(1 << 16), Samples::new());
    let partition = partition(&make);
    let answer = KeptAnswer {
        question: "question".to_owned(),
        answer: "x".repeat(1 << 17),
        source: answer_source(),
        created_at: moment(0),
    };
    cache.put(&partition, answer, None).await.unwrap();
    assert!(
        cache
            .find(&partition, "question", EVER)
            .await
            .unwrap()
            .is_none()
    );
    put(&cache, &partition, 1).await;
    assert!(has(&cache, &partition, 1).await);
}
