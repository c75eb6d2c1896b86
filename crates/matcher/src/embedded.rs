//! Indirect questions: "tell me what the time is".

use crate::openings::{is_auxiliary, is_question_word};

/// Restores direct word order where unambiguous.
pub(crate) fn direct_order(words: &[String]) -> Vec<String> {
    let texts: Vec<&str> = words.iter().map(String::as_str).collect();
    let order: Vec<&str> = match texts.as_slice() {
        // "where I can buy stamps"
        [
            asks,
            person @ ("i" | "we"),
            modal @ ("can" | "could" | "should" | "must"),
            rest @ ..,
        ] => [&[*asks, *modal, *person], rest].concat(),
        // "what the capital of France is"
        [
            asks @ ("what" | "who" | "where"),
            thing @ ..,
            verb @ ("is" | "are"),
        ] if is_noun_phrase(thing) => [&[*asks, *verb], thing].concat(),
        _ => texts,
    };
    order.into_iter().map(str::to_owned).collect()
}

fn is_noun_phrase(words: &[&str]) -> bool {
    let Some((first, rest)) = words.split_first() else {
        return false;
    };
    let has_article = matches!(
        *first,
        "a" | "an" | "her" | "his" | "its" | "my" | "our" | "the" | "their" | "your"
    );
    let is_simple = |word: &&str| {
        let has_letters = word
            .chars()
            .all(|c| c.is_alphanumeric() || c == '-' || c == '\'');
        has_letters && !is_auxiliary(word) && !is_question_word(word) && *word != "that"
    };
    has_article && !rest.is_empty() && rest.iter().all(is_simple)
}
