//! A question matcher with given paraphrases.

use crate::ports::QuestionMatcher;

/// Groups of questions that ask the same. Any other matches only itself.
#[derive(Debug, Clone, Default)]
pub struct KnownParaphrases(Vec<Vec<String>>);

impl KnownParaphrases {
    /// Takes groups of normalised questions.
    #[must_use]
    pub fn new<const N: usize>(groups: [&[&str]; N]) -> Self {
        let owned = |group: &[&str]| group.iter().map(|text| (*text).to_owned()).collect();
        Self(groups.into_iter().map(owned).collect())
    }
}

impl QuestionMatcher for KnownParaphrases {
    fn ask_the_same(&self, one: &str, other: &str) -> bool {
        let contains = |group: &[String], text: &str| group.iter().any(|known| known == text);
        let is_known = |group: &Vec<String>| contains(group, one) && contains(group, other);
        one == other || self.0.iter().any(is_known)
    }
}
