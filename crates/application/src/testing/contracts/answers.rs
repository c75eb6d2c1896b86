//! Contract of [`AnswerCache`]. Stays far below any cache's size limit.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use colloquy_domain::AssistantId;

use super::at_once;
use crate::ports::{
    AnswerCache, AnswerOrigin, AnswerPartition, AnswerSource, Audience, Embedding, KeptAnswer,
    MAX_CANDIDATES,
};
use crate::testing::samples::{Samples, answer_source, moment, second};

type Cache = Arc<dyn AnswerCache>;

const EVER: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn partition(make: &Samples) -> AnswerPartition {
    AnswerPartition {
        assistant: make.assistant_id(),
        audience: Audience::Public,
        generation: 0,
        fingerprint: [7; 32],
    }
}

fn kept(question: &str, answer: &str) -> KeptAnswer {
    KeptAnswer {
        question: question.to_owned(),
        answer: answer.to_owned(),
        source: answer_source(),
        created_at: moment(0),
    }
}

/// A unit vector at that angle in degrees; similarity is the cosine of the difference.
fn at(degrees: f32) -> Embedding {
    let angle = degrees.to_radians();
    Embedding::new(vec![angle.cos(), angle.sin()]).unwrap()
}

fn cosine(degrees: f32) -> f32 {
    degrees.to_radians().cos()
}

async fn put(cache: &Cache, partition: &AnswerPartition, question: &str, vector: &Embedding) {
    let answer = kept(question, &format!("answer to {question}"));
    cache.put(partition, answer, Some(vector)).await.unwrap();
}

async fn find(cache: &Cache, partition: &AnswerPartition, question: &str) -> Option<String> {
    let found = cache.find(partition, question, EVER).await.unwrap();
    found.map(|kept| kept.answer.clone())
}

async fn similar(
    cache: &Cache,
    partition: &AnswerPartition,
    vector: &Embedding,
    threshold: f32,
) -> Vec<String> {
    let found = cache.find_similar(partition, vector, threshold, EVER).await;
    let questions = found.unwrap().into_iter();
    questions.map(|found| found.kept.question.clone()).collect()
}

pub async fn an_answer_is_found_by_its_very_question(cache: &Cache) {
    let partition = partition(&Samples::new());
    let answer = KeptAnswer {
        question: "größe 🦀".to_owned(),
        answer: "an answer\nwith \0 two lines".to_owned(),
        source: answer_source(),
        created_at: moment(123_456),
    };
    cache
        .put(&partition, answer.clone(), Some(&at(0.0)))
        .await
        .unwrap();
    let found = cache.find(&partition, "größe 🦀", EVER).await.unwrap();
    assert_eq!(found.as_deref(), Some(&answer));
    for absent in ["größe", "größe 🦀 ", "Größe 🦀", ""] {
        assert_eq!(find(cache, &partition, absent).await, None, "{absent}");
    }
}

pub async fn an_answer_is_found_in_its_own_partition_only(cache: &Cache) {
    let make = Samples::new();
    let (home, user) = (partition(&make), make.user_id());
    let with = |audience| AnswerPartition {
        audience,
        ..home.clone()
    };
    let mut other_hash = home.fingerprint;
    other_hash[31] += 1;
    let partitions = [
        home.clone(),
        with(Audience::SignedIn),
        with(Audience::User(user)),
        with(Audience::User(make.user_id())),
        AnswerPartition {
            assistant: make.assistant_id(),
            ..home.clone()
        },
        AnswerPartition {
            generation: 1,
            ..home.clone()
        },
        AnswerPartition {
            fingerprint: other_hash,
            ..home.clone()
        },
    ];
    for (number, partition) in partitions.iter().enumerate() {
        // Earlier partitions do not leak into this one.
        assert_eq!(find(cache, partition, "same").await, None);
        assert!(similar(cache, partition, &at(0.0), 0.0).await.is_empty());
        let answer = kept("same", &number.to_string());
        cache.put(partition, answer, Some(&at(0.0))).await.unwrap();
    }
    for (number, partition) in partitions.iter().enumerate() {
        assert_eq!(
            find(cache, partition, "same").await,
            Some(number.to_string())
        );
        let found = cache
            .find_similar(partition, &at(0.0), 0.5, EVER)
            .await
            .unwrap();
        let answers: Vec<_> = found.iter().map(|it| it.kept.answer.clone()).collect();
        assert_eq!(answers, [number.to_string()]);
    }
}

