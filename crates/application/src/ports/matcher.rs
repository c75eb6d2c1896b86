/// Tells whether two questions ask the same, whatever their vectors say. The answer to one may be
/// given to whoever asks the other, so in doubt they do not.
///
/// Questions come in the form in which the answer cache keeps them: see
/// [`normal_form`](crate::answers::normal_form).
pub trait QuestionMatcher: Send + Sync {
    /// Whether they ask the same: always true of two equal texts, and the same in either order.
    /// Questions in a language that the matcher does not know ask the same only if they are equal.
    /// Any text may come; the time taken is bounded by a small multiple of the texts' length.
    fn ask_the_same(&self, one: &str, other: &str) -> bool;
}
