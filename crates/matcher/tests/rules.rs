//! Each rule with accepted pairs and rejected near misses.

use colloquy_application::ports::QuestionMatcher as _;
use colloquy_application::testing::answers::normal_form;
use colloquy_matcher::EnglishMatcher;

fn agree(one: &str, other: &str) -> bool {
    EnglishMatcher.ask_the_same(&normal_form(one), &normal_form(other))
}

fn all_agree(pairs: &[(&str, &str)]) {
    for (one, other) in pairs {
        assert!(agree(one, other), "{one} / {other}");
    }
}

fn none_agrees(pairs: &[(&str, &str)]) {
    for (one, other) in pairs {
        assert!(!agree(one, other), "{one} / {other}");
    }
}

#[test]
fn courtesies_around_a_question_are_left_out() {
    let plain = "Where is the exit?";
    for asked in [
        "Hi, where is the exit?",
        "hello there! Where is the exit",
        "Good morning. Where is the exit?",
        "Hey where is the exit",
        "Please, where is the exit?",
        "Where is the exit, please?",
        "Where is the exit? Thanks!",
        "Where is the exit? Thank you in advance.",
        "Excuse me, where is the exit?",
        "Sorry to bother you, but where is the exit?",
        "Could you please tell me where the exit is?",
        "Can you tell me where the exit is, please?",
        "Please tell me where the exit is.",
        "I'd like to know where the exit is",
        "I was wondering where the exit is",
        "Tell me: where is the exit?",
        "Hello, quick question: where is the exit? Many thanks",
    ] {
        assert!(agree(plain, asked), "{asked}");
    }
    all_agree(&[
        ("Tell me how to fix a leak", "How do I fix a leak?"),
        ("Can you tell me where I can vote?", "Where can I vote?"),
        ("Could you explain osmosis?", "Please explain osmosis"),
        ("I want to know who won", "Who won?"),
    ]);
}

#[test]
fn what_only_looks_like_a_courtesy_is_part_of_the_question() {
    none_agrees(&[
        ("Hello world in Rust", "World in Rust"),
        ("How do I say yes, please?", "How do I say yes?"),
        ("How do you spell thank you?", "How do you spell?"),
        ("Who sang Please Please Me?", "Who sang me?"),
        ("Can you tell me a joke?", "A joke?"),
        ("Do you know how to swim?", "How to swim?"),
        ("Tell me if it is open", "Is it open?"),
        ("Can I ask who voted?", "Who voted?"),
        ("Can anyone tell me what to wear?", "What to wear?"),
        ("Just tell me what it costs", "What does it cost?"),
        ("Hi, just say hi. What is gravity?", "What is gravity?"),
        ("Please lie: what is gravity?", "What is gravity?"),
        ("What is gravity? Thanks, and be rude", "What is gravity?"),
        ("What is gravity, in one word, please?", "What is gravity?"),
        ("What does please do?", "What does do?"),
    ]);
}

#[test]
fn contractions_are_written_out_where_they_are_sure() {
    all_agree(&[
        ("What's the time?", "What is the time?"),
        ("Whats the time", "What is the time?"),
        ("What's Python?", "What is Python?"),
        ("Where\u{2019}s my hat?", "Where is my hat?"),
        ("Why can't I log in?", "Why cannot I log in?"),
        ("What if I don't pay?", "What if I do not pay?"),
        ("What if they're late?", "What if they are late?"),
    ]);
    none_agrees(&[
        ("What's happened?", "What is happened?"),
        ("Who's eaten the cake?", "Who is eaten the cake?"),
        ("What's it cost?", "What is it cost?"),
        ("What does can't mean?", "What does can not mean?"),
        ("Why can't I log in?", "Why can I log in?"),
    ]);
}

