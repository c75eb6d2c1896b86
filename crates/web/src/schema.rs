//! Building blocks of the document's schemas, fed with the limits of the domain's types.

use serde_json::{Value, json};
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, Required, Schema, SchemaFormat};

/// Any text.
pub fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A file.
pub fn binary() -> ObjectBuilder {
    string().format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
}

/// Text of at most so many characters; without NUL.
pub fn free_text(max: usize) -> ObjectBuilder {
    string().max_length(Some(max)).pattern(Some(r"^[^\x00]*$"))
}

/// Text of at most so many characters, not all of them white space; without NUL.
pub fn text(max: usize) -> ObjectBuilder {
    string()
        .min_length(Some(1))
        .max_length(Some(max))
        .pattern(Some(r"^[^\x00]*[^\s\x00][^\x00]*$"))
}

/// One of several names.
pub fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> ObjectBuilder {
    string().enum_values(Some(names))
}

/// An id or a slug of an assistant.
pub fn assistant_reference() -> ObjectBuilder {
    string().pattern(Some("^[a-zA-Z0-9_-]{1,64}$"))
}

/// `true` or `false`.
pub fn boolean() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Boolean)
}

/// A whole number.
pub fn whole_number() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer)
}

/// A whole number from 1 on.
pub fn up_to(max: u32) -> ObjectBuilder {
    whole_number().minimum(Some(1)).maximum(Some(max))
}

/// A number in a closed range.
pub fn between(min: f64, max: f64) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Number)
        .minimum(Some(min))
        .maximum(Some(max))
}

/// The same, or `null`.
pub fn nullable(schema: ObjectBuilder) -> ObjectBuilder {
    let mut object = schema.build();
    if let SchemaType::Type(kind) = object.schema_type {
        object.schema_type = SchemaType::from_iter([kind, Type::Null]);
    }
    if let Some(values) = &mut object.enum_values {
        values.push(Value::Null);
    }
    object.into()
}

/// A request's body: an object that takes the named members and no others.
#[derive(Default)]
pub struct BodySchema(ObjectBuilder);

impl BodySchema {
    /// An object without members, with this description.
    #[must_use]
    pub fn new(description: &str) -> Self {
        Self(
            ObjectBuilder::new()
                .schema_type(Type::Object)
                .description(Some(description))
                .additional_properties(Some(AdditionalProperties::FreeForm(false))),
        )
    }

    /// A member that must be there.
    pub fn required(self, name: &str, schema: impl Into<RefOr<Schema>>) -> Self {
        Self(self.optional(name, schema).0.required(name))
    }

    /// A member that may be left out.
    pub fn optional(self, name: &str, schema: impl Into<RefOr<Schema>>) -> Self {
        Self(self.0.property(name, schema))
    }

    /// Says that where `member` is, `needed` must be too. JSON Schema's own word for it, which the
    /// builder does not know.
    pub fn dependent(self, member: &str, needed: &str) -> Self {
        let rule = Extensions::from_iter([("dependentRequired", json!({member: [needed]}))]);
        Self(self.0.extensions(Some(rule)))
    }

    /// A body that a client may send as it stands. Members that are accepted to no effect belong
    /// neither here nor in the schema.
    pub fn example(self, example: Value) -> Self {
        Self(self.0.examples([example]))
    }

    /// The same, or `null`.
    pub fn or_null(self) -> RefOr<Schema> {
        nullable(self.0).into()
    }
}

impl From<BodySchema> for RefOr<Schema> {
    fn from(body: BodySchema) -> Self {
        body.0.into()
    }
}

/// A parameter of the query string that may be left out.
pub fn query_parameter(name: &str, schema: ObjectBuilder, description: &str) -> Parameter {
    parameter(ParameterIn::Query, name, schema, description)
}

/// A header of the request that may be left out.
pub fn header_parameter(name: &str, schema: ObjectBuilder, description: &str) -> Parameter {
    parameter(ParameterIn::Header, name, schema, description)
}

fn parameter(
    place: ParameterIn,
    name: &str,
    schema: ObjectBuilder,
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
