//! Tests of schemas.

use serde_json::{Map, Value, json};

use super::Schema;

/// `a0` applies `a1` twice, and so on: 2^`levels` subschemas in a kilobyte.
fn doubled(keyword: &str, levels: usize) -> Value {
    let mut definitions = Map::new();
    for level in 0..levels {
        let next = json!({"$ref": format!("#/$defs/a{}", level + 1)});
        definitions.insert(format!("a{level}"), json!({ keyword: [next, next] }));
    }
    definitions.insert(format!("a{levels}"), json!({"type": "string"}));
    json!({"$ref": "#/$defs/a0", "$defs": definitions})
}

fn chained(length: usize) -> Value {
    let mut definitions = Map::new();
    for level in 0..length {
        let next = json!({"$ref": format!("#/$defs/a{}", level + 1)});
        definitions.insert(format!("a{level}"), next);
    }
    definitions.insert(format!("a{length}"), json!({"type": "string"}));
    json!({"$ref": "#/$defs/a0", "$defs": definitions})
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!([]), |value, _| json!([value]))
}

fn refusal(schema: &Value) -> String {
    let refusal = Schema::compile(schema).unwrap_err();
    assert_eq!(refusal.code, "invalid_schema", "{schema}");
    refusal.message
}

#[test]
fn what_breaks_a_rule_is_named_by_its_place() {
    let schema = Schema::compile(&json!({
        "type": "object",
        "properties": {"days": {"type": "integer", "maximum": 30}},
        "required": ["days"],
    }))
    .unwrap();
    assert_eq!(schema.check(&json!({"days": 3})), Ok(()));
    let complaint = schema.check(&json!({"days": 31})).unwrap_err();
    assert!(complaint.starts_with("/days: "), "{complaint}");
    assert!(schema.check(&json!({})).unwrap_err().contains("days"));
}

#[test]
fn what_is_no_schema_is_refused() {
    for schema in [
        json!({"type": "strin"}),
        json!({"type": "object", "required": "days"}),
        json!({"properties": {"a": 3}}),
        json!({"$ref": "https://example.org/schema.json"}),
        json!({"$ref": "file:///etc/passwd"}),
        json!({"$ref": "#/$defs/missing"}),
        json!({"pattern": "("}),
        json!({"pattern": "^(?=.*a).*$"}),
        json!(3),
    ] {
        refusal(&schema);
    }
}

#[test]
fn a_schema_that_would_take_for_ever_is_refused_by_its_rule() {
    let patterns: Vec<Value> = (0..101)
        .map(|n| json!({"pattern": format!("{n}")}))
        .collect();
    for (schema, rule) in [
        (doubled("allOf", 20), "at most 5000 subschemas"),
        (doubled("anyOf", 20), "at most 5000 subschemas"),
        (doubled("oneOf", 20), "at most 5000 subschemas"),
        (doubled("prefixItems", 20), "at most 5000 subschemas"),
        (doubled("allOf", 40), "at most 50 subschemas deep"),
        (chained(60), "at most 50 subschemas deep"),
        (chained(1_500), "at most 50 subschemas deep"),
        (json!({"anyOf": patterns}), "at most 100 patterns"),
        (json!({"pattern": "a".repeat(1_001)}), "1000 characters"),
        (json!({"pattern": "(a{1000}){1000}"}), "/pattern"),
        (json!({"$ref": "#"}), "leads back to itself"),
        (
            json!({"allOf": [{"not": {"$ref": "#"}}]}),
            "leads back to itself",
        ),
        (json!({"$dynamicRef": "#"}), "$dynamicRef"),
        (
            json!({"items": {"$id": "https://example.org/", "type": "string"}}),
            "no `$id`",
        ),
    ] {
        let message = refusal(&schema);
        assert!(message.contains(rule), "{message}");
    }
}

#[test]
fn schemas_as_people_write_them_are_taken() {
    let tree = json!({
        "$ref": "#/$defs/node",
        "$defs": {"node": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "pattern": "^[\\w -]{1,100}$"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["name"],
            "additionalProperties": false,
        }},
    });
    let schema = Schema::compile(&tree).unwrap();
    let leaf = json!({"name": "leaf", "children": []});
    let value = (0..50).fold(leaf, |child, _| json!({"name": "x", "children": [child]}));
    assert_eq!(schema.check(&value), Ok(()));
    assert!(
        schema
            .check(&json!({"name": "x", "children": [{}]}))
            .is_err()
    );

    for schema in [
        json!({"$ref": "#word", "$defs": {"a": {"$anchor": "word", "type": "string"}}}),
        json!({"$ref": "#/$defs/a~1b%20c", "$defs": {"a/b c": {"type": "string"}}}),
        json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "$id": "https://example.org/word",
            "$ref": "#/definitions/word",
            "definitions": {"word": {"type": "string", "format": "regex"}},
        }),
    ] {
        let schema = Schema::compile(&schema).unwrap();
        assert_eq!(schema.check(&json!("text")), Ok(()));
        assert!(schema.check(&json!(3)).is_err());
    }
}

