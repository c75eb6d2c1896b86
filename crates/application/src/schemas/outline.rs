//! Which subschemas apply to which parts of a value. Bounds are checked on this outline, since
//! validation takes exponential time for some schemas.

use std::collections::{HashMap, VecDeque};

use colloquy_domain::Violation;
use serde_json::{Map, Value};

use super::bounds::{self, broken};

/// The reachable subschemas and their references. The root is the first.
#[derive(Debug)]
pub(super) struct Outline {
    pub(super) nodes: Vec<Node>,
    /// The only subschema that references lead back to, if there is exactly one.
    pub(super) recursive: Option<usize>,
}

/// What a subschema applies to.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// The same value: `$ref`, `allOf`, `if` and so on.
    pub(super) same: Vec<usize>,
    /// The target of `$ref` among these.
    pub(super) reference: Option<usize>,
    /// The member of that name.
    pub(super) properties: HashMap<String, usize>,
    /// Members not in `properties`.
    pub(super) other_members: Vec<usize>,
    pub(super) every_member: Vec<usize>,
    /// Members' names.
    pub(super) names: Vec<usize>,
    pub(super) first_items: Vec<usize>,
    /// Items after `first_items`.
    pub(super) other_items: Vec<usize>,
    pub(super) every_item: Vec<usize>,
    pub(super) unique_items: bool,
    /// Whether `unevaluated*` evaluates subschemas again.
    pub(super) is_unevaluated: bool,
    /// Steps per byte of a string.
    pub(super) byte_steps: u64,
    /// Steps per byte of a member's name.
    pub(super) name_steps: u64,
    pub(super) value_steps: u64,
}

impl Node {
    /// The targets, and whether each applies to the same value.
    pub(super) fn edges(&self) -> impl Iterator<Item = (usize, bool)> {
        let same = self.same.iter().map(|node| (*node, true));
        let parts = self.properties.values().chain(&self.other_members);
        let parts = parts.chain(&self.every_member).chain(&self.names);
        let parts = parts.chain(&self.first_items).chain(&self.other_items);
        let parts = parts.chain(&self.every_item).map(|node| (*node, false));
        same.chain(parts)
    }
}

impl Outline {
    /// Outlines a schema. The validator refuses malformed ones.
    ///
    /// # Errors
    /// External references, nested IDs, too many patterns.
    pub(super) fn of(schema: &Value) -> Result<Self, Violation> {
        let mut reader = Reader {
            root: schema,
            anchors: HashMap::new(),
            known: HashMap::new(),
            unread: VecDeque::new(),
            nodes: Vec::new(),
            patterns: 0,
        };
        find_anchors(schema, &mut reader.anchors);
        reader.node(schema);
        while let Some((place, schema)) = reader.unread.pop_front() {
            reader.read(place, schema)?;
        }
        Ok(Self {
            nodes: reader.nodes,
            recursive: None,
        })
    }
}

struct Reader<'a> {
    root: &'a Value,
    anchors: HashMap<&'a str, &'a Value>,
    /// By address of the subschema.
    known: HashMap<usize, usize>,
    unread: VecDeque<(usize, &'a Map<String, Value>)>,
    nodes: Vec<Node>,
    patterns: usize,
}

impl<'a> Reader<'a> {
    fn node(&mut self, schema: &'a Value) -> usize {
        let address = std::ptr::from_ref(schema).addr();
        let place = *self.known.entry(address).or_insert(self.nodes.len());
        if place == self.nodes.len() {
            self.nodes.push(Node::default());
            if let Value::Object(schema) = schema {
                self.unread.push_back((place, schema));
            }
        }
        place
    }

    fn list(&mut self, schemas: &'a Value) -> Vec<usize> {
        let schemas = schemas.as_array().into_iter().flatten();
        schemas.map(|schema| self.node(schema)).collect()
    }

    /// Subschemas of an object's members. Skips the lists in `dependencies`.
    fn members(&mut self, schemas: &'a Value) -> Vec<usize> {
        let schemas = schemas.as_object().into_iter().flatten();
        let schemas = schemas.filter(|(_, schema)| !schema.is_array());
        schemas.map(|(_, schema)| self.node(schema)).collect()
    }

