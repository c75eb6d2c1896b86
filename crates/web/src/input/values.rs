//! Readers of single values, to be handed to [`Fields`].

use colloquy_domain::Violation;
use serde_json::Value;

use super::fields::{Fields, Place, Unknown, read_members};

/// A string that `parse` takes.
pub fn text<T>(
    parse: impl Fn(String) -> Result<T, Violation>,
) -> impl Fn(Value, &mut Place<'_>) -> Option<T> {
    move |value, place| match value {
        Value::String(text) => place.accept(parse(text)),
        _ => place.wrong_type("a string"),
    }
}

/// A string that names one of several values.
pub fn choice<T>(
    from_name: impl Fn(&str) -> Option<T>,
    names: &'static str,
) -> impl Fn(Value, &mut Place<'_>) -> Option<T> {
    text(move |name| {
        from_name(&name).ok_or_else(|| Violation::new("unknown_value", format!("must be {names}")))
    })
}

/// `true` or `false`.
#[expect(
    clippy::needless_pass_by_value,
    reason = "as readers of other values do"
)]
pub fn boolean(value: Value, place: &mut Place<'_>) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(value),
        _ => place.wrong_type("true or false"),
    }
}

/// A number that `check` takes.
pub fn decimal<T>(
    check: impl Fn(f64) -> Result<T, Violation>,
) -> impl Fn(Value, &mut Place<'_>) -> Option<T> {
    move |value, place| match value.as_f64() {
        Some(number) => place.accept(check(number)),
        None => place.wrong_type("a number"),
    }
}

/// A whole number that `check` takes; `1.0` is one, as JSON Schema has it. What does not fit 32
/// bits, be it too large or negative, becomes the largest that does: `check` never allows that.
pub fn whole_number<T>(
    check: impl Fn(u32) -> Result<T, Violation>,
) -> impl Fn(Value, &mut Place<'_>) -> Option<T> {
    move |value, place| match value.as_f64() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the cast saturates"
        )]
        Some(number) if number.fract() == 0.0 => {
            let is_negative = number < 0.0;
            place.accept(check(if is_negative { u32::MAX } else { number as u32 }))
        }
        _ => place.wrong_type("a whole number"),
    }
}

/// An array of at most `max` items that `read` takes.
pub fn list<T>(
    max: usize,
    read: impl Fn(Value, &mut Place<'_>) -> Option<T>,
) -> impl Fn(Value, &mut Place<'_>) -> Option<Vec<T>> {
    move |value, place| match value {
        Value::Array(items) if items.len() > max => place.refuse(Violation::new(
            "too_long",
            format!("must have at most {max} items"),
        )),
        Value::Array(items) => items
            .into_iter()
            .enumerate()
            .map(|(index, item)| read(item, &mut place.item(index)))
            // Not straight into an option: that would end with the first bad item.
            .collect::<Vec<_>>()
            .into_iter()
            .collect(),
        _ => place.wrong_type("an array"),
    }
}

/// An object without members that `read` does not ask for.
pub fn object<T>(
    read: impl Fn(&mut Fields<'_>) -> Option<T>,
) -> impl Fn(Value, &mut Place<'_>) -> Option<T> {
    move |value, place| match value {
        Value::Object(members) => read_members(members, place, Unknown::Named, &read),
        _ => place.wrong_type("an object"),
    }
}
