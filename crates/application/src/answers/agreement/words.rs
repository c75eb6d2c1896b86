//! The words of a question, and which of them carry no meaning of their own.

use super::super::normalise::is_name_and_word;

/// The words in lower case, signs that mean something kept, contractions written out. Names and
/// abbreviations that would read as common words keep their capitals.
pub(super) fn words(text: &str) -> Vec<String> {
    let text = text.replace(['\u{2019}', '\u{2018}'], "'");
    let mut words = Vec::new();
    for raw in text.split(|c: char| c.is_whitespace() || matches!(c, '/' | '\u{2013}' | '\u{2014}'))
    {
        let raw = raw.trim_matches(is_mere_punctuation);
        if raw.is_empty() {
            continue;
        }
        let lower = raw.to_lowercase();
        if is_meant_with_capitals(raw, &lower) {
            words.push(raw.to_owned());
        } else {
            for part in hyphenated(&lower) {
                expand(part, &mut words);
            }
        }
    }
    words
}

fn is_mere_punctuation(c: char) -> bool {
    matches!(
        c,
        '?' | '!'
            | '.'
            | ','
            | ';'
            | ':'
            | '('
            | ')'
            | '['
            | ']'
            | '"'
            | '\''
            | '\u{201c}'
            | '\u{201d}'
            | '*'
    )
}

/// `US`, `IT`, `Polish`: otherwise they would be taken for other words.
fn is_meant_with_capitals(raw: &str, lower: &str) -> bool {
    let has_capital = raw.starts_with(char::is_uppercase);
    let shouts = raw.len() > 1 && raw.chars().all(char::is_uppercase);
    (shouts && (is_strongly_english(lower) || is_mute(lower) || is_name_and_word(lower)))
        || (has_capital && is_name_and_word(lower))
}

/// Parts of a compound; a number keeps its sign, and a word with digits is one name.
fn hyphenated(word: &str) -> impl Iterator<Item = &str> {
    let splits = !word.starts_with('-') && !word.contains(|c: char| c.is_ascii_digit());
    word.split(move |c| splits && c == '-')
        .filter(|part| !part.is_empty())
}

/// Words that are only polite, wherever they stand.
pub(super) fn is_polite(word: &str) -> bool {
    matches!(word, "please" | "kindly" | "pls" | "plz")
}

/// Contractions that no rule takes apart, and those written without their apostrophe.
const CONTRACTIONS: &[(&str, &[&str])] = &[
    ("can't", &["can", "not"]),
    ("cannot", &["can", "not"]),
    ("won't", &["will", "not"]),
    ("cant", &["can", "not"]),
    ("wont", &["will", "not"]),
    ("ain't", &["is", "not"]),
    ("whats", &["what", "is"]),
    ("hows", &["how", "is"]),
    ("wheres", &["where", "is"]),
    ("whos", &["who", "is"]),
    ("thats", &["that", "is"]),
    ("theres", &["there", "is"]),
    ("im", &["i", "am"]),
    ("ive", &["i", "have"]),
    ("youre", &["you", "are"]),
    ("u", &["you"]),
    ("ur", &["your"]),
    ("&", &["and"]),
    ("vs", &["versus"]),
    ("login", &["log", "in"]),
    ("logout", &["log", "out"]),
    ("signin", &["sign", "in"]),
    ("signup", &["sign", "up"]),
    ("checkin", &["check", "in"]),
    ("checkout", &["check", "out"]),
    ("setup", &["set", "up"]),
    ("backup", &["back", "up"]),
    ("email", &["e", "mail"]),
    ("emails", &["e", "mails"]),
    ("wifi", &["wi", "fi"]),
];

fn expand(word: &str, words: &mut Vec<String>) {
    let known = CONTRACTIONS.iter().find(|(short, _)| *short == word);
    match known {
        Some((_, long)) => words.extend(long.iter().map(|word| (*word).to_owned())),
        None => expand_ending(word, words),
    }
}

fn expand_ending(word: &str, words: &mut Vec<String>) {
    let without_mark = word.strip_suffix("nt").filter(|stem| is_auxiliary(stem));
    if let Some(stem) = word.strip_suffix("n't").or(without_mark) {
        words.extend([stem.to_owned(), "not".to_owned()]);
        return;
    }
    let ending = word.rsplit_once('\'');
    match ending {
        Some((stem, "s")) if is_question_word(stem) || stem == "it" || stem == "that" => {
            words.extend([stem.to_owned(), "is".to_owned()]);
        }
        Some((stem, "s" | "ve" | "d" | "")) => words.push(stem.to_owned()),
        Some((stem, "ll")) => words.extend([stem.to_owned(), "will".to_owned()]),
        Some((stem, "m")) => words.extend([stem.to_owned(), "am".to_owned()]),
        Some((stem, "re")) => words.extend([stem.to_owned(), "are".to_owned()]),
        _ => split_units(word, words),
    }
}

