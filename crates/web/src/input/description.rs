//! Describes an input for OpenAPI.

use serde_json::json;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};

use super::UnknownFields;
use crate::schema;

pub(super) struct Description {
    members: Vec<Member>,
    unknown: UnknownFields,
    extensions: Option<Extensions>,
}

struct Member {
    name: &'static str,
    schema: Schema,
    is_required: bool,
}

impl Description {
    pub(super) fn new(unknown: UnknownFields) -> Self {
        Self {
            members: Vec::new(),
            unknown,
            extensions: None,
        }
    }

    pub(super) fn add<T>(
        &mut self,
        name: &'static str,
        schema: Schema,
        is_required: bool,
    ) -> Option<T> {
        self.members.push(Member {
            name,
            schema,
            is_required,
        });
        None
    }

    /// JSON Schema's `dependentRequired`, which the builder lacks.
    pub(super) fn add_dependency(&mut self, member: &str, needed: &str) {
        let rule = ("dependentRequired", json!({member: [needed]}));
        self.extensions = Some(Extensions::from_iter([rule]));
    }

    pub(super) fn object(self) -> ObjectBuilder {
        let mut object = ObjectBuilder::new().schema_type(Type::Object);
        if self.unknown != UnknownFields::Ignored {
            let none = AdditionalProperties::FreeForm(false);
            object = object.additional_properties(Some(none));
        }
        for member in self.members {
            object = object.property(member.name, member.schema);
            if member.is_required {
                object = object.required(member.name);
            }
        }
        object.extensions(self.extensions)
    }

    pub(super) fn parameters(self) -> Vec<Parameter> {
        let members = self.members.into_iter();
        members
            .map(|member| parameter(member.name, member.schema))
            .collect()
    }
}

fn parameter(name: &str, mut schema: Schema) -> Parameter {
    let description = match &mut schema {
        Schema::Object(object) => object.description.take(),
        _ => None,
    };
    let description = description.unwrap_or_default();
    let schema = RefOr::T(schema);
    schema::parameter(ParameterIn::Query, name, schema, &description)
}