pub async fn an_answer_that_is_too_old_is_absent(cache: &Cache) {
    let partition = partition(&Samples::new());
    put(cache, &partition, "question", &at(0.0)).await;
    for (oldest, is_found) in [
        (moment(-1), true),
        (moment(0), true),
        (moment(1), false),
        (second(3600), false),
    ] {
        let exact = cache.find(&partition, "question", oldest).await.unwrap();
        assert_eq!(exact.is_some(), is_found, "{oldest}");
        let similar = cache.find_similar(&partition, &at(0.0), 0.5, oldest).await;
        assert_eq!(similar.unwrap().len(), usize::from(is_found), "{oldest}");
    }
}

pub async fn an_old_answer_hides_no_younger_ones(cache: &Cache) {
    let partition = partition(&Samples::new());
    for number in 0..2 * MAX_CANDIDATES {
        put(cache, &partition, &format!("old {number}"), &at(0.0)).await;
    }
    let young = KeptAnswer {
        created_at: second(10),
        ..kept("young", "answer")
    };
    cache.put(&partition, young, Some(&at(10.0))).await.unwrap();
    let found = cache
        .find_similar(&partition, &at(0.0), 0.9, second(5))
        .await;
    assert_eq!(found.unwrap().len(), 1);
}

pub async fn a_new_answer_takes_the_place_of_the_old_one(cache: &Cache) {
    let partition = partition(&Samples::new());
    for answer in ["old", "new"] {
        let answer = kept("question", answer);
        cache.put(&partition, answer, Some(&at(0.0))).await.unwrap();
    }
    let found = find(cache, &partition, "question").await;
    assert_eq!(found.as_deref(), Some("new"));
    let found = cache
        .find_similar(&partition, &at(0.0), 0.5, EVER)
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].kept.answer, "new");
    assert_eq!(cache.purge(partition.assistant).await.unwrap(), 1);
}

pub async fn similar_questions_are_found_best_first(cache: &Cache) {
    let partition = partition(&Samples::new());
    for degrees in [40.0_f32, 10.0, 80.0, 20.0, 180.0] {
        put(cache, &partition, &degrees.to_string(), &at(degrees)).await;
    }
    let near = |degrees: f32| cosine(degrees) - 0.001;
    for (threshold, expected) in [
        (near(10.0), &["10"][..]),
        (near(20.0), &["10", "20"]),
        (cosine(20.0) + 0.001, &["10"]),
        (near(40.0), &["10", "20", "40"]),
        (0.0, &["10", "20", "40", "80"]),
        (1.0, &[]),
    ] {
        let found = similar(cache, &partition, &at(0.0), threshold).await;
        assert_eq!(found, expected, "{threshold}");
    }
    let found = cache
        .find_similar(&partition, &at(0.0), 0.9, EVER)
        .await
        .unwrap();
    let similarities: Vec<f32> = found.iter().map(|found| found.similarity).collect();
    assert_eq!(similarities.len(), 2);
    for (similarity, degrees) in similarities.into_iter().zip([10.0, 20.0]) {
        assert!((similarity - cosine(degrees)).abs() < 1e-5, "{similarity}");
    }
}

pub async fn a_search_gives_no_more_than_the_best(cache: &Cache) {
    let partition = partition(&Samples::new());
    for number in 0..100_u16 {
        let degrees = f32::from((number * 37) % 100) / 10.0;
        put(cache, &partition, &degrees.to_string(), &at(degrees)).await;
    }
    let found = similar(cache, &partition, &at(0.0), 0.5).await;
    let best: Vec<String> = (0..8_u16)
        .map(|n| (f32::from(n) / 10.0).to_string())
        .collect();
    assert_eq!(found, best[..MAX_CANDIDATES]);
}

