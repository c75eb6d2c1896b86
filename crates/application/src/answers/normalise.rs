//! Normalises questions, to find identical ones.

use unicode_normalization::UnicodeNormalization as _;

/// Common words that are names when capitalised within a sentence.
const NAMES_AND_WORDS: &[&str] = &[
    "access", "amazon", "apple", "bath", "bill", "china", "delta", "edge", "excel", "frank", "gap",
    "go", "grant", "march", "mark", "may", "mercury", "meta", "nice", "office", "orange",
    "outlook", "polish", "reading", "rob", "rust", "shell", "slack", "square", "swift", "target",
    "teams", "turkey", "us", "visa", "will", "windows", "word", "zoom",
];

/// Marks of code and quotations, where every character counts.
const LITERAL_MARKS: [char; 9] = ['\n', '\t', '`', '"', '{', '<', '=', '\\', '_'];

/// Folds what does not change a question's meaning: white space, capitals, the final question mark
/// or full stop. Keeps capitals that may distinguish (`US`, `Polish`, `mW`), and all text with
/// marks of code or quotation. Folds nothing else: `C`, `C++` and `C#` differ, so do `1.5` and
/// `15`.
pub(super) fn normalise(text: &str) -> String {
    let text: String = text.trim().nfc().collect();
    if text.contains(LITERAL_MARKS) {
        return text;
    }
    let shouts = !text.chars().any(char::is_lowercase);
    let words = text.split_whitespace().enumerate();
    let words: Vec<String> = words
        .map(|(place, word)| folded(word, place == 0, shouts))
        .collect();
    without_end_mark(&words.join(" ")).to_owned()
}

fn folded(word: &str, is_first: bool, shouts: bool) -> String {
    let lower = word.to_lowercase();
    let core = word.trim_matches(|c: char| !c.is_alphanumeric());
    let letters = core.chars().filter(|c| c.is_alphabetic());
    let capitals = core.chars().filter(|c| c.is_uppercase()).count();
    let letters = letters.count();
    let begins_so = core.starts_with(char::is_uppercase);
    let stays = match capitals {
        0 => false,
        _ if shouts => false,
        // Abbreviations: NASA, US.
        2.. if capitals == letters => true,
        1 if begins_so => {
            let core = lower.trim_matches(|c: char| !c.is_alphanumeric());
            !is_first && NAMES_AND_WORDS.contains(&core)
        }
        // Units, such as mW or kB; longer ones are names: iPhone, GitHub.
        _ => letters <= 3,
    };
    if stays { word.to_owned() } else { lower }
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
            ("What is Python?", "what is python"),
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
            ("print `A`", "print `a`"),
            ("if x:\n  y()", "if x:\ny()"),
            ("is a good", "is a goode\u{301}"),
        ] {
            assert_ne!(normalise(one), normalise(other), "{one}");
        }
    }
}