    fn read(&mut self, place: usize, schema: &'a Map<String, Value>) -> Result<(), Violation> {
        let mut node = Node {
            byte_steps: 1,
            name_steps: 1,
            value_steps: bounds::VALUE_STEPS,
            ..Node::default()
        };
        for (keyword, value) in schema {
            self.keyword(place, &mut node, keyword, value)?;
        }
        self.nodes[place] = node;
        Ok(())
    }

    fn keyword(
        &mut self,
        place: usize,
        node: &mut Node,
        keyword: &str,
        value: &'a Value,
    ) -> Result<(), Violation> {
        match keyword {
            "$ref" => {
                let target = self.target(value)?;
                node.same.push(target);
                node.reference = Some(target);
            }
            "$dynamicRef" | "$recursiveRef" => {
                return Err(broken("must not have `$dynamicRef` or `$recursiveRef`"));
            }
            "$id" | "id" if place != 0 && value.is_string() => {
                return Err(broken("must have no `$id` below its top level"));
            }
            "allOf" | "anyOf" | "oneOf" => node.same.extend(self.list(value)),
            "not" | "if" | "then" | "else" => node.same.push(self.node(value)),
            "dependentSchemas" | "dependencies" => node.same.extend(self.members(value)),
            "pattern" => node.byte_steps += self.pattern(value.as_str().unwrap_or_default())?,
            "format" => node.byte_steps += bounds::FORMAT_STEPS,
            _ => self.part(node, keyword, value)?,
        }
        Ok(())
    }

    /// Keywords about parts of a value, and those without subschemas.
    fn part(&mut self, node: &mut Node, keyword: &str, value: &'a Value) -> Result<(), Violation> {
        match keyword {
            "properties" => {
                for (name, schema) in value.as_object().into_iter().flatten() {
                    node.properties.insert(name.clone(), self.node(schema));
                }
            }
            "patternProperties" => {
                for name in value.as_object().into_iter().flat_map(Map::keys) {
                    node.name_steps += self.pattern(name)?;
                }
                node.every_member.extend(self.members(value));
            }
            "additionalProperties" => node.other_members.push(self.node(value)),
            "unevaluatedProperties" => {
                node.is_unevaluated = true;
                node.other_members.push(self.node(value));
            }
            "propertyNames" => node.names.push(self.node(value)),
            "prefixItems" => node.first_items.extend(self.list(value)),
            "items" if value.is_array() => node.first_items.extend(self.list(value)),
            "items" | "additionalItems" => node.other_items.push(self.node(value)),
            "unevaluatedItems" => {
                node.is_unevaluated = true;
                node.other_items.push(self.node(value));
            }
            "contains" => node.every_item.push(self.node(value)),
            "uniqueItems" => node.unique_items = value.as_bool() == Some(true),
            _ => node.value_steps += bounds::keyword_steps(value),
        }
        Ok(())
    }

    fn pattern(&mut self, pattern: &str) -> Result<u64, Violation> {
        self.patterns += 1;
        bounds::pattern_steps(pattern, self.patterns)
    }

    fn target(&mut self, reference: &Value) -> Result<usize, Violation> {
        let reference = reference.as_str().unwrap_or_default();
        let target = match reference.strip_prefix('#') {
            Some(pointer) if pointer.is_empty() || pointer.starts_with('/') => {
                let pointer = percent_encoding::percent_decode_str(pointer).decode_utf8_lossy();
                self.root.pointer(&pointer)
            }
            Some(anchor) => self.anchors.get(anchor).copied(),
            None => None,
        };
        let target = target.ok_or_else(|| {
            broken("must have only `$ref`s to a part of itself, for example `#/$defs/name`")
        })?;
        Ok(self.node(target))
    }
}

fn find_anchors<'a>(value: &'a Value, anchors: &mut HashMap<&'a str, &'a Value>) {
    match value {
        Value::Object(members) => {
            if let Some(anchor) = members.get("$anchor").and_then(Value::as_str) {
                anchors.insert(anchor, value);
            }
            members
                .values()
                .for_each(|value| find_anchors(value, anchors));
        }
        Value::Array(items) => items.iter().for_each(|value| find_anchors(value, anchors)),
        _ => {}
    }
}
