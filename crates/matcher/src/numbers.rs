//! Number words, digits, and unit names after them.

const SMALL: [&str; 19] = [
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];
const TENS: [&str; 7] = [
    "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
];

/// Omits ambiguous names (`m`, `g`, `s`, `lb`) and those that depend on capitals.
const UNITS: &[(&str, &[&str])] = &[
    ("%", &["percent"]),
    (
        "cm",
        &["centimeter", "centimeters", "centimetre", "centimetres"],
    ),
    ("hours", &["hour", "hr", "hrs"]),
    ("kg", &["kgs", "kilo", "kilos", "kilogram", "kilograms"]),
    ("km", &["kms", "kilometer", "kilometers"]),
    ("mg", &["milligram", "milligrams"]),
    ("miles", &["mile"]),
    ("minutes", &["minute", "min", "mins"]),
    (
        "ml",
        &["milliliter", "milliliters", "millilitre", "millilitres"],
    ),
    (
        "mm",
        &["millimeter", "millimeters", "millimetre", "millimetres"],
    ),
    ("seconds", &["sec", "secs"]),
];

/// Written directly after the number: `5kg`.
const ATTACHED: &[&str] = &["%", "am", "cm", "kg", "km", "mg", "min", "ml", "mm", "pm"];

/// Converts number words before counted things to digits and unifies unit names.
pub(crate) fn fold_numbers(words: &mut Vec<String>) {
    let mut folded: Vec<String> = Vec::with_capacity(words.len());
    for (index, word) in words.iter().enumerate() {
        let next = words.get(index + 1).map_or("", String::as_str);
        let follows_number = folded.last().is_some_and(|word| is_number(word));
        if let Some(value) = value(word).filter(|_| is_counted(next)) {
            folded.push(value.to_string());
        } else if let Some((number, unit)) = attached(word) {
            folded.extend([number.to_owned(), unit_name(unit).to_owned()]);
        } else if follows_number {
            folded.push(unit_name(word).to_owned());
        } else {
            folded.push(word.clone());
        }
    }
    *words = folded;
}

fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b',')
}

/// From "two" to "ninety-nine"; "one" may be a pronoun.
fn value(word: &str) -> Option<usize> {
    let index = |words: &[&str], word: &str| words.iter().position(|known| *known == word);
    if let Some(small) = index(&SMALL, word) {
        return Some(small + 2);
    }
    let (tens, unit) = word.split_once('-').unwrap_or((word, ""));
    let tens = match tens {
        "twenty" => 20,
        tens => index(&TENS, tens)? * 10 + 30,
    };
    match unit {
        "" => Some(tens),
        "one" => Some(tens + 1),
        unit => index(&SMALL[..8], unit).map(|unit| tens + unit + 2),
    }
}

/// Whether the number counts what follows: "five eggs", not "five to nine".
fn is_counted(next: &str) -> bool {
    let is_plural = next.len() > 3 && next.ends_with('s') && !next.ends_with("ss");
    let is_word = next.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_unit = UNITS
        .iter()
        .any(|(name, others)| *name == next || others.contains(&next));
    is_unit || (is_plural && is_word) || matches!(next, "children" | "people")
}

fn attached(word: &str) -> Option<(&str, &str)> {
    let end = word.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')?;
    let (number, unit) = word.split_at(end);
    (is_number(number) && ATTACHED.contains(&unit)).then_some((number, unit))
}

fn unit_name(word: &str) -> &str {
    let known = UNITS.iter().find(|(_, others)| others.contains(&word));
    known.map_or(word, |(name, _)| name)
}
