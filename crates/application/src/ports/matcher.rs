//! Port: question matching.

/// Decides whether two normalised questions ask the same, so that one answer serves both. When in
/// doubt, they do not.
pub trait QuestionMatcher: Send + Sync {
    /// Whether they ask the same. Reflexive and symmetric. Questions in an unknown language match
    /// only if equal. Accepts any text, in linear time.
    fn ask_the_same(&self, one: &str, other: &str) -> bool;
}
