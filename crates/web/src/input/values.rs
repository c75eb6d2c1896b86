//! Kinds of values: how each is read and described.

use colloquy_domain::Violation;
use serde_json::Value;
use utoipa::openapi::Schema;
use utoipa::openapi::schema::{ArrayBuilder, ArrayItems, ObjectBuilder};

use super::Input;
use super::fields::{Field, Fields, read_members};
use crate::schema;

/// A kind of value.
pub trait Kind {
    /// The resulting type.
    type Value;

    /// `None` after recording the violation.
    fn read(&self, value: Value, field: &mut Field<'_>) -> Option<Self::Value>;

    /// JSON schema.
    fn schema(&self) -> Schema;

    /// With a description of this field.
    fn describe(self, description: &'static str) -> impl Kind<Value = Self::Value>
    where
        Self: Sized,
    {
        Described {
            kind: self,
            describe: move |schema| schema::described(schema, description),
        }
    }

    /// With a documented default.
    fn default_is(self, default: impl Into<Value> + Clone) -> impl Kind<Value = Self::Value>
    where
        Self: Sized,
    {
        Described {
            kind: self,
            describe: move |schema| schema::with_default(schema, default.clone().into()),
        }
    }
}

struct Described<K, D> {
    kind: K,
    describe: D,
}

impl<K: Kind, D: Fn(Schema) -> Schema> Kind for Described<K, D> {
    type Value = K::Value;

    fn read(&self, value: Value, field: &mut Field<'_>) -> Option<K::Value> {
        self.kind.read(value, field)
    }

    fn schema(&self) -> Schema {
        (self.describe)(self.kind.schema())
    }
}

struct KindOf<R, S> {
    read: R,
    schema: S,
}

impl<T, R, S> Kind for KindOf<R, S>
where
    R: Fn(Value, &mut Field<'_>) -> Option<T>,
    S: Fn() -> Schema,
{
    type Value = T;

    fn read(&self, value: Value, field: &mut Field<'_>) -> Option<T> {
        (self.read)(value, field)
    }

    fn schema(&self) -> Schema {
        (self.schema)()
    }
}

/// Any JSON value accepted by `check`.
pub fn json_value<T>(
    check: impl Fn(Value) -> Result<T, Violation>,
    schema: impl Fn() -> ObjectBuilder,
) -> impl Kind<Value = T> {
    KindOf {
        read: move |value, field: &mut Field<'_>| field.accept(check(value)),
        schema: move || schema().build().into(),
    }
}

/// A string accepted by `parse`.
pub fn text<T>(
    parse: impl Fn(String) -> Result<T, Violation>,
    schema: impl Fn() -> ObjectBuilder,
) -> impl Kind<Value = T> {
    KindOf {
        read: move |value, field: &mut Field<'_>| match value {
            Value::String(text) => field.accept(parse(text)),
            _ => field.wrong_type("a string"),
        },
        schema: move || schema().build().into(),
    }
}

/// A string from `names`.
pub fn choice<T>(
    from_name: impl Fn(&str) -> Option<T>,
    names: impl Fn() -> Vec<&'static str> + Clone,
) -> impl Kind<Value = T> {
    let all = names.clone();
    text(
        move |name| {
            from_name(&name).ok_or_else(|| {
                let sentence = format!("must be {}", alternatives(&names()));
                Violation::new("unknown_value", sentence)
            })
        },
        move || schema::one_of(all()),
    )
}

fn alternatives(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [name] => (*name).to_owned(),
        [names @ .., last] => format!("{} or {last}", names.join(", ")),
    }
}

/// `true` or `false`.
pub fn boolean() -> impl Kind<Value = bool> {
    KindOf {
        read: |value, field: &mut Field<'_>| match value {
            Value::Bool(value) => Some(value),
            _ => field.wrong_type("true or false"),
        },
        schema: || schema::boolean().build().into(),
    }
}

/// A number from `min` to `max` accepted by `check`.
pub fn decimal<T>(
    check: impl Fn(f64) -> Result<T, Violation>,
    min: f64,
    max: f64,
) -> impl Kind<Value = T> {
    KindOf {
        read: move |value: Value, field: &mut Field<'_>| match value.as_f64() {
            Some(number) => field.accept(check(number)),
            None => field.wrong_type("a number"),
        },
        schema: move || schema::between(min, max).build().into(),
    }
}

/// An integer from 1 to `max` accepted by `check`.
pub fn up_to<T>(check: impl Fn(u32) -> Result<T, Violation>, max: u32) -> impl Kind<Value = T> {
    whole_number(check, move || schema::up_to(max))
}

/// An integer accepted by `check`; `1.0` counts, as in JSON Schema. Negative or beyond 32 bits
/// becomes the maximum, which `check` rejects.
pub fn whole_number<T>(
    check: impl Fn(u32) -> Result<T, Violation>,
    schema: impl Fn() -> ObjectBuilder,
) -> impl Kind<Value = T> {
    KindOf {
        read: move |value: Value, field: &mut Field<'_>| match value.as_f64() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the cast saturates"
            )]
            Some(number) if number.fract() == 0.0 => {
                let is_negative = number < 0.0;
                field.accept(check(if is_negative { u32::MAX } else { number as u32 }))
            }
            _ => field.wrong_type("a whole number"),
        },
        schema: move || schema().build().into(),
    }
}

