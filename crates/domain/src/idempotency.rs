//! Idempotency keys.

use crate::text::text_types;

text_types! {
    /// Client-chosen key that makes a repeated request return the first result. Unique per user.
    IdempotencyKey: max 255, blank Refused;
}
