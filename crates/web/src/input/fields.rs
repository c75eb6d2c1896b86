//! Reading the members of an object.

use std::collections::BTreeSet;

use colloquy_domain::{FieldError, ValidationError, Violation};
use serde_json::{Map, Value};

/// The most errors that one answer lists: who sends more learns the rest the next time.
const MAX_ERRORS: usize = 100;

/// Where a value stands in the input, and the list of what is wrong with the input.
pub struct Place<'a> {
    path: String,
    errors: &'a mut Vec<FieldError>,
}

impl Place<'_> {
    /// Notes a broken rule; always `None`, for the value that is not to be had.
    pub fn refuse<T>(&mut self, violation: Violation) -> Option<T> {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(violation.at(self.path.as_str()));
        }
        None
    }

    /// Notes that the value is not `expected`, for example "a string".
    pub fn wrong_type<T>(&mut self, expected: &str) -> Option<T> {
        self.refuse(Violation::new("wrong_type", format!("must be {expected}")))
    }

    /// The value, if it was found good.
    pub fn accept<T>(&mut self, checked: Result<T, Violation>) -> Option<T> {
        match checked {
            Ok(value) => Some(value),
            Err(violation) => self.refuse(violation),
        }
    }

    /// The place of an item of the array here.
    pub fn item(&mut self, index: usize) -> Place<'_> {
        Place {
            path: format!("{}[{index}]", self.path),
            errors: self.errors,
        }
    }

    fn member(&mut self, name: &str) -> Place<'_> {
        let separator = if self.path.is_empty() { "" } else { "." };
        Place {
            path: format!("{}{separator}{name}", self.path),
            errors: self.errors,
        }
    }
}

/// The members of an object that have not been read yet.
pub struct Fields<'a> {
    members: Map<String, Value>,
    /// Names that were given more than once.
    repeated: BTreeSet<String>,
    place: Place<'a>,
}

impl Fields<'_> {
    /// A member that must be there.
    pub fn required<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Value, &mut Place<'_>) -> Option<T>,
    ) -> Option<T> {
        if self.members.contains_key(name) {
            return self.optional(name, read);
        }
        self.place
            .member(name)
            .refuse(Violation::new("required", "is required"))
    }

    /// A member that may be left out, but not be `null`; `None` when absent or bad.
    pub fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Value, &mut Place<'_>) -> Option<T>,
    ) -> Option<T> {
        match self.nullable(name, read)? {
            None => self
                .place
                .member(name)
                .refuse(Violation::new("null_not_allowed", "must not be null")),
            value => value,
        }
    }

    /// A member that may be left out or be `null`, which is `Some(None)`.
    pub fn nullable<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Value, &mut Place<'_>) -> Option<T>,
    ) -> Option<Option<T>> {
        if self.repeated.contains(name) {
            self.members.remove(name);
            let repeated = Violation::new("repeated", "must not be given twice");
            return self.place.member(name).refuse(repeated);
        }
        match self.members.remove(name)? {
            Value::Null => Some(None),
            value => read(value, &mut self.place.member(name)).map(Some),
        }
    }

    /// Members that a client may send back as it read them, and that change nothing.
    pub fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.members.remove(*name);
        }
    }

    /// What stands where a name belongs may be anything, a password too: it is not told back.
    fn refuse_the_rest_unnamed(mut self) {
        if !self.members.is_empty() {
            let unknown = Violation::new("unknown_field", "has a field that is not known here");
            self.place.refuse::<()>(unknown);
        }
    }

    fn refuse_the_rest(mut self) {
        for name in self.members.keys() {
            self.place
                .member(name)
                .refuse::<()>(Violation::new("unknown_field", "is not known here"));
        }
    }
}

/// How members that nobody has read are refused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    Named,
    /// Without their names, where a secret could stand in their place.
    Unnamed,
}

/// Reads an object's members and refuses those that were not asked for.
pub(super) fn read_members<T>(
    members: Map<String, Value>,
    place: &mut Place<'_>,
    unknown: Unknown,
    read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Option<T> {
    read_fields(members, BTreeSet::new(), place, unknown, read)
}

/// Reads the pairs of a query string or a form, each of which may be there once.
pub(super) fn read_pairs<T>(
    encoded: &[u8],
    place: &mut Place<'_>,
    unknown: Unknown,
    read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Option<T> {
    let mut members = Map::new();
    let mut repeated = BTreeSet::new();
    for (name, value) in form_urlencoded::parse(encoded) {
        if members.contains_key(&*name) {
            repeated.insert(name.into_owned());
        } else {
            members.insert(name.into_owned(), Value::String(value.into_owned()));
        }
    }
    read_fields(members, repeated, place, unknown, read)
}

fn read_fields<T>(
    members: Map<String, Value>,
    repeated: BTreeSet<String>,
    place: &mut Place<'_>,
    unknown: Unknown,
    read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Option<T> {
    let place = Place {
        path: place.path.clone(),
        errors: place.errors,
    };
    let mut fields = Fields {
        members,
        repeated,
        place,
    };
    let value = read(&mut fields);
    match unknown {
        Unknown::Named => fields.refuse_the_rest(),
        Unknown::Unnamed => fields.refuse_the_rest_unnamed(),
    }
    value
}

/// Reads a whole input: the value only if nothing at all is wrong.
pub(super) fn read_whole<T>(
    read: impl FnOnce(&mut Place<'_>) -> Option<T>,
) -> Result<T, ValidationError> {
    let mut errors = Vec::new();
    let value = read(&mut Place {
        path: String::new(),
        errors: &mut errors,
    });
    match value {
        Some(value) if errors.is_empty() => Ok(value),
        _ => Err(ValidationError { errors }),
    }
}
