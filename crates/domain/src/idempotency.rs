use crate::text::text_types;

text_types! {
    /// What a client calls a request, so that sending it again does not do it again; unique per
    /// user.
    IdempotencyKey: max 255, blank Refused;
}
