//! Port: question matching.

/// Decides whether two questions ask the same, so that the answer to one can be given to the other.
/// When in doubt, they do not.
///
/// Questions come normalised, as the answer cache stores them.
pub trait QuestionMatcher: Send + Sync {
    /// Whether they ask the same. Reflexive and symmetric. Questions in an unknown language match
    /// only if equal. Accepts any text, in time linear in its length.
    fn ask_the_same(&self, one: &str, other: &str) -> bool;
}
