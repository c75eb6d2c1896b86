//! Whether two words are forms of one.

use std::borrow::Cow;

/// Forms that no rule finds: each with its base.
const IRREGULAR: &[(&str, &str)] = &[
    ("ate", "eat"),
    ("eaten", "eat"),
    ("became", "become"),
    ("began", "begin"),
    ("begun", "begin"),
    ("bought", "buy"),
    ("broke", "break"),
    ("broken", "break"),
    ("brought", "bring"),
    ("built", "build"),
    ("came", "come"),
    ("caught", "catch"),
    ("chose", "choose"),
    ("chosen", "choose"),
    ("done", "do"),
    ("drank", "drink"),
    ("drove", "drive"),
    ("driven", "drive"),
    ("fed", "feed"),
    ("felt", "feel"),
    ("forgot", "forget"),
    ("forgotten", "forget"),
    ("found", "find"),
    ("froze", "freeze"),
    ("frozen", "freeze"),
    ("gave", "give"),
    ("given", "give"),
    ("gone", "go"),
    ("got", "get"),
    ("gotten", "get"),
    ("grew", "grow"),
    ("grown", "grow"),
    ("held", "hold"),
    ("hidden", "hide"),
    ("kept", "keep"),
    ("knew", "know"),
    ("known", "know"),
    ("led", "lead"),
    ("lost", "lose"),
    ("made", "make"),
    ("meant", "mean"),
    ("met", "meet"),
    ("paid", "pay"),
    ("ran", "run"),
    ("said", "say"),
    ("saw", "see"),
    ("seen", "see"),
    ("sent", "send"),
    ("slept", "sleep"),
    ("sold", "sell"),
    ("spent", "spend"),
    ("spoke", "speak"),
    ("spoken", "speak"),
    ("stole", "steal"),
    ("stolen", "steal"),
    ("swam", "swim"),
    ("taken", "take"),
    ("taught", "teach"),
    ("thought", "think"),
    ("told", "tell"),
    ("took", "take"),
    ("went", "go"),
    ("won", "win"),
    ("wore", "wear"),
    ("worn", "wear"),
    ("written", "write"),
    ("wrote", "write"),
    ("dying", "die"),
    ("lying", "lie"),
    ("tying", "tie"),
    ("children", "child"),
    ("feet", "foot"),
    ("geese", "goose"),
    ("knives", "knife"),
    ("leaves", "leaf"),
    ("lives", "life"),
    ("men", "man"),
    ("mice", "mouse"),
    ("teeth", "tooth"),
    ("wives", "wife"),
    ("women", "woman"),
];

/// Words that look like a form of another and are not, or mean something else than that one.
const ALONE: &[&str] = &[
    "arms",
    "ceiling",
    "customs",
    "economics",
    "glasses",
    "goods",
    "hundred",
    "jeans",
    "mathematics",
    "means",
    "news",
    "pants",
    "physics",
    "politics",
    "savings",
    "series",
    "species",
    "stocks",
];

/// Whether the words are the same, or forms of the same.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let others = bases(other);
    bases(one).iter().any(|base| others.contains(base))
}

/// What the word may be a form of, itself included.
fn bases(word: &str) -> Vec<String> {
    let word = &*spelling(word);
    let mut bases = vec![word.to_owned()];
    if ALONE.contains(&word) || !word.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return bases;
    }
    let irregular = IRREGULAR.iter().filter(|(form, _)| *form == word);
    bases.extend(irregular.map(|(_, base)| (*base).to_owned()));
    bases.extend(without_s(word));
    if let Some(stem) = word.strip_suffix("ing") {
        bases.extend(without_ending(stem));
    } else if let Some(stem) = word.strip_suffix("ied") {
        bases.push(format!("{stem}y"));
    } else if let Some(stem) = word.strip_suffix("ed").filter(|stem| !stem.ends_with('e')) {
        bases.extend(without_ending(stem));
    }
    bases
}

