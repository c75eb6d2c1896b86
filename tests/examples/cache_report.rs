//! Reports hits and wrong hits of the answer cache on labelled question pairs, with the embedding
//! model in `EMBEDDING_MODEL`. Run by `make cache-report`.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a report for developers"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use colloquy_application::ports::{Embedder as _, Embedding, QuestionMatcher as _};
use colloquy_application::testing::answers::normal_form;
use colloquy_llm::LocalEmbedder;
use colloquy_matcher::EnglishMatcher;

const PAIRS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/question_pairs.tsv");
const THRESHOLDS: [f32; 10] = [0.80, 0.82, 0.84, 0.86, 0.88, 0.90, 0.92, 0.94, 0.96, 0.98];
const DEFAULT: f32 = 0.90;

struct Pair {
    split: String,
    is_same: bool,
    category: String,
    /// `None` for identical questions.
    similarity: Option<f32>,
    agrees: bool,
}

impl Pair {
    /// Whether the second question gets the first one's answer.
    fn hits(&self, threshold: f32, is_checked: bool) -> bool {
        let Some(similarity) = self.similarity else {
            return true;
        };
        similarity >= threshold && (self.agrees || !is_checked)
    }
}

#[tokio::main]
async fn main() {
    let directory = std::env::var("EMBEDDING_MODEL").expect("EMBEDDING_MODEL is set");
    let embedder = LocalEmbedder::open(Path::new(&directory)).expect("a model");
    let text = std::fs::read_to_string(PAIRS).expect("the pairs");
    let mut pairs = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [split, label, category, one, other] = columns[..] else {
            continue;
        };
        let (normal, other_normal) = (normal_form(one), normal_form(other));
        let similarity = if normal == other_normal {
            None
        } else {
            let vectors = [
                embedder.embed(&normal).await,
                embedder.embed(&other_normal).await,
            ];
            let [a, b] = vectors.map(|vector| vector.expect("a vector"));
            Some(cosine(&a, &b))
        };
        pairs.push(Pair {
            split: split.to_owned(),
            is_same: label == "same",
            category: category.to_owned(),
            similarity,
            agrees: EnglishMatcher.ask_the_same(&normal, &other_normal),
        });
    }
    let splits: BTreeSet<&str> = pairs.iter().map(|pair| pair.split.as_str()).collect();
    for split in splits.into_iter().rev() {
        let of_split: Vec<&Pair> = pairs.iter().filter(|pair| pair.split == split).collect();
        print_thresholds(split, &of_split);
        print_categories(&of_split);
    }
}

fn cosine(one: &Embedding, other: &Embedding) -> f32 {
    let pairs = one.as_slice().iter().zip(other.as_slice());
    pairs.map(|(a, b)| a * b).sum()
}

fn print_thresholds(split: &str, pairs: &[&Pair]) {
    println!("### {split}: {} pairs\n", pairs.len());
    println!(
        "| threshold | right hits | wrong hits | right, vectors alone | wrong, vectors alone |"
    );
    println!("| --- | --- | --- | --- | --- |");
    for threshold in THRESHOLDS {
        let cell = |is_same, is_checked| share(pairs, is_same, threshold, is_checked);
        println!(
            "| {threshold:.2} | {} | {} | {} | {} |",
            cell(true, true),
            cell(false, true),
            cell(true, false),
            cell(false, false)
        );
    }
    println!();
}

/// Per class: the model at the default threshold, and the matcher alone.
fn print_categories(pairs: &[&Pair]) {
    let mut categories: BTreeMap<&str, Vec<&Pair>> = BTreeMap::new();
    for pair in pairs {
        categories.entry(&pair.category).or_default().push(pair);
    }
    println!(
        "| class, at {DEFAULT:.2} | wrong hits | right hits | wrong, matcher alone | right, matcher alone | wrong, vectors alone |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    for (category, pairs) in categories {
        println!(
            "| {} | {} | {} | {} | {} | {} |",
            category.replace('_', " "),
            share(&pairs, false, DEFAULT, true),
            share(&pairs, true, DEFAULT, true),
            share(&pairs, false, f32::MIN, true),
            share(&pairs, true, f32::MIN, true),
            share(&pairs, false, DEFAULT, false),
        );
    }
    println!();
}

/// `hits / pairs (percent)`
fn share(pairs: &[&Pair], is_same: bool, threshold: f32, is_checked: bool) -> String {
    let labelled = pairs.iter().filter(|pair| pair.is_same == is_same);
    let all = labelled.clone().count();
    let hits = labelled
        .filter(|pair| pair.hits(threshold, is_checked))
        .count();
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let percent = 100.0 * hits as f64 / all as f64;
    if all == 0 {
        return "-".to_owned();
    }
    format!("{hits} / {all} ({percent:.1} %)")
}
