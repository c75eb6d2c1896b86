//! Values that are either a name or an object.

use serde_json::Value;
use utoipa::openapi::Schema;
use utoipa::openapi::schema::OneOfBuilder;

use super::fields::Field;
use super::values::Kind;

/// A name, as `names` reads it, or an object, as `object` does.
pub fn name_or<T>(
    names: impl Kind<Value = T>,
    object: impl Kind<Value = T>,
) -> impl Kind<Value = T> {
    NameOr { names, object }
}

struct NameOr<N, O> {
    names: N,
    object: O,
}

impl<T, N: Kind<Value = T>, O: Kind<Value = T>> Kind for NameOr<N, O> {
    type Value = T;

    fn read(&self, value: Value, field: &mut Field<'_>) -> Option<T> {
        match value {
            Value::String(_) => self.names.read(value, field),
            Value::Object(_) => self.object.read(value, field),
            _ => field.wrong_type("a string or an object"),
        }
    }

    fn schema(&self) -> Schema {
        let either = OneOfBuilder::new();
        let either = either.item(self.names.schema()).item(self.object.schema());
        either.build().into()
    }
}