/// American where there are two: `organise` and `organize`, `behaviour` and `behavior`.
fn spelling(word: &str) -> Cow<'_, str> {
    const OURS: &[&str] = &[
        "behaviour",
        "colour",
        "favour",
        "flavour",
        "harbour",
        "honour",
        "humour",
        "labour",
        "neighbour",
        "rumour",
    ];
    let endings = [
        "ise", "ised", "ises", "ising", "isation", "isations", "yse", "ysed", "ysing",
    ];
    let ending = endings.iter().find(|ending| word.ends_with(*ending));
    match ending {
        Some(ending) if word.len() > ending.len() + 2 => {
            let (stem, ending) = word.split_at(word.len() - ending.len());
            Cow::Owned(format!("{stem}{}", ending.replacen('s', "z", 1)))
        }
        _ if OURS.iter().any(|ours| word.starts_with(ours)) => {
            Cow::Owned(word.replacen("our", "or", 1))
        }
        _ => Cow::Borrowed(word),
    }
}

fn without_s(word: &str) -> Option<String> {
    let stem = word.strip_suffix('s')?;
    if word.len() < 4 || stem.ends_with(['s', 'u', 'i']) {
        return None;
    }
    if let Some(stem) = stem.strip_suffix("ie").filter(|stem| stem.len() > 2) {
        return Some(format!("{stem}y"));
    }
    let hisses = ["sse", "xe", "che", "she", "zze", "oe"];
    match stem.strip_suffix('e') {
        Some(short) if hisses.iter().any(|hiss| stem.ends_with(hiss)) => Some(short.to_owned()),
        _ => Some(stem.to_owned()),
    }
}

/// What may stand before `ing` or `ed`: `mak` for `make`, `runn` for `run`.
fn without_ending(stem: &str) -> Vec<String> {
    let bytes = stem.as_bytes();
    let syllables = vowel_groups(bytes);
    let [.., before, last] = bytes else {
        return Vec::new();
    };
    if syllables == 0 {
        return Vec::new();
    }
    if before == last && !is_vowel(*last) {
        let single = stem[..stem.len() - 1].to_owned();
        return vec![stem.to_owned(), single];
    }
    let with_e = format!("{stem}e");
    let is_short = is_vowel(*before) && !is_vowel(*last) && !b"wxy".contains(last);
    let begins_long = bytes.len() > 2 && is_vowel(bytes[bytes.len() - 3]);
    // `hoping` is from `hope`: `hop` would have doubled its end.
    if syllables == 1 && is_short && !begins_long {
        return vec![with_e];
    }
    vec![stem.to_owned(), with_e]
}

fn vowel_groups(bytes: &[u8]) -> usize {
    let starts = |pair: &[u8]| !is_vowel(pair[0]) && is_vowel(pair[1]);
    let first = bytes.first().is_some_and(|byte| is_vowel(*byte));
    usize::from(first) + bytes.windows(2).filter(|pair| starts(pair)).count()
}

const fn is_vowel(byte: u8) -> bool {
    matches!(byte, b'a' | b'e' | b'i' | b'o' | b'u' | b'y')
}

#[cfg(test)]
mod tests {
    use super::is_same;

    #[test]
    fn forms_of_one_word_are_the_same() {
        for (one, other) in [
            ("cat", "cats"),
            ("city", "cities"),
            ("box", "boxes"),
            ("use", "used"),
            ("using", "used"),
            ("make", "making"),
            ("run", "running"),
            ("cook", "cooked"),
            ("hope", "hoping"),
            ("stop", "stopped"),
            ("visit", "visiting"),
            ("create", "creating"),
            ("buy", "bought"),
            ("child", "children"),
            ("study", "studied"),
        ] {
            assert!(is_same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn words_that_only_look_alike_are_not() {
        for (one, other) in [
            ("car", "care"),
            ("plan", "plane"),
            ("hop", "hoping"),
            ("new", "news"),
            ("glass", "glasses"),
            ("employer", "employee"),
            ("universe", "university"),
            ("big", "bigger"),
            ("python2", "python3"),
            ("need", "ne"),
            ("bus", "bu"),
        ] {
            assert!(!is_same(one, other), "{one} {other}");
        }
    }
}
