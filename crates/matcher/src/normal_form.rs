//! Normalizes a question: equivalent questions have equal normal forms.

use crate::courtesy::strip_courtesy;
use crate::numbers::fold_numbers;
use crate::openings::{begins_a_question, fold_difference, fold_opening};
use crate::spelling::{fold_spelling, has_two_variants};
use crate::tokens::{expand_contractions, tokens};

/// Mark questions about language: spelling, contractions or courtesies may be the subject.
const LANGUAGE_SIGNS: &[&str] = &[
    "abbreviation",
    "acronym",
    "american",
    "article",
    "called",
    "comma",
    "british",
    "capitalize",
    "characters",
    "contraction",
    "correct",
    "correctly",
    "digit",
    "digits",
    "english",
    "french",
    "german",
    "grammar",
    "grammatical",
    "greet",
    "greeting",
    "hyphen",
    "hyphenated",
    "italian",
    "latin",
    "letter",
    "letters",
    "lyrics",
    "mean",
    "meaning",
    "means",
    "meant",
    "numeral",
    "numerals",
    "phrase",
    "plural",
    "polite",
    "pronounce",
    "pronounced",
    "pronunciation",
    "reply",
    "respond",
    "rhyme",
    "rhymes",
    "roman",
    "said",
    "say",
    "saying",
    "says",
    "sang",
    "sentence",
    "short",
    "sing",
    "sings",
    "song",
    "spanish",
    "spell",
    "spelled",
    "spelling",
    "spelt",
    "stand",
    "stands",
    "syllables",
    "symbol",
    "term",
    "title",
    "translate",
    "translated",
    "translation",
    "verb",
    "word",
    "words",
    "write",
    "written",
    "wrote",
];

/// Confirm English when the first word is ambiguous.
const ENGLISH: &[&str] = &[
    "a", "an", "and", "at", "enough", "for", "from", "his", "how", "i", "if", "it", "less", "me",
    "more", "my", "of", "our", "people", "than", "that", "the", "their", "there", "they", "this",
    "to", "we", "what", "when", "where", "who", "with", "you", "your",
];

/// `None` for quotations, code, non-questions and languages other than English.
pub(crate) fn normalize(question: &str) -> Option<Vec<String>> {
    let words = tokens(question)?;
    let is_about_language = is_about_language(&words);
    let words = if is_about_language {
        words
    } else {
        strip_courtesy(expand_contractions(&words))
    };
    let mut words = is_english(&words).then_some(words)?;
    if !is_about_language {
        fold_spelling(&mut words);
        fold_numbers(&mut words);
        fold_difference(&mut words);
    }
    fold_opening(&mut words);
    Some(words)
}

/// Whether spellings may be the subject: by a sign, a lone letter ("Is there a u in colour?"), or
/// two variants of one word ("Is it colour or color?").
fn is_about_language(words: &[String]) -> bool {
    let is_sign = |word: &String| LANGUAGE_SIGNS.contains(&word.as_str());
    let is_letter = |word: &String| {
        let is_single = word.len() == 1 && word.bytes().all(|byte| byte.is_ascii_lowercase());
        is_single && !matches!(word.as_str(), "a" | "i")
    };
    words.iter().any(|word| is_sign(word) || is_letter(word))
        || begins_or_ends_in(words)
        || has_two_variants(words)
}

/// "Does centre end in re?"
fn begins_or_ends_in(words: &[String]) -> bool {
    let verbs = ["begin", "begins", "end", "ends", "start", "starts"];
    words.windows(2).any(|pair| {
        let [verb, preposition] = pair else {
            return false;
        };
        verbs.contains(&verb.as_str()) && matches!(preposition.as_str(), "in" | "on" | "with")
    })
}

fn is_english(words: &[String]) -> bool {
    let Some((first, rest)) = words.split_first() else {
        return false;
    };
    let is_sure = !matches!(
        first.as_str(),
        "am" | "are"
            | "can"
            | "do"
            | "had"
            | "has"
            | "have"
            | "is"
            | "list"
            | "must"
            | "name"
            | "was"
            | "will"
    );
    begins_a_question(first)
        && (is_sure || rest.iter().any(|word| ENGLISH.contains(&word.as_str())))
}
