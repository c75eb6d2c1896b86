//! Bounds on schemas, and on the work of checking a value.

use std::collections::HashSet;

use colloquy_domain::Violation;
use serde_json::Value;

use super::outline::{Node, Outline};

/// Maximum number of subschemas, counted once per path that leads to them.
const MAX_SUBSCHEMAS: u32 = 5_000;
/// Maximum depth of subschemas, following references.
const MAX_DEPTH: usize = 50;
const MAX_PATTERNS: usize = 100;
const MAX_PATTERN_CHARS: usize = 1_000;
/// Maximum bytes of a compiled pattern.
pub(super) const MAX_PATTERN_BYTES: usize = 256 * 1024;
/// Maximum bytes of a pattern's lazy DFA cache.
pub(super) const MAX_MATCHER_BYTES: usize = 1024 * 1024;

/// Maximum depth of subschemas applied to a value and its parts, bounded by the stack.
const MAX_LEVELS: u32 = 400;
/// Maximum steps for checking a value, of about a nanosecond each.
const MAX_STEPS: u64 = 400_000_000;
/// Maximum steps at which errors are explained: that takes several times as long, and memory per
/// error.
const MAX_EXPLAINED_STEPS: u64 = 1_000_000;
pub(super) const VALUE_STEPS: u64 = 50;
/// Cost per byte and possible match position of a pattern.
const PLACE_STEPS: u64 = 4;
/// Cost per byte of a checked format.
pub(super) const FORMAT_STEPS: u64 = 16;
/// How often `unevaluatedProperties` evaluates subschemas again.
const UNEVALUATED_ROUNDS: usize = 3;

pub(super) fn broken(rule: &str) -> Violation {
    Violation::new("invalid_schema", rule.to_owned())
}

/// Cost of a keyword without subschemas: a long `enum` is compared entry by entry.
pub(super) fn keyword_steps(value: &Value) -> u64 {
    match value {
        Value::Array(_) | Value::Object(_) => length(&value.to_string()),
        _ => 10,
    }
}

/// Worst-case cost of the pattern per byte: the number of its states.
///
/// # Errors
/// The pattern is too long, or `count` exceeds the limit.
pub(super) fn pattern_steps(pattern: &str, count: usize) -> Result<u64, Violation> {
    if count > MAX_PATTERNS {
        return Err(broken("must have at most 100 patterns"));
    }
    if pattern.chars().count() > MAX_PATTERN_CHARS {
        return Err(broken("must have no pattern of more than 1000 characters"));
    }
    let repetitions = pattern.split('{').skip(1).filter_map(|rest| {
        let counts = rest.split_once('}')?.0.split(',');
        counts
            .filter_map(|count| count.trim().parse::<u64>().ok())
            .max()
    });
    let places = repetitions.fold(length(pattern), |places, times| {
        places.saturating_mul(times.max(1))
    });
    // Bounded by the compiled size.
    Ok(places.min(MAX_PATTERN_BYTES as u64 / 32) * PLACE_STEPS)
}

fn length(text: &str) -> u64 {
    text.len() as u64
}

impl Outline {
    /// Checks the bounds and finds the recursive subschema.
    ///
    /// # Errors
    /// A `Violation` that names the bound.
    pub(super) fn keep_bounds(&mut self) -> Result<(), Violation> {
        let mut loops = HashSet::new();
        let mut room = MAX_SUBSCHEMAS;
        self.expand(&mut vec![(0, false)], &mut room, &mut loops)?;
        let is_reference = |(from, to): &(usize, usize)| self.nodes[*from].reference == Some(*to);
        let targets: HashSet<usize> = loops.iter().map(|(_, to)| *to).collect();
        let is_plain =
            loops.iter().all(is_reference) && !self.nodes.iter().any(|node| node.is_unevaluated);
        let mut targets = targets.into_iter();
        self.recursive = targets
            .next()
            .filter(|_| targets.next().is_none() && is_plain);
        Ok(())
    }

