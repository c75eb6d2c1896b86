//! Whether two questions that lie close together ask for the same: the second check.
//!
//! Vectors see what a question is about, not what it says of it: "from Paris to Rome" lies next to
//! "from Rome to Paris", and "with" next to "without". What is read here is therefore compared
//! strictly: how is asked, about whom, in which time, and every word that carries meaning, in its
//! order. In doubt they do not agree.

mod courtesy;
mod inflection;
mod numbers;
mod reading;
mod words;

use reading::Reading;

/// Whether both questions, in their normal form, ask for the same.
pub(super) fn agree(one: &str, other: &str) -> bool {
    one == other || Reading::of(one).agrees_with(&Reading::of(other))
}

#[cfg(test)]
mod tests {
    use super::super::normalise::normalise;
    use super::agree;

    fn agrees(one: &str, other: &str) -> bool {
        let (one, other) = (normalise(one), normalise(other));
        let answer = agree(&one, &other);
        assert_eq!(answer, agree(&other, &one), "{one} / {other}");
        answer
    }

    #[test]
    fn other_words_for_the_same_question_agree() {
        for (one, other) in [
            ("How do I reset my password?", "how can i reset my password"),
            (
                "How do I reset my password?",
                "What is the way to reset a password?",
            ),
            (
                "How to cook rice",
                "Could you tell me how to cook rice, please?",
            ),
            ("What is the capital of France?", "What's France's capital?"),
            (
                "What is the capital of France?",
                "Tell me the capital of France.",
            ),
            ("How long do I boil five eggs?", "How long to boil 5 eggs?"),
            (
                "In Python, how do I sort lists?",
                "How do I sort a list in Python?",
            ),
            ("What does entropy mean?", "What is the meaning of entropy?"),
            ("Where can I buy stamps?", "Where do I buy stamps?"),
            ("How many kilos are 5 lbs?", "How many kg are 5lbs?"),
            ("Why is the sky blue?", "why's the sky blue"),
            ("Is it possible to freeze rice?", "Can I freeze rice?"),
            ("Who won the cup in 2019?", "Who won the 2019 cup?"),
            ("How do I organise a trip?", "How can I organize a trip?"),
            ("Why cant I login?", "Why can't I log in?"),
            (
                "Is it ok to freeze salt and pepper?",
                "Can I freeze pepper and salt",
            ),
            ("Ist das gut?", "ist das gut"),
        ] {
            assert!(agrees(one, other), "{one} / {other}");
        }
    }

    #[test]
    fn other_questions_do_not_agree() {
        for (one, other) in [
            (
                "How do I get from Paris to Rome?",
                "How do I get from Rome to Paris?",
            ),
            (
                "Can I fly with a passport?",
                "Can I fly without a passport?",
            ),
            ("What is allowed?", "What is not allowed?"),
            ("Why can I log in?", "Why can't I log in?"),
            ("Take 5 mg?", "Take 50 mg?"),
            ("Does it open at 9 am?", "Does it open at 9 pm?"),
            ("Is the first one free?", "Is the second one free?"),
            ("Who wrote it?", "When was it written?"),
            (
                "Who is the president of France?",
                "Who was the president of France?",
            ),
            ("Can I eat raw eggs?", "Should I eat raw eggs?"),
            (
                "What is the best C compiler?",
                "What is the best C++ compiler?",
            ),
            ("How do I sort in Java?", "How do I sort in JavaScript?"),
            ("Is A bigger than B?", "Is B bigger than A?"),
            ("Which is the oldest bridge?", "Which is the newest bridge?"),
            (
                "How do I turn the light on?",
                "How do I turn the light off?",
            ),
            ("What is my name?", "What is your name?"),
            ("What is his salary?", "What is her salary?"),
            ("Tell me about the US", "Tell me about us"),
            ("Do dogs eat mice?", "Do mice eat dogs?"),
            ("What eats mice?", "What do mice eat?"),
            ("How do I cook rice?", "Why do I cook rice?"),
            ("Can I have tea or coffee?", "Can I have tea and coffee?"),
            ("When will it rain?", "When did it rain?"),
            ("Is 5 % a lot?", "Is 5 $ a lot?"),
            ("It takes 1.5 hours?", "It takes 15 hours?"),
            ("Was ist ein Hund?", "Was ist kein Hund?"),
            (
                "Wie schalte ich das Licht an?",
                "Wie schalte ich das Licht aus?",
            ),
            ("¿Es bueno?", "¿No es bueno?"),
            ("东京在哪里", "大阪在哪里"),
            ("python sort list", "sort python list"),
        ] {
            assert!(!agrees(one, other), "{one} / {other}");
        }
    }
}
