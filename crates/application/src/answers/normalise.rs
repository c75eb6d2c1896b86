//! Normalises questions, to find identical ones.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization as _;

/// Common words that are names when capitalised within a sentence.
const NAMES_AND_WORDS: &[&str] = &[
    "access", "amazon", "apple", "august", "baker", "bath", "bill", "black", "brown", "buffalo",
    "bush", "cat", "china", "chrome", "church", "cook", "cream", "crystal", "dart", "delta",
    "edge", "excel", "ford", "frank", "galaxy", "gap", "genesis", "go", "god", "grace", "grant",
    "green", "hope", "house", "java", "jaguar", "jordan", "journey", "jersey", "joy", "kind",
    "king", "kiss", "lily", "love", "march", "mark", "mars", "may", "mercury", "meta", "mobile",
    "mustang", "nice", "office", "opera", "oracle", "orange", "outlook", "pandas", "pearl",
    "phoenix", "pixel", "polish", "prince", "puma", "python", "queen", "reading", "rice", "rob",
    "rose", "ruby", "rust", "safari", "senate", "shell", "slack", "spark", "spring", "square",
    "state", "sun", "swift", "target", "teams", "turkey", "us", "visa", "west", "white", "will",
    "windows", "word", "young", "zoom",
];

/// Marks of code and quotations, where every character counts.
const LITERAL_MARKS: [char; 9] = ['\n', '\t', '`', '"', '{', '<', '=', '\\', '_'];

/// Folds what does not change a question's meaning: white space, capitals, the final question mark
/// or full stop. Keeps capitals that may distinguish (`US`, `Polish`, `mW`, `5 Mg`), and all text
/// with marks of code or quotation, or with one word in two spellings. Folds nothing else: `C`,
/// `C++` and `C#` differ, so do `1.5` and `15`.
pub(super) fn normalise(text: &str) -> String {
    let text: String = text.trim().nfc().collect();
    if text.contains(LITERAL_MARKS) || differs_in_capitals(&text) {
        return text;
    }
    let shouts = shouts(&text);
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let place = words
            .last()
            .map_or(Place::First, |last| Place::behind(last));
        words.push(folded(word, place, shouts));
    }
    without_end_mark(&words.join(" ")).to_owned()
}

/// A word's position; the first of a later sentence counts as first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    First,
    BehindNumber,
    Within,
}

impl Place {
    fn behind(word: &str) -> Self {
        match word.chars().last() {
            Some('.' | '?' | '!' | ':') => Self::First,
            Some(last) if last.is_ascii_digit() => Self::BehindNumber,
            _ => Self::Within,
        }
    }
}

/// Longest word taken for a unit or abbreviation: `Pa`, `kWh`.
const MAX_UNIT_LETTERS: usize = 3;

/// Whether the text is all capitals, without a single letter that may be a unit or name.
fn shouts(text: &str) -> bool {
    let is_lone = |word: &str| word.chars().count() == 1 && !matches!(word, "A" | "I");
    !text.chars().any(char::is_lowercase) && !text.split_whitespace().map(core).any(is_lone)
}

/// Whether a word occurs twice with different capitals: "Is g less than G?"
fn differs_in_capitals(text: &str) -> bool {
    let mut spellings: HashMap<String, &str> = HashMap::new();
    let words: Vec<&str> = text.split_whitespace().collect();
    words.windows(2).any(|pair| {
        let [before, word] = pair else {
            return false;
        };
        let word = core(word);
        Place::behind(before) != Place::First
            && *spellings.entry(word.to_lowercase()).or_insert(word) != word
    })
}

fn core(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

fn folded(word: &str, place: Place, shouts: bool) -> String {
    let lower = word.to_lowercase();
    if !shouts && keeps_capitals(core(word), place) {
        return word.to_owned();
    }
    lower
}

fn keeps_capitals(word: &str, place: Place) -> bool {
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    let capitals = word.chars().filter(|c| c.is_uppercase()).count();
    let is_common =
        matches!(word, "I" | "A") || word.starts_with("I'") || word.starts_with("I\u{2019}");
    match (capitals, place) {
        (0, _) => false,
        _ if is_common && place != Place::BehindNumber => false,
        // Abbreviations and symbols: NASA, US, K.
        _ if capitals == letters => true,
        (_, Place::BehindNumber) => true,
        (1, _) if word.starts_with(char::is_uppercase) => {
            let is_name = || NAMES_AND_WORDS.contains(&word.to_lowercase().as_str());
            place == Place::Within && (letters <= MAX_UNIT_LETTERS || is_name())
        }
        // Units, such as mW or kB; longer ones are names: iPhone, GitHub.
        _ => letters <= MAX_UNIT_LETTERS,
    }
}

/// Keeps a mark that may be meant: after a symbol, or one of several.
fn without_end_mark(text: &str) -> &str {
    let rest = text.trim_end_matches(['?', '.', '？', '。']).trim_end();
    let ends_plainly = rest.ends_with(|c: char| c.is_alphanumeric() || c == ')' || c == '\'');
    if ends_plainly { rest } else { text }
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn what_does_not_change_the_meaning_is_folded() {
        for (one, other) in [
            ("What is Rust?", "  what is   rust "),
            ("What is Kubernetes?", "what is kubernetes"),
            ("How do I start?", "how do i start"),
            ("Is a dog a pet?", "IS A DOG A PET?"),
            ("Who are you", "WHO ARE YOU?"),
            ("Wie geht's dir?", "wie geht's dir"),
            ("caf\u{e9}?", "cafe\u{301}"),
            ("Was kostet GitHub.", "was kostet github"),
        ] {
            assert_eq!(
                normalise(one).to_lowercase(),
                normalise(other).to_lowercase()
            );
        }
        assert_eq!(normalise("How do I\u{a0}start ?"), "how do i start");
    }

    #[test]
    fn what_may_change_the_meaning_stays() {
        for (one, other) in [
            ("What is C?", "What is C++?"),
            ("What is C#?", "What is C?"),
            ("What is 1.5?", "What is 15?"),
            ("What is -5 + 3?", "What is 5 + 3?"),
            ("What is 10\u{b2}?", "What is 102?"),
            ("What is 5!", "What is 5"),
            ("Tell me about the US", "Tell me about the us"),
            ("I like Polish food", "I like polish food"),
            ("How much is 5 mW", "How much is 5 MW"),
            (
                "How much is 5 Mg of iron in g?",
                "How much is 5 mg of iron in g?",
            ),
            ("How strong is 10 nm?", "How strong is 10 Nm?"),
            ("300 K in C", "300 k in C"),
            ("How long is 5 m?", "How long is 5 M?"),
            ("Is 5 pa much?", "Is 5 Pa much?"),
            ("How much is 5 Mbit?", "How much is 5 mbit?"),
            ("What is 5 A?", "What is 5 a?"),
            ("Is g bigger than G?", "Is G bigger than g?"),
            ("IS G BIGGER THAN K?", "is g bigger than k?"),
            ("What is x in X?", "What is X in x?"),
            ("Who was in Queen?", "Who was in queen?"),
            ("Is a python fast?", "Is a Python fast?"),
            ("print `A`", "print `a`"),
            ("if x:\n  y()", "if x:\ny()"),
            ("is a good", "is a goode\u{301}"),
        ] {
            assert_ne!(normalise(one), normalise(other), "{one}");
        }
    }
}
