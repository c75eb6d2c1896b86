//! A million answers use at most the limit plus a fifth. Alone in its process, which it measures.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::fs;

use colloquy_application::ports::{AnswerCache, AnswerPartition, Audience, Embedding, KeptAnswer};
use colloquy_application::testing::samples::{Samples, answer_source, moment};
use colloquy_cache::MemoryAnswerCache;

const LIMIT: usize = 64 << 20;
const ANSWERS: usize = 1_000_000;

#[tokio::test]
async fn a_million_answers_stay_within_the_limit() {
    let (cache, make) = (MemoryAnswerCache::new(LIMIT), Samples::new());
    let partitions: Vec<AnswerPartition> = (0..1_000)
        .map(|_| AnswerPartition {
            assistant: make.assistant_id(),
            audience: Audience::User(make.user_id()),
            generation: 0,
            fingerprint: [0; 32],
        })
        .collect();
    let vector = Embedding::new(vec![1.0; 96]).unwrap();
    let before = resident();
    let mut most = 0;
    for number in 0..ANSWERS {
        // Half for one assistant, the rest spread; text lengths vary.
        let index = if number % 2 == 0 {
            0
        } else {
            number / 2 % 1_000
        };
        let answer = KeptAnswer {
            question: format!("question {number}"),
            answer: "answer ".repeat(number % 60),
            source: answer_source(),
            created_at: moment(0),
        };
        cache
            .put(&partitions[index], answer, Some(&vector))
            .await
            .unwrap();
        if number % 10_000 == 0 {
            most = most.max(resident() - before);
        }
    }
    assert!(most > LIMIT / 2, "the limit was never near: {most}");
    assert!(most <= LIMIT + LIMIT / 5, "{most} bytes");
}

fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kibibytes: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kibibytes * 1024
}