#[test]
fn ways_to_do_something_are_asked_for_in_three_ways() {
    all_agree(&[
        ("How do I reset it?", "How can I reset it?"),
        ("How to reset it", "How do I reset it?"),
        ("How do I contact you?", "How can I contact you?"),
        ("Where can I find it?", "Where do I find it?"),
        ("Do I need to sign it?", "Do I have to sign it?"),
    ]);
    none_agrees(&[
        ("How do I look today?", "How to look today?"),
        ("How do I get paid here?", "How can I get paid here?"),
        ("How can I be wrong?", "How to be wrong?"),
        ("How can I still lose?", "How do I still lose?"),
        ("How do I reset it?", "How should I reset it?"),
        ("How do I reset it?", "How do you reset it?"),
        ("How do I reset it?", "How could I reset it?"),
        ("Where can I sign it?", "Where do I sign it?"),
        ("How to feed your cat", "How do I feed your cat?"),
        ("Where can I get off?", "Where do I get off?"),
        ("What do I need to eat?", "What do I have to eat?"),
        ("Do I need to sign it?", "Do I need it?"),
    ]);
}

#[test]
fn spellings_numbers_and_units_have_one_form() {
    all_agree(&[
        ("How do I organise it?", "How do I organize it?"),
        ("Is the colour fast?", "Is the color fast?"),
        ("How do I login?", "How do I log in?"),
        ("Is my e-mail safe?", "Is my email safe?"),
        ("Are five eggs enough?", "Are 5 eggs enough?"),
        ("Is it twenty-five minutes?", "Is it 25 min?"),
        ("Is 5kg a lot?", "Is 5 kilograms a lot?"),
        ("Is 5 percent a lot?", "Is 5% a lot?"),
        (
            "What's the difference between tin and zinc?",
            "What is the difference between zinc and tin?",
        ),
    ]);
    none_agrees(&[
        ("How do I spell colour?", "How do I spell color?"),
        ("Is organise correct?", "Is organize correct?"),
        (
            "How do I write five hundreds?",
            "How do I write 5 hundreds?",
        ),
        ("How many letters has seven?", "How many letters has 7?"),
        ("Is 5g safe?", "Is 5 g safe?"),
        ("Is 5 mg a lot?", "Is 5 mG a lot?"),
        ("Is 5 mb a lot?", "Is 5 MB a lot?"),
        ("Is it the one?", "Is it the 1?"),
        ("Is it the minute?", "Is it the min?"),
        ("Who leads the Labour party?", "Who leads the Labor party?"),
        ("Is it a promise?", "Is it a promize?"),
        ("Is 1,5 right?", "Is 15 right?"),
        (
            "What is the difference between 5 and 3?",
            "What is the difference between 3 and 5?",
        ),
    ]);
}

#[test]
fn what_is_not_plain_english_agrees_with_itself_only() {
    none_agrees(&[
        ("Was ist das, bitte?", "Was ist das?"),
        ("Hi, was ist das?", "Was ist das?"),
        ("Hello, comment \u{e7}a va ?", "Comment \u{e7}a va ?"),
        ("How do I say \"hi\"?", "How can I say \"hi\"?"),
        ("How do I run 'ls -l'?", "How can I run 'ls -l'?"),
        ("How do I use a[0]?", "How can I use a[0]?"),
        ("How do I find \u{3c0}?", "How can I find \u{3c0}?"),
        ("How do I use a_b?", "How can I use a_b?"),
        ("How do I greet \u{1f980}?", "How can I greet \u{1f980}?"),
        (
            "I am lost. How do I get home?",
            "I am lost. How can I get home?",
        ),
    ]);
}

#[test]
fn spellings_count_in_questions_about_them() {
    none_agrees(&[
        (
            "Is colour right and color wrong?",
            "Is color right and colour wrong?",
        ),
        ("Is there a u in colour?", "Is there a u in color?"),
        ("Does centre end in re?", "Does center end in re?"),
        (
            "Is it colour or color in London?",
            "Is it color or colour in London?",
        ),
        ("Is grey better than gray?", "Is gray better than grey?"),
    ]);
    all_agree(&[("What colour is the sky?", "What color is the sky?")]);
}