/// At most `max` items.
pub fn list<K: Kind>(max: usize, item: K) -> impl Kind<Value = Vec<K::Value>> {
    List { max, item }
}

struct List<K> {
    max: usize,
    item: K,
}

impl<K: Kind> Kind for List<K> {
    type Value = Vec<K::Value>;

    fn read(&self, value: Value, field: &mut Field<'_>) -> Option<Vec<K::Value>> {
        match value {
            Value::Array(items) if items.len() > self.max => field.refuse(Violation::new(
                "too_long",
                format!("must have at most {} items", self.max),
            )),
            Value::Array(items) => items
                .into_iter()
                .enumerate()
                .map(|(index, item)| self.item.read(item, &mut field.item(index)))
                // Collecting into an `Option` would stop at the first error.
                .collect::<Vec<_>>()
                .into_iter()
                .collect(),
            _ => field.wrong_type("an array"),
        }
    }

    fn schema(&self) -> Schema {
        ArrayBuilder::new()
            .items(ArrayItems::RefOrSchema(Box::new(self.item.schema().into())))
            .max_items(Some(self.max))
            .build()
            .into()
    }
}

/// An integer of at most `max`, negative or not, accepted by `check`, including `1.0` as in JSON
/// Schema.
pub fn integer<T>(check: impl Fn(i64) -> Result<T, Violation>, max: i64) -> impl Kind<Value = T> {
    KindOf {
        read: move |value: Value, field: &mut Field<'_>| {
            #[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
            let rounded = value
                .as_f64()
                .filter(|it| it.fract() == 0.0)
                .map(|it| it as i64);
            match value.as_i64().or(rounded) {
                Some(number) => field.accept(check(number)),
                None => field.wrong_type("a whole number"),
            }
        },
        schema: move || {
            let number = schema::whole_number();
            number.minimum(Some(-max)).maximum(Some(max)).build().into()
        },
    }
}

/// An object read as `T`.
pub fn object<T: Input>() -> impl Kind<Value = T::Value> {
    KindOf {
        read: |value, field: &mut Field<'_>| match value {
            Value::Object(members) => read_members::<T>(members, field),
            _ => field.wrong_type("an object"),
        },
        schema: || Fields::describe::<T>().object().into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fields::read_whole;
    use super::super::{Fields, Input, UnknownFields};
    use super::{Kind as _, choice, list, object, up_to};

    struct Strict;
    struct Lenient;

    fn read(fields: &mut Fields<'_>) -> Option<(u32, Option<Vec<bool>>)> {
        let size = fields.required("size", up_to(Ok, 9));
        let name = |name: &str| (name == "on").then_some(true);
        let switches = list(2, choice(name, || vec!["on", "off"]));
        let switches = fields.optional("switches", switches);
        Some((size?, switches))
    }

    impl Input for Strict {
        type Value = (u32, Option<Vec<bool>>);

        fn read(fields: &mut Fields<'_>) -> Option<Self::Value> {
            read(fields)
        }
    }

    impl Input for Lenient {
        type Value = (u32, Option<Vec<bool>>);

        const UNKNOWN_FIELDS: UnknownFields = UnknownFields::Ignored;

        fn read(fields: &mut Fields<'_>) -> Option<Self::Value> {
            read(fields)
        }
    }

    fn errors<T: Input>(value: Value) -> Vec<String> {
        let read = read_whole(|field| object::<T>().read(value, field));
        let errors = read.err().map(|error| error.errors).unwrap_or_default();
        let texts = errors.into_iter();
        texts
            .map(|it| format!("{} {}", it.field, it.message))
            .collect()
    }

    #[test]
    fn every_error_is_found_and_named_by_its_path() {
        let found = errors::<Strict>(json!({"switches": ["on", "up", 1], "color": "red"}));
        assert_eq!(
            found,
            [
                "size is required",
                "switches must have at most 2 items",
                "color is unknown",
            ]
        );
        let found = errors::<Strict>(json!({"size": "x", "switches": ["up", 1]}));
        assert_eq!(
            found,
            [
                "size must be a whole number",
                "switches[0] must be on or off",
                "switches[1] must be a string",
            ]
        );
    }

    #[test]
    fn an_input_that_says_so_passes_unknown_fields_over() {
        let unknown = json!({"size": 1, "color": "red"});
        assert_eq!(errors::<Strict>(unknown.clone()), ["color is unknown"]);
        assert!(errors::<Lenient>(unknown).is_empty());
    }

    #[test]
    fn an_input_is_described_by_what_it_asks_for() {
        let schema = |lenient: bool| {
            let schema = match lenient {
                true => object::<Lenient>().schema(),
                false => object::<Strict>().schema(),
            };
            serde_json::to_value(schema).unwrap()
        };
        let mut expected = json!({
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "minimum": 1, "maximum": 9},
                "switches": {
                    "type": "array",
                    "items": {"type": "string", "enum": ["on", "off"]},
                    "maxItems": 2,
                },
            },
        });
        assert_eq!(schema(true), expected);
        expected["additionalProperties"] = false.into();
        assert_eq!(schema(false), expected);
    }
}
