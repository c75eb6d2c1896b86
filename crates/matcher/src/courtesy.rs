//! Strips greetings, thanks and other courtesies.

use crate::embedded::direct_order;
use crate::openings::{begins_a_question, begins_with, is_question_word};
use crate::tokens::drop_end_marks;

/// Greetings and apologies, longest first.
const GREETINGS: &[&[&str]] = &[
    &["sorry", "to", "bother", "you", ",", "but"],
    &["sorry", "to", "bother", "you", "but"],
    &["sorry", "to", "bother", "you"],
    &["quick", "question"],
    &["good", "morning"],
    &["good", "afternoon"],
    &["good", "evening"],
    &["hello", "there"],
    &["hi", "there"],
    &["hey", "there"],
    &["hello", "everyone"],
    &["hi", "everyone"],
    &["hi", "all"],
    &["excuse", "me"],
    &["hello"],
    &["hey"],
    &["hi"],
];

const REQUESTS: &[&[&str]] = &[
    &["could", "you", "tell", "me"],
    &["can", "you", "tell", "me"],
    &["would", "you", "tell", "me"],
    &["i", "would", "like", "to", "know"],
    &["i'd", "like", "to", "know"],
    &["i", "want", "to", "know"],
    &["would", "you", "mind", "telling", "me"],
    &["i", "was", "wondering"],
    &["i", "am", "wondering"],
    &["tell", "me"],
];

const EXPLAIN: &[&[&str]] = &[
    &["could", "you", "explain"],
    &["can", "you", "explain"],
    &["would", "you", "explain"],
];

const ENDINGS: &[&[&str]] = &[
    &["thank", "you", "very", "much"],
    &["thank", "you", "so", "much"],
    &["thank", "you", "in", "advance"],
    &["many", "thanks", "in", "advance"],
    &["thanks", "in", "advance"],
    &["thanks", "a", "lot"],
    &["thanks", "so", "much"],
    &["many", "thanks"],
    &["thank", "you"],
    &["thanks"],
    &["please"],
    &["thx"],
    &["cheers"],
];

pub(crate) fn strip_courtesy(words: Vec<String>) -> Vec<String> {
    let mut words = strip_ending(words);
    while let Some(length) = greeting(&words) {
        words.drain(..length);
    }
    let words = strip_please(words);
    match REQUESTS.iter().find(|request| begins_with(&words, request)) {
        Some(request) => question_after_request(&words, request.len()).unwrap_or(words),
        None if EXPLAIN.iter().any(|explain| begins_with(&words, explain)) => words[2..].to_vec(),
        None => words,
    }
}

/// Length of a greeting with its mark; unmarked, only before a question: not in "hello world".
fn greeting(words: &[String]) -> Option<usize> {
    let known = GREETINGS.iter().find(|known| begins_with(words, known))?;
    let length = known.len();
    let next = words.get(length)?;
    match next.as_str() {
        "," | "." | "!" | ":" => (words.len() > length + 1).then_some(length + 1),
        next => (begins_a_question(next) || next == "please").then_some(length),
    }
}

/// Removes "please" at the start and inside a request.
fn strip_please(mut words: Vec<String>) -> Vec<String> {
    let is_please = |word: Option<&String>| word.is_some_and(|it| it == "please" || it == "kindly");
    if is_please(words.first()) {
        let length = 1 + usize::from(words.get(1).is_some_and(|word| word == ","));
        let follows = words.get(length).map_or("", String::as_str);
        if begins_a_question(follows) {
            words.drain(..length);
        }
    }
    let is_asked = matches!(words.get(3).map(String::as_str), Some("explain" | "tell"));
    if is_asked && is_please(words.get(2)) {
        words.remove(2);
    }
    words
}

fn question_after_request(words: &[String], length: usize) -> Option<Vec<String>> {
    let mut rest = &words[length..];
    let is_please = |rest: &[String]| rest.first().is_some_and(|word| word == "please");
    let is_mark = |rest: &[String]| rest.first().is_some_and(|word| word == "," || word == ":");
    for is_filler in [&is_mark as &dyn Fn(&[String]) -> bool, &is_please, &is_mark] {
        if is_filler(rest) {
            rest = &rest[1..];
        }
    }
    let first = rest.first()?;
    (is_question_word(first) && rest.len() > 1).then(|| direct_order(rest))
}

/// Removes thanks and "please" after a final mark.
fn strip_ending(mut words: Vec<String>) -> Vec<String> {
    while let Some(length) = ending(&words) {
        words.truncate(words.len() - length);
        while words
            .last()
            .is_some_and(|word| matches!(word.as_str(), "," | ";" | ":"))
        {
            words.pop();
        }
        drop_end_marks(&mut words);
    }
    words
}

fn ending(words: &[String]) -> Option<usize> {
    let known = ENDINGS.iter().find(|known| {
        let begin = words.len().checked_sub(known.len());
        begin.is_some_and(|begin| begin > 1 && begins_with(&words[begin..], known))
    })?;
    let mark = words.get(words.len() - known.len() - 1)?;
    matches!(mark.as_str(), "," | "." | "?" | "!" | ";").then_some(known.len())
}
