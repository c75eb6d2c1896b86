//! What a question says, as far as it can be told from its words.

use super::courtesy::without_courtesy;
use super::inflection::is_same;
use super::numbers::in_digits;
use super::words::{
    is_auxiliary, is_mute, is_polite, is_question_word, is_strongly_english, unit_name, words,
};

/// A question, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reading {
    asks: Asks,
    modality: Modality,
    tense: Tense,
    persons: Persons,
    /// What carries meaning, in its order.
    content: Vec<String>,
}

/// What is wanted to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    /// How something is done.
    How,
    /// How much, how many, how far: the measure follows in the content.
    Measure,
    /// A thing; also what is told to be named.
    What,
    /// One of these words.
    Who,
    Whose,
    Where,
    When,
    Why,
    /// Whether something is so.
    Whether,
    /// In a language that is not read here: every word counts.
    Unread,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Modality {
    None,
    Can,
    May,
    Should,
    Must,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tense {
    Present,
    Past,
    Future,
}

/// Who is spoken of without a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Persons {
    /// `I`, `we`, `my`.
    first: bool,
    /// `you`, `your`.
    second: bool,
    /// `my`, `your`: whose something is, not who does it.
    is_owner: bool,
    he: bool,
    she: bool,
    they: bool,
}

impl Reading {
    pub(super) fn of(question: &str) -> Self {
        let mut all = words(question);
        if !is_english(question, &all) {
            return Self::unread(all);
        }
        all.retain(|word| !is_polite(word));
        let words = question_first(without_courtesy(&all));
        let (asks, rest) = asked(&words);
        let rest = pairs_in_order(owners_first(rest));
        let mut reading = Self {
            asks,
            modality: Modality::None,
            tense: Tense::Present,
            persons: Persons::default(),
            content: Vec::new(),
        };
        for (place, word) in rest.iter().enumerate() {
            let before = place
                .checked_sub(1)
                .map_or("", |place| rest[place].as_str());
            reading.take(word, before);
        }
        reading.content = years_last(in_digits(&reading.content));
        reading.settle();
        reading
    }

    fn unread(content: Vec<String>) -> Self {
        Self {
            asks: Asks::Unread,
            modality: Modality::None,
            tense: Tense::Present,
            persons: Persons::default(),
            content,
        }
    }

    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        let same_words = || {
            let pairs = self.content.iter().zip(&other.content);
            let exactly = self.asks == Asks::Unread;
            self.content.len() == other.content.len()
                && pairs.fold(true, |same, (a, b)| {
                    same && if exactly { a == b } else { is_same(a, b) }
                })
        };
        !self.content.is_empty()
            && self.asks == other.asks
            && self.modality == other.modality
            && self.tense == other.tense
            && self.has_the_same_persons(other)
            && same_words()
    }

    /// Whoever asks how to do something means anybody who does it.
    fn has_the_same_persons(&self, other: &Self) -> bool {
        let (one, other_persons) = (self.persons, other.persons);
        let third = |persons: Persons| (persons.he, persons.she, persons.they);
        let spoken = |persons: Persons| (persons.first, persons.second);
        let both_sides = (one.first && other_persons.second) || (one.second && other_persons.first);
        let is_general = matches!(self.asks, Asks::How | Asks::Measure | Asks::Where)
            || self.modality != Modality::None;
        let has_owner = one.is_owner || other_persons.is_owner;
        let close = match (is_general, has_owner) {
            (true, false) => true,
            (true, true) => !both_sides,
            (false, _) => spoken(one) == spoken(other_persons),
        };
        third(one) == third(other_persons) && close
    }

    fn take(&mut self, word: &str, before: &str) {
        let after_number = before.ends_with(|c: char| c.is_ascii_digit());
        let is_clock = word == "am" && after_number;
        let is_taken = self.take_person(word)
            || (!is_clock && self.take_verb(word))
            || (word == "to" && self.take_duty(before));
        if is_taken {
            return;
        }
        if is_clock || !is_mute(word) {
            self.content.push(unit_name(word).to_owned());
        }
    }

    fn take_person(&mut self, word: &str) -> bool {
        let persons = &mut self.persons;
        match word {
            "i" | "me" | "we" | "us" | "myself" | "ourselves" => persons.first = true,
            "my" | "mine" | "our" | "ours" => (persons.first, persons.is_owner) = (true, true),
            "you" | "yourself" => persons.second = true,
            "your" | "yours" => (persons.second, persons.is_owner) = (true, true),
            "he" | "him" | "his" | "himself" => persons.he = true,
            "she" | "her" | "hers" | "herself" => persons.she = true,
            "they" | "them" | "their" | "theirs" => persons.they = true,
            _ => return false,
        }
        true
    }

    fn take_verb(&mut self, word: &str) -> bool {
        match word {
            "can" | "could" => self.modality = Modality::Can,
            "may" | "might" => self.modality = Modality::May,
            "should" | "ought" => self.modality = Modality::Should,
            "must" => self.modality = Modality::Must,
            "was" | "were" | "did" | "had" => self.tense = Tense::Past,
            "will" | "shall" | "gonna" => self.tense = Tense::Future,
            _ => return false,
        }
        true
    }

    /// "Have to" and "need to".
    fn take_duty(&mut self, before: &str) -> bool {
        let needs = matches!(before, "need" | "needs" | "needed");
        if needs {
            self.content.pop();
        }
        let is_duty = needs || matches!(before, "have" | "has" | "had");
        if is_duty {
            self.modality = Modality::Must;
        }
        is_duty
    }

    /// What makes no difference with that kind of question.
    fn settle(&mut self) {
        if self.asks == Asks::Whether && self.asks_for_leave() {
            self.content.remove(0);
            self.modality = Modality::Can;
        }
        let is_neutral = match self.modality {
            Modality::Can => matches!(self.asks, Asks::How | Asks::Where | Asks::What),
            Modality::Should if self.asks == Asks::How => true,
            // "How long should I" is "how long do I".
            Modality::Should => {
                let may_be = matches!(self.asks, Asks::Where | Asks::What | Asks::Measure);
                may_be && self.persons.first
            }
            _ => false,
        };
        if is_neutral {
            self.modality = Modality::None;
        }
    }

    /// "Is it possible to", "is it OK to": "can I".
    fn asks_for_leave(&self) -> bool {
        let first = self.content.first().map(String::as_str);
        matches!(first, Some("possible" | "ok")) && self.modality == Modality::None
    }
}