    /// Follows all paths through the subschemas and records back edges in `loops`.
    fn expand(
        &self,
        path: &mut Vec<(usize, bool)>,
        room: &mut u32,
        loops: &mut HashSet<(usize, usize)>,
    ) -> Result<(), Violation> {
        let Some((at, _)) = path.last().copied() else {
            return Ok(());
        };
        if path.len() > MAX_DEPTH {
            return Err(broken(
                "must be at most 50 subschemas deep, following its `$ref`s",
            ));
        }
        for (next, is_same_value) in self.nodes[at].edges() {
            *room = room.checked_sub(1).ok_or_else(|| {
                broken("must have at most 5000 subschemas, each counted at every `$ref` to it")
            })?;
            match path.iter().position(|(node, _)| *node == next) {
                None => {
                    path.push((next, is_same_value));
                    self.expand(path, room, loops)?;
                    path.pop();
                }
                Some(first) => {
                    loops.insert((at, next));
                    let mut loop_edges = path[first + 1..].iter().map(|(_, is_same)| *is_same);
                    if is_same_value && loop_edges.all(|is_same| is_same) {
                        return Err(broken(
                            "must have no `$ref` that leads back to itself for the same value",
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn work(&self, value: &Value) -> Work {
        // Explaining errors is not memoised.
        let explained = Meter::of(self, MAX_EXPLAINED_STEPS, None);
        if explained.has_room_for(value) {
            return Work::Little;
        }
        if Meter::of(self, MAX_STEPS, self.recursive).has_room_for(value) {
            Work::Much
        } else {
            Work::TooMuch
        }
    }
}

/// Estimated work of checking a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Little enough to explain errors.
    Little,
    /// Little enough for a verdict only.
    Much,
    TooMuch,
}

/// Walks the value like a validator that never stops early. `None` if the budget is exceeded.
struct Meter<'a> {
    outline: &'a Outline,
    room: u64,
    /// The subschema whose results the validator memoises in recursion: all branches of a recursive
    /// type cost one.
    remembered: Option<usize>,
    /// Depth of the walk within it.
    within: u32,
    /// Addresses of the lists and objects it was applied to.
    applied: HashSet<usize>,
}

impl<'a> Meter<'a> {
    fn of(outline: &'a Outline, room: u64, remembered: Option<usize>) -> Self {
        Self {
            outline,
            room,
            remembered,
            within: 0,
            applied: HashSet::new(),
        }
    }

    fn has_room_for(mut self, value: &Value) -> bool {
        self.apply(0, value, 0).is_some()
    }

    fn spend(&mut self, steps: u64) -> Option<()> {
        self.room = self.room.checked_sub(steps)?;
        Some(())
    }

    fn apply(&mut self, node: usize, value: &Value, level: u32) -> Option<()> {
        if level > MAX_LEVELS {
            return None;
        }
        if self.remembered != Some(node) {
            return self.apply_anew(node, value, level);
        }
        let is_container = value.is_array() || value.is_object();
        let address = std::ptr::from_ref(value).addr();
        if is_container && self.within > 0 && !self.applied.insert(address) {
            return self.spend(VALUE_STEPS);
        }
        self.within = self.within.saturating_add(1);
        self.apply_anew(node, value, level)?;
        self.within = self.within.saturating_sub(1);
        Some(())
    }

    fn apply_anew(&mut self, node: usize, value: &Value, level: u32) -> Option<()> {
        let node = &self.outline.nodes[node];
        self.spend(node.value_steps)?;
        let rounds = if node.is_unevaluated {
            UNEVALUATED_ROUNDS
        } else {
            1
        };
        for _ in 0..rounds {
            self.apply_all(&node.same, value, level)?;
        }
        if node.is_unevaluated {
            self.look_for_each_part(value)?;
        }
        match value {
            Value::String(text) => self.spend(node.byte_steps.saturating_mul(length(text))),
            Value::Array(items) => self.items(node, items, level),
            Value::Object(members) => members
                .iter()
                .try_for_each(|(name, value)| self.member(node, name, value, level)),
            _ => Some(()),
        }
    }

    /// `unevaluatedProperties` looks up each member in the coverage of each subschema.
    fn look_for_each_part(&mut self, value: &Value) -> Option<()> {
        let parts = match value {
            Value::Array(items) => items.len(),
            Value::Object(members) => members.len(),
            _ => 0,
        };
        let looks = (parts as u64).saturating_mul(self.outline.nodes.len() as u64);
        self.spend(looks.saturating_mul(VALUE_STEPS))
    }

    fn apply_all(&mut self, nodes: &[usize], value: &Value, level: u32) -> Option<()> {
        nodes
            .iter()
            .try_for_each(|node| self.apply(*node, value, level + 1))
    }

    fn items(&mut self, node: &Node, items: &[Value], level: u32) -> Option<()> {
        if node.unique_items {
            // Checking uniqueness may compare all pairs.
            let count = items.len() as u64;
            self.spend(count.saturating_mul(count))?;
        }
        for (place, item) in items.iter().enumerate() {
            match node.first_items.get(place) {
                Some(first) => self.apply(*first, item, level + 1)?,
                None => self.apply_all(&node.other_items, item, level)?,
            }
            self.apply_all(&node.every_item, item, level)?;
        }
        Some(())
    }

    fn member(&mut self, node: &Node, name: &str, value: &Value, level: u32) -> Option<()> {
        self.spend(node.name_steps.saturating_mul(length(name)))?;
        if !node.names.is_empty() {
            self.apply_all(&node.names, &Value::String(name.to_owned()), level)?;
        }
        match node.properties.get(name) {
            Some(property) => self.apply(*property, value, level + 1)?,
            None => self.apply_all(&node.other_members, value, level)?,
        }
        self.apply_all(&node.every_member, value, level)
    }
}
