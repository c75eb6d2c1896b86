//! Reads or describes an object's members: one declaration serves both.

use std::collections::BTreeSet;

use colloquy_domain::{FieldError, ValidationError, Violation};
use serde_json::{Map, Value};

use super::description::Description;
use super::values::Kind;
use super::{Input, UnknownFields};
use crate::schema;

const MAX_ERRORS: usize = 100;

/// A field being read: its path and the errors so far.
pub struct Field<'a> {
    path: String,
    errors: &'a mut Vec<FieldError>,
}

impl Field<'_> {
    /// Records a violation; always `None`.
    pub fn refuse<T>(&mut self, violation: Violation) -> Option<T> {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(violation.at(self.path.as_str()));
        }
        None
    }

    /// Records a value that is not `expected`, such as "a string".
    pub fn wrong_type<T>(&mut self, expected: &str) -> Option<T> {
        self.refuse(Violation::new("wrong_type", format!("must be {expected}")))
    }

    /// Unwraps the value or records the violation.
    pub fn accept<T>(&mut self, checked: Result<T, Violation>) -> Option<T> {
        match checked {
            Ok(value) => Some(value),
            Err(violation) => self.refuse(violation),
        }
    }

    /// An array item.
    pub fn item(&mut self, index: usize) -> Field<'_> {
        Field {
            path: format!("{}[{index}]", self.path),
            errors: self.errors,
        }
    }

    fn member(&mut self, name: &str) -> Field<'_> {
        let separator = if self.path.is_empty() { "" } else { "." };
        Field {
            path: format!("{}{separator}{name}", self.path),
            errors: self.errors,
        }
    }
}

/// An object's unread members or, when describing, the members read so far.
pub struct Fields<'a> {
    source: Source,
    object: Field<'a>,
}

enum Source {
    Input {
        members: Map<String, Value>,
        repeated: BTreeSet<String>,
    },
    Description(Description),
}

impl Fields<'_> {
    /// A required member.
    pub fn required<K: Kind>(&mut self, name: &'static str, kind: K) -> Option<K::Value> {
        match &mut self.source {
            Source::Description(description) => description.add(name, kind.schema(), true),
            Source::Input { members, .. } if !members.contains_key(name) => {
                let required = Violation::new("required", "is required");
                self.object.member(name).refuse(required)
            }
            Source::Input { .. } => self.optional(name, kind),
        }
    }

    /// An optional, non-null member; `None` if absent or invalid.
    pub fn optional<K: Kind>(&mut self, name: &'static str, kind: K) -> Option<K::Value> {
        if let Source::Description(description) = &mut self.source {
            return description.add(name, kind.schema(), false);
        }
        match self.nullable(name, kind)? {
            None => self
                .object
                .member(name)
                .refuse(Violation::new("null_not_allowed", "must not be null")),
            value => value,
        }
    }

    /// An optional member; `null` is `Some(None)`.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers construct the kind in place"
    )]
    pub fn nullable<K: Kind>(&mut self, name: &'static str, kind: K) -> Option<Option<K::Value>> {
        let (members, repeated) = match &mut self.source {
            Source::Input { members, repeated } => (members, repeated),
            Source::Description(description) => {
                return description.add(name, schema::nullable(kind.schema()), false);
            }
        };
        if repeated.contains(name) {
            members.remove(name);
            let repeated = Violation::new("repeated", "must not be given twice");
            return self.object.member(name).refuse(repeated);
        }
        match members.remove(name)? {
            Value::Null => Some(None),
            value => kind.read(value, &mut self.object.member(name)).map(Some),
        }
    }

    /// Ignores read-only members, so that a resource can be sent back as read. Undocumented.
    pub fn ignore(&mut self, names: &[&str]) {
        if let Source::Input { members, .. } = &mut self.source {
            for name in names {
                members.remove(*name);
            }
        }
    }

    /// Declares that `member` requires `needed`.
    pub fn dependent(&mut self, member: &'static str, needed: &'static str) {
        if let Source::Description(description) = &mut self.source {
            description.add_dependency(member, needed);
        }
    }

    fn refuse_the_rest(mut self, unknown: UnknownFields) {
        let Source::Input { members, .. } = self.source else {
            return;
        };
        match unknown {
            UnknownFields::Refused => {
                for name in members.keys() {
                    let unknown = Violation::new("unknown_field", "is unknown");
                    self.object.member(name).refuse::<()>(unknown);
                }
            }
            // A misplaced secret could be a name.
            UnknownFields::RefusedUnnamed if !members.is_empty() => {
                let sentence = "has an unknown field";
                let unknown = Violation::new("unknown_field", sentence);
                self.object.refuse::<()>(unknown);
            }
            UnknownFields::RefusedUnnamed | UnknownFields::Ignored => {}
        }
    }

    pub(super) fn describe<T: Input>() -> Description {
        let mut errors = Vec::new();
        let object = Field {
            path: String::new(),
            errors: &mut errors,
        };
        let mut fields = Fields {
            source: Source::Description(Description::new(T::UNKNOWN_FIELDS)),
            object,
        };
        // Describing reads nothing.
        let _ = T::read(&mut fields);
        match fields.source {
            Source::Description(description) => description,
            Source::Input { .. } => Description::new(T::UNKNOWN_FIELDS),
        }
    }
}

pub(super) fn read_members<T: Input>(
    members: Map<String, Value>,
    field: &mut Field<'_>,
) -> Option<T::Value> {
    read_fields::<T>(members, BTreeSet::new(), field)
}

/// Each pair may occur once.
pub(super) fn read_pairs<T: Input>(encoded: &[u8], field: &mut Field<'_>) -> Option<T::Value> {
    read_texts::<T>(form_urlencoded::parse(encoded).into_owned(), field)
}

/// Reads names and texts; each name may occur once.
pub(super) fn read_texts<T: Input>(
    pairs: impl IntoIterator<Item = (String, String)>,
    field: &mut Field<'_>,
) -> Option<T::Value> {
    let mut members = Map::new();
    let mut repeated = BTreeSet::new();
    for (name, value) in pairs {
        if members.contains_key(&name) {
            repeated.insert(name);
        } else {
            members.insert(name, Value::String(value));
        }
    }
    read_fields::<T>(members, repeated, field)
}

fn read_fields<T: Input>(
    members: Map<String, Value>,
    repeated: BTreeSet<String>,
    field: &mut Field<'_>,
) -> Option<T::Value> {
    let object = Field {
        path: field.path.clone(),
        errors: field.errors,
    };
    let source = Source::Input { members, repeated };
    let mut fields = Fields { source, object };
    let value = T::read(&mut fields);
    fields.refuse_the_rest(T::UNKNOWN_FIELDS);
    value
}

/// Returns the value only without errors.
pub(super) fn read_whole<T>(
    read: impl FnOnce(&mut Field<'_>) -> Option<T>,
) -> Result<T, ValidationError> {
    let mut errors = Vec::new();
    let value = read(&mut Field {
        path: String::new(),
        errors: &mut errors,
    });
    match value {
        Some(value) if errors.is_empty() => Ok(value),
        _ => Err(ValidationError { errors }),
    }
}