/// Whether the text is to be read as English. Letters of other scripts are not, nor is a text
/// without any word that only English has.
fn is_english(question: &str, words: &[String]) -> bool {
    let foreign = question
        .chars()
        .filter(|c| c.is_alphabetic() && !c.is_ascii());
    let signs = words
        .iter()
        .filter(|word| is_strongly_english(word))
        .count();
    match foreign.count() {
        0 => signs > 0,
        few => signs > 2 * few,
    }
}

/// "In Python, how do I ..." becomes "how do I ... in Python", and "..., how?" "how ...".
fn question_first(words: &[String]) -> Vec<String> {
    const PREPOSITIONS: [&str; 6] = ["in", "on", "for", "with", "using", "at"];
    let first = words.first().map_or("", String::as_str);
    let place = words.iter().position(|word| is_question_word(word));
    match place {
        Some(place) if place > 1 && PREPOSITIONS.contains(&first) && place < 5 => {
            [&words[place..], &words[..place]].concat()
        }
        Some(1) if PREPOSITIONS.contains(&first) => words[1..].to_vec(),
        _ => words.to_vec(),
    }
}

/// What is asked, and the words behind that.
fn asked(words: &[String]) -> (Asks, &[String]) {
    let texts: Vec<&str> = words.iter().take(7).map(String::as_str).collect();
    for (opening, asks) in OPENINGS {
        if texts.starts_with(opening) {
            // What is measured stays: "how many" is not "how much".
            let kept = usize::from(*asks == Asks::Measure);
            return (*asks, &words[opening.len() - kept..]);
        }
    }
    match texts.first() {
        Some(word) if is_auxiliary(word) => (Asks::Whether, words),
        _ => (Asks::What, words),
    }
}

/// How questions begin; the longer first.
const OPENINGS: &[(&[&str], Asks)] = &[
    (&["what", "is", "the", "way", "to"], Asks::How),
    (&["what", "is", "the", "process", "for"], Asks::How),
    (&["what", "is", "the", "procedure", "for"], Asks::How),
    (&["what", "are", "the", "steps", "to"], Asks::How),
    (&["what", "are", "the", "steps", "for"], Asks::How),
    (&["what", "is", "the", "reason", "for"], Asks::Why),
    (&["what", "is", "the", "reason", "why"], Asks::Why),
    (&["how", "come"], Asks::Why),
    (&["how", "many"], Asks::Measure),
    (&["how", "much"], Asks::Measure),
    (&["how", "long"], Asks::Measure),
    (&["how", "often"], Asks::Measure),
    (&["how", "far"], Asks::Measure),
    (&["how", "old"], Asks::Measure),
    (&["how"], Asks::How),
    (&["what"], Asks::What),
    (&["which"], Asks::What),
    (&["who"], Asks::Who),
    (&["whom"], Asks::Who),
    (&["whose"], Asks::Whose),
    (&["where"], Asks::Where),
    (&["when"], Asks::When),
    (&["why"], Asks::Why),
];

/// "The capital of France" becomes "France capital", as "France's capital" is read.
fn owners_first(words: &[String]) -> Vec<String> {
    let Some(of) = words.iter().position(|word| word == "of") else {
        return words.to_vec();
    };
    let is_content =
        |word: &String| !is_mute(word) && !is_auxiliary(word) && !is_question_word(word);
    let owned = words[..of]
        .iter()
        .rev()
        .take_while(|word| is_content(word))
        .count();
    let articles = words[of + 1..]
        .iter()
        .take_while(|word| is_mute(word))
        .count();
    let begin = of + 1 + articles;
    let owner = words[begin..]
        .iter()
        .take_while(|word| is_content(word))
        .count();
    let mut ordered = words[..of - owned].to_vec();
    ordered.extend_from_slice(&words[begin..begin + owner]);
    ordered.extend_from_slice(&words[of - owned..of]);
    ordered.extend_from_slice(&words[begin + owner..]);
    ordered
}

/// "Salt and pepper" is "pepper and salt".
fn pairs_in_order(mut words: Vec<String>) -> Vec<String> {
    for place in 1..words.len().saturating_sub(1) {
        let is_pair = words[place] == "and"
            && [place - 1, place + 1].iter().all(|&side| {
                let word = words[side].as_str();
                !is_mute(word) && !is_auxiliary(word) && !is_question_word(word)
            });
        if is_pair && words[place - 1] > words[place + 1] {
            words.swap(place - 1, place + 1);
        }
    }
    words
}

/// "The 2019 final" is "the final in 2019".
fn years_last(words: Vec<String>) -> Vec<String> {
    let is_year = |word: &String| {
        word.len() == 4 && word.starts_with(['1', '2']) && word.bytes().all(|b| b.is_ascii_digit())
    };
    let (years, mut others): (Vec<_>, Vec<_>) = words.into_iter().partition(is_year);
    others.extend(years);
    others
}
