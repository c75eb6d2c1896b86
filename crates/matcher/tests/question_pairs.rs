//! The matcher on labelled question pairs, as if every pair were similar enough.

#![expect(clippy::panic, clippy::unwrap_used, reason = "tests may panic")]

use std::collections::BTreeMap;
use std::fs;

use colloquy_application::ports::QuestionMatcher as _;
use colloquy_application::testing::answers::normal_form;
use colloquy_matcher::EnglishMatcher;

const PAIRS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/data/question_pairs.tsv"
);

#[derive(Default)]
struct Class {
    different: usize,
    wrong: Vec<String>,
    same: usize,
    right: usize,
}

fn classes() -> BTreeMap<String, Class> {
    let text = fs::read_to_string(PAIRS).unwrap();
    let mut classes: BTreeMap<String, Class> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [split, label, class, one, other] = columns[..] else {
            panic!("five columns: {line}");
        };
        let (a, b) = (normal_form(one), normal_form(other));
        let agrees = EnglishMatcher.ask_the_same(&a, &b);
        assert_eq!(agrees, EnglishMatcher.ask_the_same(&b, &a), "{line}");
        let class = classes.entry(format!("{split} {class}")).or_default();
        match label {
            "same" => {
                class.same += 1;
                class.right += usize::from(agrees);
            }
            "different" => {
                class.different += 1;
                class.wrong.extend(agrees.then(|| line.to_owned()));
            }
            label => panic!("no label: {label}"),
        }
    }
    classes
}

#[test]
fn no_class_has_more_than_one_wrong_hit_in_a_hundred() {
    let classes = classes();
    for (name, class) in &classes {
        assert!(
            class.wrong.len() * 100 <= class.different,
            "{name}: {:#?}",
            class.wrong
        );
    }
}

#[test]
fn half_of_the_paraphrases_beside_small_words_are_hits() {
    let classes = classes();
    let inside = classes
        .iter()
        .filter(|(name, _)| name.starts_with("small_words"));
    let (right, same) = inside.fold((0, 0), |(right, same), (_, class)| {
        (right + class.right, same + class.same)
    });
    assert!(right * 2 >= same, "{right} of {same}");
}
