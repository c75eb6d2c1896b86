//! What polite people put around a question.

use super::words::is_question_word;

/// Words that stand before a question without being part of it, as long as it is a question word
/// that follows them.
const BEFORE: &[&str] = &[
    "i",
    "you",
    "me",
    "us",
    "we",
    "can",
    "could",
    "would",
    "will",
    "may",
    "might",
    "want",
    "need",
    "like",
    "love",
    "to",
    "know",
    "tell",
    "let",
    "just",
    "was",
    "am",
    "is",
    "wondering",
    "wonder",
    "ask",
    "someone",
    "somebody",
    "anyone",
    "anybody",
    "trying",
    "find",
    "out",
    "understand",
    "help",
    "hi",
    "hello",
    "hey",
    "there",
    "sorry",
    "bother",
    "but",
    "excuse",
    "quick",
    "question",
    "have",
    "a",
    "the",
    "mind",
    "telling",
    "explain",
    "explaining",
    "so",
    "ok",
    "good",
    "morning",
    "afternoon",
    "evening",
    "dear",
    "team",
    "all",
    "everyone",
    "curious",
    "about",
    "show",
    "give",
    "idea",
    "any",
    "interested",
    "in",
    "knowing",
    "be",
    "able",
    "grateful",
    "if",
    "d",
    "my",
    "and",
    "well",
    "now",
    "then",
    "um",
    "say",
    "do",
    "does",
];

/// One of these has to be among them.
const SIGNS: &[&str] = &[
    "know",
    "tell",
    "wondering",
    "wonder",
    "ask",
    "find",
    "understand",
    "hi",
    "hello",
    "hey",
    "sorry",
    "excuse",
    "question",
    "telling",
    "explain",
    "explaining",
    "morning",
    "afternoon",
    "evening",
    "dear",
    "curious",
    "show",
    "idea",
    "interested",
    "say",
    "so",
    "ok",
    "well",
    "now",
    "um",
    "then",
];

/// Greetings, whatever follows them.
const GREETINGS: &[&[&str]] = &[
    &["sorry", "to", "bother", "you", "but"],
    &["good", "morning"],
    &["good", "afternoon"],
    &["good", "evening"],
    &["quick", "question"],
    &["excuse", "me"],
    &["hello", "there"],
    &["hi", "there"],
    &["hey", "there"],
    &["hello"],
    &["hey"],
    &["hi"],
];

/// Requests to be told something, whatever it is.
const REQUESTS: &[&[&str]] = &[
    &["could", "you", "tell", "me"],
    &["can", "you", "tell", "me"],
    &["would", "you", "tell", "me"],
    &["i", "want", "to", "know"],
    &["i", "would", "like", "to", "know"],
    &["tell", "me", "about"],
    &["tell", "me"],
];

/// Words that thanks are made of, once they have begun.
const THANKS: &[&str] = &[
    "thanks", "thank", "thx", "cheers", "you", "in", "advance", "a", "lot", "so", "much", "very",
    "many", "all", "everyone",
];

/// The question itself.
pub(super) fn without_courtesy(words: &[String]) -> &[String] {
    let mut rest = without_thanks(words);
    while let Some(length) = greeting(rest) {
        rest = &rest[length..];
    }
    after_request(rest).unwrap_or(rest)
}

fn greeting(words: &[String]) -> Option<usize> {
    let known = GREETINGS.iter().find(|greeting| begins(words, greeting))?;
    Some(known.len())
}

fn after_request(words: &[String]) -> Option<&[String]> {
    let place = words.iter().position(|word| is_question_word(word));
    if let Some(place @ 1..=14) = place
        && is_request(&words[..place])
    {
        return Some(&words[place..]);
    }
    let known = REQUESTS.iter().find(|request| begins(words, request))?;
    Some(&words[known.len()..])
}

/// "Could you tell me", but not "do I need to know".
fn is_request(words: &[String]) -> bool {
    let texts: Vec<&str> = words.iter().map(String::as_str).collect();
    let asks_itself = match texts[..] {
        [
            "do" | "does",
            "you" | "anyone" | "anybody" | "someone",
            ref rest @ ..,
        ] => !matches!(
            rest,
            ["know"] | ["happen", "to", "know"] | ["have", "any", "idea"]
        ),
        ["do" | "does" | "am" | "is" | "was" | "have", ..] => true,
        [
            "can" | "could" | "will" | "would" | "may" | "might",
            "i" | "we",
            ref rest @ ..,
        ] => !rest.contains(&"ask"),
        _ => false,
    };
    !asks_itself
        && texts.iter().all(|word| BEFORE.contains(word))
        && texts.iter().any(|word| SIGNS.contains(word))
}

fn without_thanks(words: &[String]) -> &[String] {
    let is_thanks = |word: &String| THANKS.contains(&word.as_str());
    let tail = words
        .iter()
        .rev()
        .take_while(|word| is_thanks(word))
        .count();
    let begin = words.len() - tail;
    let starts = |word: &String| {
        matches!(
            word.as_str(),
            "thanks" | "thank" | "thx" | "cheers" | "many"
        )
    };
    match words[begin..].iter().position(starts) {
        Some(place) if begin + place > 0 => &words[..begin + place],
        _ => words,
    }
}

fn begins(words: &[String], opening: &[&str]) -> bool {
    words.len() > opening.len() && words.iter().zip(opening).all(|(word, known)| word == known)
}

#[cfg(test)]
mod tests {
    use super::without_courtesy;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn courtesy_is_left_out() {
        for text in [
            "hi there could you tell me how it works thanks a lot",
            "i was wondering how it works",
            "do you know how it works",
            "can i ask how it works",
            "so how it works many thanks",
            "does anyone know how it works",
        ] {
            assert_eq!(
                without_courtesy(&words(text)),
                words("how it works"),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_asked_is_not() {
        for text in [
            "do i need to know how it works",
            "do you have to know how it works",
            "can i find out how it works",
            "do i say thanks or thank you when i leave",
            "is it known how it works",
        ] {
            assert_eq!(without_courtesy(&words(text)), words(text), "{text}");
        }
    }
}
