//! Splits a question into words and punctuation marks.

/// In bytes; longer questions match only themselves.
const MAX_BYTES: usize = 4096;

/// Words and punctuation. `None` for text to take literally: long text, quotations, code, formulas,
/// non-Latin letters.
pub(crate) fn tokens(question: &str) -> Option<Vec<String>> {
    if question.len() > MAX_BYTES || !question.chars().all(is_plain) {
        return None;
    }
    let question = question.replace('\u{2019}', "'");
    let mut tokens = Vec::new();
    for raw in question.split_whitespace() {
        let core = raw.trim_start_matches('(');
        tokens.extend(raw.chars().take(raw.len() - core.len()).map(String::from));
        let word = core.trim_end_matches(is_mark);
        if word.starts_with('\'') || word.ends_with('\'') {
            return None;
        }
        tokens.push(word.to_owned());
        tokens.extend(core[word.len()..].chars().map(String::from));
    }
    tokens.retain(|token| !token.is_empty());
    drop_end_marks(&mut tokens);
    Some(tokens)
}

/// Latin letters, digits and common punctuation.
fn is_plain(c: char) -> bool {
    let is_latin = c.is_alphabetic() && c < '\u{250}';
    is_latin || c.is_ascii_digit() || " ',.?!:;-/&%$()\u{2019}\u{a3}\u{20ac}".contains(c)
}

fn is_mark(c: char) -> bool {
    matches!(c, ',' | '.' | '?' | '!' | ':' | ';' | ')')
}

/// Drops final `?` and `.`, and `!` after a word: `5!` is a number.
pub(crate) fn drop_end_marks(tokens: &mut Vec<String>) {
    let marks = tokens
        .iter()
        .rev()
        .take_while(|token| matches!(token.as_str(), "?" | "." | "!"))
        .count();
    let begin = tokens.len() - marks;
    let follows_word = begin > 0
        && tokens[begin - 1].len() > 2
        && tokens[begin - 1]
            .bytes()
            .all(|byte| byte.is_ascii_lowercase());
    if follows_word || tokens[begin..].iter().all(|token| token != "!") {
        tokens.truncate(begin);
    }
}

/// Contracted "is" after an interrogative is expanded only before these.
const IS_CONTEXTS: &[&str] = &[
    "a", "an", "her", "his", "its", "my", "our", "that", "the", "their", "these", "this", "those",
    "your",
];

pub(crate) fn expand_contractions(tokens: &[String]) -> Vec<String> {
    let mut words = Vec::with_capacity(tokens.len());
    for (index, token) in tokens.iter().enumerate() {
        let next = tokens.get(index + 1).map_or("", String::as_str);
        match contraction(token, next) {
            Some((stem, ending)) => words.extend([stem.to_owned(), ending.to_owned()]),
            None => words.push(token.clone()),
        }
    }
    words
}

/// Expands a contraction; `'d` and most `'s` are ambiguous.
fn contraction<'a>(word: &'a str, next: &str) -> Option<(&'a str, &'static str)> {
    match word {
        "can't" | "cannot" => return Some(("can", "not")),
        "won't" => return Some(("will", "not")),
        "isnt" | "arent" | "wasnt" | "dont" | "doesnt" | "didnt" | "couldnt" | "shouldnt"
        | "wouldnt" | "hasnt" | "havent" => return Some((&word[..word.len() - 2], "not")),
        "whats" | "wheres" | "whos" | "hows" => {
            return is_copula(&word[..word.len() - 1], next)
                .then(|| (&word[..word.len() - 1], "is"));
        }
        "shan't" | "ain't" => return None,
        _ => {}
    }
    if let Some(stem) = word.strip_suffix("n't") {
        return Some((stem, "not"));
    }
    let (stem, ending) = word.split_once('\'')?;
    match (stem, ending) {
        ("what" | "where" | "who" | "how" | "when", "s") if is_copula(stem, next) => {
            Some((stem, "is"))
        }
        ("i", "m") => Some((stem, "am")),
        ("i" | "you" | "we" | "they", "ve") => Some((stem, "have")),
        ("you" | "we" | "they", "re") => Some((stem, "are")),
        ("i" | "you" | "he" | "she" | "it" | "we" | "they", "ll") => Some((stem, "will")),
        _ => None,
    }
}

/// Whether `'s` before `next` means "is", not "has" or "does".
fn is_copula(stem: &str, next: &str) -> bool {
    let may_be_has = next.is_empty()
        || next.ends_with("ed")
        || next.ends_with("en")
        || next.ends_with("ne")
        || matches!(
            next,
            "got" | "he" | "it" | "she" | "they" | "you" | "we" | "i" | "been"
        );
    IS_CONTEXTS.contains(&next) || (stem == "what" && !may_be_has)
}
