//! Contract of [`QuestionMatcher`].

use std::sync::Arc;

use crate::answers::normal_form;
use crate::ports::QuestionMatcher;
use crate::testing::samples::difficult_texts;

type Matcher = Arc<dyn QuestionMatcher>;

/// Questions, fragments and arbitrary text.
fn texts() -> Vec<String> {
    let mut texts = difficult_texts();
    let hostile = [
        "",
        " ",
        "'",
        "''''",
        "?",
        "((((",
        ",,,,,, please",
        "please",
        "please please please",
        "hi",
        "hi hi hi, hi! hi: hi",
        "thanks, thanks, thanks",
        "could you please",
        "could you tell me",
        "could you tell me, please: what",
        "tell me what the is",
        "how do i",
        "how to",
        "what's",
        "n't",
        "'s 's 's",
        "can't won't shan't ain't",
        "5kg 5 kg five kg 5,,,.,kg",
        "99999999999999999999999999999999999999 hours",
        "twenty-one-two-three -five five- -",
        "what is \u{202e}tpircs\u{2066} \u{0} \u{feff}",
        "wh\u{131}ch \u{130}s \u{df}\u{1e9e}",
        "What is Python?",
        "How do I reset my password?",
        "how can i reset my password",
        "Was ist ein Hund?",
        "\u{6771}\u{4eac}\u{306f}\u{3069}\u{3053}",
    ];
    texts.extend(hostile.map(str::to_owned));
    let normal: Vec<String> = texts.iter().map(|text| normal_form(text)).collect();
    texts.extend(normal);
    texts
}

/// Texts of about 100,000 characters that stress counting, folding and searching.
fn long_texts() -> Vec<String> {
    let pieces = [
        "a",
        "please, ",
        "hi ",
        "hi, ",
        ", thanks",
        "how do i ",
        "tell me what ",
        "five kg ",
        "what's the ",
        "((((",
        "'",
        "? ",
        "\u{301}",
        "\u{1f980}",
    ];
    let repeated = pieces.map(|piece| piece.repeat(100_000 / piece.chars().count()));
    let questions = repeated.clone().map(|text| format!("how do i {text}"));
    repeated.into_iter().chain(questions).collect()
}

pub async fn a_text_asks_the_same_as_itself(matcher: &Matcher) {
    for text in texts().into_iter().chain(long_texts()) {
        assert!(matcher.ask_the_same(&text, &text), "{text:.40}");
    }
}

pub async fn the_order_of_two_questions_makes_no_difference(matcher: &Matcher) {
    let texts = texts();
    for one in &texts {
        for other in &texts {
            let same = matcher.ask_the_same(one, other);
            assert_eq!(same, matcher.ask_the_same(other, one), "{one} / {other}");
        }
    }
}

pub async fn different_questions_do_not_ask_the_same(matcher: &Matcher) {
    for (one, other) in [
        ("what is python", "what is not python"),
        (
            "how do i get from paris to rome",
            "how do i get from rome to paris",
        ),
        ("take 5 mg", "take 50 mg"),
        ("what is python", ""),
        ("was ist ein hund", "was ist kein hund"),
        ("\u{6771}\u{4eac}", "\u{5927}\u{962a}"),
    ] {
        assert!(!matcher.ask_the_same(one, other), "{one} / {other}");
    }
}

/// A matcher with superlinear time hardly returns from these.
pub async fn long_texts_are_compared_in_a_bounded_time(matcher: &Matcher) {
    let texts = long_texts();
    for pair in texts.windows(2) {
        assert!(!matcher.ask_the_same(&pair[0], &pair[1]));
        assert!(!matcher.ask_the_same(&pair[0], "what is python"));
    }
}
