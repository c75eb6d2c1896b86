//! Building blocks of OpenAPI schemas.

use serde_json::Value;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, Required, Schema, SchemaFormat};

/// Any text.
pub fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A file.
pub fn binary() -> ObjectBuilder {
    string().format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
}

/// At most `max` characters, no NUL.
pub fn free_text(max: usize) -> ObjectBuilder {
    string().max_length(Some(max)).pattern(Some(r"^[^\x00]*$"))
}

/// Non-blank, at most `max` characters, no NUL.
pub fn text(max: usize) -> ObjectBuilder {
    string()
        .min_length(Some(1))
        .max_length(Some(max))
        .pattern(Some(r"^[^\x00]*[^\s\x00][^\x00]*$"))
}

/// One of these names.
pub fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> ObjectBuilder {
    string().enum_values(Some(names))
}

/// Assistant ID or slug.
pub fn assistant_reference() -> ObjectBuilder {
    string().pattern(Some("^[a-zA-Z0-9_-]{1,64}$"))
}

/// `true` or `false`.
pub fn boolean() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Boolean)
}

/// An integer.
pub fn whole_number() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer)
}

/// From 1 to `max`.
pub fn up_to(max: u32) -> ObjectBuilder {
    whole_number().minimum(Some(1)).maximum(Some(max))
}

/// From `min` to `max`, inclusive.
pub fn between(min: f64, max: f64) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Number)
        .minimum(Some(min))
        .maximum(Some(max))
}

/// The schema or `null`.
#[must_use]
pub fn nullable(schema: Schema) -> Schema {
    let or_null = |kind: SchemaType| match kind {
        SchemaType::Type(kind) => SchemaType::from_iter([kind, Type::Null]),
        other => other,
    };
    match schema {
        Schema::Object(mut object) => {
            object.schema_type = or_null(object.schema_type);
            if let Some(values) = &mut object.enum_values {
                values.push(Value::Null);
            }
            Schema::Object(object)
        }
        Schema::Array(mut array) => {
            array.schema_type = or_null(array.schema_type);
            Schema::Array(array)
        }
        Schema::OneOf(mut either) => {
            let null: Schema = ObjectBuilder::new().schema_type(Type::Null).build().into();
            either.items.push(null.into());
            Schema::OneOf(either)
        }
        other => other,
    }
}

/// The same with a description.
#[must_use]
pub fn described(mut schema: Schema, description: &str) -> Schema {
    match &mut schema {
        Schema::Object(object) => object.description = Some(description.to_owned()),
        Schema::Array(array) => array.description = Some(description.to_owned()),
        Schema::OneOf(either) => either.description = Some(description.to_owned()),
        _ => {}
    }
    schema
}

/// The same with a documented default.
#[must_use]
pub fn with_default(mut schema: Schema, default: Value) -> Schema {
    if let Schema::Object(object) = &mut schema {
        object.default = Some(default);
    }
    schema
}

/// An optional request header.
pub fn header_parameter(name: &str, schema: ObjectBuilder, description: &str) -> Parameter {
    parameter(ParameterIn::Header, name, schema, description)
}

pub(crate) fn parameter(
    place: ParameterIn,
    name: &str,
    schema: impl Into<RefOr<Schema>>,
    description: &str,
) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(Required::False)
        .schema(Some(schema))
        .description(Some(description))
        .build()
}
