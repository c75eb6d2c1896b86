//! Equivalent openings of questions.

pub(crate) fn begins_a_question(word: &str) -> bool {
    is_question_word(word) || is_auxiliary(word) || is_request(word)
}

pub(crate) fn is_question_word(word: &str) -> bool {
    matches!(
        word,
        "what" | "which" | "who" | "whom" | "whose" | "where" | "when" | "why" | "how"
    )
}

pub(crate) fn is_auxiliary(word: &str) -> bool {
    matches!(
        word,
        "is" | "are"
            | "am"
            | "was"
            | "were"
            | "do"
            | "does"
            | "did"
            | "have"
            | "has"
            | "had"
            | "can"
            | "could"
            | "should"
            | "would"
            | "will"
            | "shall"
            | "may"
            | "might"
            | "must"
    )
}

fn is_request(word: &str) -> bool {
    matches!(
        word,
        "compare" | "define" | "describe" | "explain" | "list" | "name" | "summarize" | "tell"
    )
}

const HOW_TO: &[&[&str]] = &[&["how", "do", "i"], &["how", "can", "i"], &["how", "to"]];

/// With these "how do I" asks about a state, not a procedure.
const STATES: &[&str] = &[
    "act", "affect", "am", "appear", "be", "behave", "come", "compare", "count", "die", "differ",
    "do", "end", "exist", "fare", "feel", "fit", "function", "have", "look", "matter", "owe",
    "perform", "qualify", "rank", "rate", "relate", "score", "seem", "smell", "sound", "stack",
    "stand", "taste", "weigh", "work",
];

/// Before these "how can I" may ask whether something is possible at all.
const DOUBTS: &[&str] = &[
    "already", "although", "because", "but", "even", "ever", "if", "never", "not", "only",
    "possibly", "still", "then", "though", "unless", "when", "while",
];

/// Cannot begin the action: "how do I not forget".
const NO_VERBS: &[&str] = &["a", "an", "the", "my", "to"];

/// "The difference between tin and zinc" is symmetric.
pub(crate) fn fold_difference(words: &mut [String]) {
    let is_plain = |word: &String| word.bytes().all(|byte| byte.is_ascii_lowercase());
    let Some(at) = words
        .windows(2)
        .position(|pair| pair == ["difference", "between"])
    else {
        return;
    };
    if let [one, and, other] = &mut words[at + 2..]
        && and == "and"
        && is_plain(one)
        && is_plain(other)
        && one > other
    {
        std::mem::swap(one, other);
    }
}

pub(crate) fn fold_opening(words: &mut Vec<String>) {
    let opening = HOW_TO.iter().find(|opening| begins_with(words, opening));
    if let Some(opening) = opening
        && asks_for_a_way(&words[opening.len()..])
    {
        // "How to feed your cat" is about one's own cat; "how do I feed your cat" is not.
        let addresses = words.iter().any(|word| word.starts_with("you"));
        match (addresses, opening.len()) {
            (true, 2) => {}
            (true, length) => replace(words, length, &["how", "do", "i"]),
            (false, length) => replace(words, length, &["how", "to"]),
        }
        return;
    }
    for (opening, form) in EQUIVALENT {
        if begins_with(words, opening) && words.len() > opening.len() {
            replace(words, opening.len(), form);
            return;
        }
    }
}

type Opening = &'static [&'static str];

const EQUIVALENT: &[(Opening, Opening)] = &[
    (
        &["where", "can", "i", "find"],
        &["where", "do", "i", "find"],
    ),
    (&["where", "can", "i", "buy"], &["where", "do", "i", "buy"]),
    (&["do", "i", "need", "to"], &["do", "i", "have", "to"]),
    (&["do", "we", "need", "to"], &["do", "we", "have", "to"]),
];

fn asks_for_a_way(rest: &[String]) -> bool {
    let Some(verb) = rest.first().map(String::as_str) else {
        return false;
    };
    let begins = rest.len() > 1 && !STATES.contains(&verb) && !NO_VERBS.contains(&verb);
    // "How do I get paid" asks how that happens.
    let happens = matches!(verb, "become" | "get")
        && rest
            .get(1)
            .is_some_and(|word| word.ends_with("ed") || word.ends_with("id"));
    begins && !happens && !rest.iter().any(|word| DOUBTS.contains(&word.as_str()))
}

pub(crate) fn begins_with(words: &[String], opening: &[&str]) -> bool {
    words.len() >= opening.len() && words.iter().zip(opening).all(|(word, known)| word == known)
}

fn replace(words: &mut Vec<String>, length: usize, form: &[&str]) {
    words.splice(..length, form.iter().map(|word| (*word).to_owned()));
}