pub async fn an_answer_without_a_vector_is_found_exactly_only(cache: &Cache) {
    let partition = partition(&Samples::new());
    cache
        .put(&partition, kept("bare", "answer"), None)
        .await
        .unwrap();
    put(cache, &partition, "other", &at(0.0)).await;
    assert!(find(cache, &partition, "bare").await.is_some());
    assert_eq!(similar(cache, &partition, &at(0.0), 0.0).await, ["other"]);
    // Found once it has a vector.
    put(cache, &partition, "bare", &at(5.0)).await;
    let found = similar(cache, &partition, &at(0.0), 0.5).await;
    assert_eq!(found, ["other", "bare"]);
}

pub async fn vectors_of_another_length_are_not_compared(cache: &Cache) {
    let partition = partition(&Samples::new());
    let long = Embedding::new(vec![1.0; 3]).unwrap();
    put(cache, &partition, "two", &at(0.0)).await;
    put(cache, &partition, "three", &long).await;
    assert_eq!(similar(cache, &partition, &at(0.0), 0.0).await, ["two"]);
    assert_eq!(similar(cache, &partition, &long, 0.0).await, ["three"]);
}

pub async fn a_purge_removes_all_of_the_assistant_and_counts_it(cache: &Cache) {
    let make = Samples::new();
    let home = partition(&make);
    let own = AnswerPartition {
        audience: Audience::User(make.user_id()),
        generation: 3,
        ..home.clone()
    };
    let other = partition(&make);
    put(cache, &home, "one", &at(0.0)).await;
    put(cache, &home, "two", &at(0.0)).await;
    cache.put(&own, kept("one", "answer"), None).await.unwrap();
    put(cache, &other, "one", &at(0.0)).await;
    assert_eq!(cache.purge(home.assistant).await.unwrap(), 3);
    assert_eq!(find(cache, &home, "one").await, None);
    assert_eq!(find(cache, &own, "one").await, None);
    assert!(similar(cache, &home, &at(0.0), 0.0).await.is_empty());
    assert_eq!(cache.purge(home.assistant).await.unwrap(), 0);
    assert!(find(cache, &other, "one").await.is_some());
    put(cache, &home, "one", &at(0.0)).await;
    assert!(find(cache, &home, "one").await.is_some());
    assert_eq!(cache.purge(home.assistant).await.unwrap(), 1);
}

/// Puts an answer from that source, under its own question.
async fn put_from(cache: &Cache, partition: &AnswerPartition, question: &str, from: AnswerSource) {
    let answer = KeptAnswer {
        source: from,
        ..kept(question, "answer")
    };
    cache.put(partition, answer, Some(&at(0.0))).await.unwrap();
}

pub async fn answers_are_forgotten_by_their_origin(cache: &Cache) {
    let make = Samples::new();
    let (home, other) = (partition(&make), partition(&make));
    let (ada, bob) = (make.user_id(), make.user_id());
    let by = |asker| AnswerSource {
        asker: Some(asker),
        ..answer_source()
    };
    let sources = [by(ada), by(ada), by(bob), answer_source()];
    let places = [&home, &other, &home, &home];
    for (number, (source, place)) in sources.iter().zip(places).enumerate() {
        put_from(cache, place, &number.to_string(), *source).await;
    }
    let [first, _, third, last] = sources;
    let forget = async |origin| cache.forget(origin).await.unwrap();
    assert_eq!(forget(AnswerOrigin::Run(first.thread, last.run)).await, 0);
    assert_eq!(forget(AnswerOrigin::Run(last.thread, last.run)).await, 1);
    assert_eq!(forget(AnswerOrigin::Run(last.thread, last.run)).await, 0);
    assert_eq!(similar(cache, &home, &at(0.0), 0.5).await.len(), 2);
    assert_eq!(find(cache, &home, "3").await, None);
    assert_eq!(forget(AnswerOrigin::Asker(ada)).await, 2);
    assert_eq!(find(cache, &home, "0").await, None);
    assert_eq!(find(cache, &other, "1").await, None);
    assert_eq!(similar(cache, &home, &at(0.0), 0.5).await, ["2"]);
    assert_eq!(forget(AnswerOrigin::Thread(third.thread)).await, 1);
    assert!(similar(cache, &home, &at(0.0), 0.5).await.is_empty());
    assert_eq!(cache.purge(home.assistant).await.unwrap(), 0);
    // Forgotten answers can be put again.
    put_from(cache, &home, "0", first).await;
    assert!(find(cache, &home, "0").await.is_some());
}