/// `5kg` is `5 kg`, `$5` is `5 dollar`, `5%` is `5 percent`; `h2o` and `python3` stay.
fn split_units(word: &str, words: &mut Vec<String>) {
    let (money, amount) = match word.chars().next() {
        Some('$') => (Some("dollar"), &word[1..]),
        Some('\u{20ac}') => (Some("euro"), &word['\u{20ac}'.len_utf8()..]),
        Some('\u{a3}') => (Some("pound"), &word['\u{a3}'.len_utf8()..]),
        _ => (None, word),
    };
    let is_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',');
    let sign = usize::from(amount.starts_with(['-', '+']));
    let digits = amount[sign..]
        .find(|c| !is_number(c))
        .map_or(amount.len(), |end| sign + end);
    let (number, unit) = amount.split_at(digits);
    if !number[sign..].starts_with(|c: char| c.is_ascii_digit()) {
        words.push(word.to_owned());
        return;
    }
    words.push(without_thousands(number));
    words.extend(money.map(str::to_owned));
    if !unit.is_empty() {
        words.push(unit_name(unit).to_owned());
    }
}

/// `1,000` is `1000`; `1,5` stays as it is.
fn without_thousands(number: &str) -> String {
    let mut groups = number.split(',');
    let first = groups.next().unwrap_or_default();
    let is_grouped = number.contains(',')
        && (1..=4).contains(&first.len())
        && groups.all(|group| group.len() == 3 || (group.len() > 3 && group.as_bytes()[3] == b'.'));
    if is_grouped {
        number.replace(',', "")
    } else {
        number.to_owned()
    }
}

/// Spellings of one unit, or of one word, have one name.
pub(super) fn unit_name(word: &str) -> &str {
    const NAMES: &[(&str, &[&str])] = &[
        ("percent", &["%", "percentage"]),
        ("kilogram", &["kg", "kgs", "kilo", "kilos", "kilograms"]),
        ("gram", &["grams"]),
        (
            "kilometer",
            &["km", "kms", "kilometers", "kilometre", "kilometres"],
        ),
        ("meter", &["meters", "metre", "metres"]),
        (
            "centimeter",
            &["cm", "centimeters", "centimetre", "centimetres"],
        ),
        (
            "millimeter",
            &["mm", "millimeters", "millimetre", "millimetres"],
        ),
        ("mile", &["miles"]),
        ("lb", &["lbs"]),
        ("ounce", &["oz", "ounces"]),
        ("foot", &["ft"]),
        ("minute", &["min", "mins", "minutes"]),
        ("hour", &["hr", "hrs", "hours"]),
        ("second", &["sec", "secs", "2nd"]),
        ("first", &["1st"]),
        ("third", &["3rd"]),
        ("liter", &["liters", "litre", "litres"]),
        ("gigabyte", &["gb", "gigabytes"]),
        ("megabyte", &["mb", "megabytes"]),
        ("color", &["colour", "colours", "colors"]),
        ("favorite", &["favourite", "favourites", "favorites"]),
        ("center", &["centre", "centres", "centers"]),
        ("gray", &["grey"]),
        ("program", &["programme", "programmes", "programs"]),
        ("ok", &["okay", "alright"]),
        ("mom", &["mum"]),
    ];
    let known = NAMES.iter().find(|(_, others)| others.contains(&word));
    known.map_or(word, |(name, _)| name)
}

/// Words that ask.
pub(super) fn is_question_word(word: &str) -> bool {
    matches!(
        word,
        "what" | "which" | "who" | "whom" | "whose" | "where" | "when" | "why" | "how"
    )
}

/// Words that begin a question that is answered with yes or no.
pub(super) fn is_auxiliary(word: &str) -> bool {
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

/// Words that say nothing that the others do not: what is left out of a comparison.
pub(super) fn is_mute(word: &str) -> bool {
    matches!(
        word,
        "a" | "an"
            | "the"
            | "of"
            | "to"
            | "in"
            | "on"
            | "at"
            | "for"
            | "with"
            | "using"
            | "and"
            | "as"
            | "so"
            | "be"
            | "being"
            | "been"
            | "is"
            | "are"
            | "am"
            | "was"
            | "were"
            | "do"
            | "does"
            | "did"
            | "have"
            | "has"
            | "had"
            | "would"
            | "it"
            | "its"
            | "this"
            | "that"
            | "there"
            | "these"
            | "those"
            | "just"
            | "simply"
            | "actually"
            | "really"
            | "exactly"
            | "basically"
            | "kindly"
            | "about"
            | "then"
            | "some"
            | "any"
    )
}

/// Words that hardly stand in another language's sentence.
pub(super) fn is_strongly_english(word: &str) -> bool {
    matches!(
        word,
        "the"
            | "what"
            | "which"
            | "who"
            | "where"
            | "when"
            | "why"
            | "how"
            | "is"
            | "are"
            | "does"
            | "did"
            | "of"
            | "can"
            | "could"
            | "should"
            | "would"
            | "my"
            | "your"
            | "you"
            | "they"
            | "with"
            | "it"
            | "us"
            | "i"
            | "from"
            | "please"
            | "and"
            | "for"
    )
}