#[test]
fn a_value_that_would_take_for_ever_is_not_checked() {
    // Two mutually recursive types; every branch applies both to the item.
    let to = |name: &str| json!({"items": {"$ref": format!("#/$defs/{name}")}});
    let branching = json!({
        "$ref": "#/$defs/a",
        "$defs": {
            "a": {"anyOf": [to("a"), to("b"), to("b")]},
            "b": {"anyOf": [to("b"), to("a"), to("a")]},
        },
    });
    let distinct: Value = (0..100_000).collect();
    let pattern = json!({"pattern": "^(([a-z])+.)+[A-Z]([a-z])+$"});
    let name = |number: usize| format!("p{number}");
    let branches = (0..500).map(|number| json!({"properties": {name(number): true}}));
    let branches: Value = branches.collect();
    let unevaluated = json!({"allOf": branches, "unevaluatedProperties": false});
    let members: Map<String, Value> = (0..50_000).map(|it| (name(it), it.into())).collect();
    for (schema, value) in [
        (branching, nested(100)),
        (json!({"uniqueItems": true}), distinct),
        (unevaluated, members.into()),
        (pattern, Value::from("a".repeat(50_000_000))),
    ] {
        let schema = Schema::compile(&schema).unwrap();
        let complaint = schema.check(&value).unwrap_err();
        assert!(complaint.contains("too large"), "{complaint}");
    }
}

#[test]
fn common_formats_are_checked() {
    for (format, good, bad) in [
        ("date-time", "2026-11-26T19:00:00Z", "2026-11-26 19:00"),
        ("date", "2026-02-28", "2026-02-29"),
        ("time", "19:00:00Z", "25:00:00Z"),
        ("duration", "P1DT2H", "2 hours"),
        ("email", "ada@example.org", "ada at example.org"),
        ("hostname", "example.org", "-example.org"),
        ("ipv4", "192.0.2.1", "192.0.2.256"),
        ("ipv6", "2001:db8::1", "2001:db8"),
        ("uri", "https://example.org/a?b=c", "example.org"),
        ("uuid", "019ac0de-0000-7000-8000-000000000000", "019ac0de"),
    ] {
        let schema = Schema::compile(&json!({"format": format})).unwrap();
        assert_eq!(schema.check(&json!(good)), Ok(()), "{format}");
        assert_eq!(schema.check(&json!(3)), Ok(()), "{format}");
        let complaint = schema.check(&json!(bad)).unwrap_err();
        assert!(complaint.contains(format), "{complaint}");
    }
}

#[test]
fn long_texts_are_checked_for_formats_within_the_bounds() {
    let formats = ["date-time", "email", "hostname", "ipv6", "uri", "uuid"];
    let formats = formats.map(|format| json!({"format": format}));
    let schema = Schema::compile(&json!({"anyOf": formats})).unwrap();
    for piece in ["1", "a.", "a:", "\"\"@", "xn--a."] {
        let long = piece.repeat(1_000_000 / piece.len());
        let before = std::time::Instant::now();
        let _ = schema.check(&json!(long));
        assert!(before.elapsed().as_secs() < 2, "{piece}");
    }
}

#[test]
fn what_takes_unbounded_time_is_not_looked_for() {
    for keyword in [
        json!({"format": "uri-template"}),
        json!({"format": "regex"}),
        json!({"format": "idn-hostname"}),
        json!({"contentEncoding": "base64"}),
        json!({"contentMediaType": "application/json"}),
    ] {
        let schema = json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "allOf": [keyword],
        });
        let schema = Schema::compile(&schema).unwrap();
        assert_eq!(schema.check(&json!("{[(")), Ok(()), "{keyword}");
    }
}

#[test]
fn a_recursive_type_of_many_kinds_is_checked_to_the_depth_that_answers_have() {
    let operation = |name: &str| {
        json!({
            "type": "object",
            "properties": {
                "left": {"$ref": "#/$defs/term"},
                "right": {"$ref": "#/$defs/term"},
                "operation": {"const": name},
            },
            "required": ["left", "right", "operation"],
        })
    };
    let schema = json!({
        "$ref": "#/$defs/term",
        "$defs": {"term": {"anyOf": [
            {"type": "number"},
            operation("+"), operation("-"), operation("*"), operation("/"),
        ]}},
    });
    let schema = Schema::compile(&schema).unwrap();
    let term = |last: &str| {
        let innermost = json!({"left": 1, "right": 2, "operation": last});
        (0..50).fold(
            innermost,
            |inner, _| json!({"left": inner, "right": 3, "operation": "/"}),
        )
    };
    assert_eq!(schema.check(&term("-")), Ok(()));
    let complaint = schema.check(&term("^")).unwrap_err();
    assert_eq!(complaint, "It does not match the schema.");
}

#[test]
fn a_long_answer_is_checked_without_a_word_for_each_fault() {
    let schema = json!({"items": {"type": "integer"}});
    let schema = Schema::compile(&schema).unwrap();
    let mut numbers: Vec<Value> = (0..100_000).map(Value::from).collect();
    assert_eq!(schema.check(&Value::from(numbers.clone())), Ok(()));
    numbers.push(json!("one"));
    let complaint = schema.check(&Value::from(numbers)).unwrap_err();
    assert_eq!(complaint, "It does not match the schema.");
}

#[test]
fn the_deepest_schema_and_value_fit_the_stack() {
    let all_of = (0..47).fold(
        json!({"type": "array"}),
        |inner, _| json!({"allOf": [inner]}),
    );
    let schema = json!({"allOf": [all_of], "items": {"$ref": "#"}});
    let schema = Schema::compile(&schema).unwrap();
    assert_eq!(schema.check(&nested(120)), Ok(()));
    let list = Schema::compile(&json!({"items": {"items": {"anyOf": [{"$ref": "#"}]}}})).unwrap();
    assert_eq!(list.check(&nested(127)), Ok(()));
}