pub async fn a_thread_has_one_answer(cache: &Cache) {
    let partition = partition(&Samples::new());
    let source = answer_source();
    put_from(cache, &partition, "old", source).await;
    put_from(cache, &partition, "new", source).await;
    assert_eq!(find(cache, &partition, "old").await, None);
    assert_eq!(similar(cache, &partition, &at(0.0), 0.5).await, ["new"]);
    // A replaced answer no longer belongs to its thread.
    put_from(cache, &partition, "new", answer_source()).await;
    let forgotten = cache.forget(AnswerOrigin::Thread(source.thread)).await;
    assert_eq!(forgotten.unwrap(), 0);
    assert!(find(cache, &partition, "new").await.is_some());
}

pub async fn many_answers_are_forgotten_one_by_one(cache: &Cache) {
    const COUNT: usize = 1_000;
    let partition = partition(&Samples::new());
    let sources: Vec<AnswerSource> = (0..COUNT).map(|_| answer_source()).collect();
    for (number, source) in sources.iter().enumerate() {
        put_from(cache, &partition, &number.to_string(), *source).await;
    }
    for (number, source) in sources
        .iter()
        .enumerate()
        .filter(|(number, _)| number % 10 != 0)
    {
        let forgotten = cache.forget(AnswerOrigin::Thread(source.thread)).await;
        assert_eq!(forgotten.unwrap(), 1, "{number}");
    }
    for number in 0..COUNT {
        let found = find(cache, &partition, &number.to_string()).await;
        assert_eq!(found.is_some(), number % 10 == 0, "{number}");
    }
    let left = cache.purge(partition.assistant).await.unwrap();
    assert_eq!(left, COUNT as u64 / 10);
}

pub async fn purging_what_was_never_there_removes_nothing(cache: &Cache) {
    let nobody: AssistantId = Samples::new().assistant_id();
    assert_eq!(cache.purge(nobody).await.unwrap(), 0);
}

pub async fn every_one_of_many_answers_is_found(cache: &Cache) {
    const COUNT: u16 = 2_000;
    let partition = partition(&Samples::new());
    let degrees = |number: u16| f32::from(number) / 100.0;
    for number in 0..COUNT {
        put(cache, &partition, &number.to_string(), &at(degrees(number))).await;
    }
    for number in (0..COUNT).step_by(13) {
        assert!(find(cache, &partition, &number.to_string()).await.is_some());
        let found = similar(cache, &partition, &at(degrees(number)), 0.999).await;
        assert!(found.contains(&number.to_string()), "{number}: {found:?}");
    }
    let count = cache.purge(partition.assistant).await.unwrap();
    assert_eq!(count, u64::from(COUNT));
}

pub async fn what_is_put_at_once_is_all_kept(cache: &Cache) {
    let partition = partition(&Samples::new());
    at_once((0..8_u16).map(|task| {
        let (cache, partition) = (Arc::clone(cache), partition.clone());
        async move {
            for number in 0..100_u16 {
                let question = format!("{task} {number}");
                let vector = at(f32::from(number) / 10.0);
                put(&cache, &partition, &question, &vector).await;
                let found = similar(&cache, &partition, &vector, 0.99).await;
                assert!(!found.is_empty());
                assert!(find(&cache, &partition, &question).await.is_some());
            }
        }
    }))
    .await;
    assert_eq!(cache.purge(partition.assistant).await.unwrap(), 800);
}
