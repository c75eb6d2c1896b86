//! Pieces of calls as servers send them.

use serde_json::{Value, json};

use super::Calls;
use crate::openai::chunk::call_pieces;

fn add(calls: &mut Calls, piece: &Value) -> bool {
    let delta = json!({"tool_calls": [piece]});
    let pieces = call_pieces(delta.as_object().unwrap()).into_iter();
    let mut added = pieces.map(|piece| calls.add(piece, false));
    added.all(|fits| fits)
}

fn assembled(pieces: &[Value]) -> Vec<(String, String, String)> {
    let offered = ["one", "two", "calculator", "get", "get_weather"];
    let mut calls = Calls::new(offered.map(str::to_owned).to_vec());
    for piece in pieces {
        assert!(add(&mut calls, piece));
    }
    let calls = calls.into_calls().into_iter();
    calls
        .map(|(call, _)| (call.id, call.name, call.arguments))
        .collect()
}

fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
    (id.to_owned(), name.to_owned(), arguments.to_owned())
}

#[test]
fn pieces_are_put_together_by_their_index() {
    let pieces = [
        json!({"index": 0, "id": "a", "type": "function", "function": {"name": "one", "arguments": ""}}),
        json!({"index": 1, "id": "b", "function": {"name": "two"}}),
        json!({"index": 0, "function": {"arguments": "{\"x\":"}}),
        json!({"index": 1, "function": {"arguments": "{}"}}),
        json!({"index": 0, "id": "", "function": {"arguments": "1}"}}),
    ];
    let expected = [call("a", "one", "{\"x\":1}"), call("b", "two", "{}")];
    assert_eq!(assembled(&pieces), expected);
}

#[test]
fn whole_calls_without_a_proper_index_are_kept_apart() {
    let pieces = [
        json!({"index": 0, "id": "a", "function": {"name": "one", "arguments": "{}"}}),
        json!({"index": 0, "id": "b", "function": {"name": "two", "arguments": {"x": 1}}}),
        json!({"id": "c", "function": {"name": "three", "arguments": null}}),
        json!({"function": {"arguments": "{}"}}),
    ];
    let expected = [
        call("a", "one", "{}"),
        call("b", "two", "{\"x\":1}"),
        call("c", "three", "{}"),
    ];
    assert_eq!(assembled(&pieces), expected);
}

#[test]
fn number_and_size_are_limited() {
    let mut calls = Calls::default();
    for id in 0..200 {
        let function = json!({"name": "one", "arguments": ""});
        let begun = json!({"index": id, "id": id.to_string(), "function": function});
        assert!(add(&mut calls, &begun));
        let arguments = json!({"arguments": format!("{{\"a\":{id}}}")});
        assert!(add(
            &mut calls,
            &json!({"index": id, "function": arguments})
        ));
    }
    let calls = calls.into_calls();
    assert_eq!(calls.len(), 128);
    assert_eq!(calls[127].0.arguments, "{\"a\":127}");
    let mut calls = Calls::default();
    let long = json!({"index": 0, "function": {"arguments": "x".repeat(1_000_000)}});
    assert!(add(&mut calls, &long));
    assert!(!add(&mut calls, &long));
}

/// The arguments `{"a":1}` in pieces made by `with`.
fn in_pieces(with: impl Fn(usize, Value) -> Value) -> Vec<(String, String, String)> {
    let arguments = ["", "{\"a\"", ":", "1}", ""];
    let pieces = arguments.iter().enumerate();
    let pieces = pieces.map(|(place, arguments)| with(place, json!(arguments)));
    assembled(&pieces.collect::<Vec<_>>())
}

#[test]
fn a_name_that_is_repeated_whole_is_said_once() {
    let expected = [call("a", "calculator", "{\"a\":1}")];
    let repeated = in_pieces(|_, arguments| {
        let function = json!({"name": "calculator", "arguments": arguments});
        json!({"index": 0, "id": "a", "function": function})
    });
    assert_eq!(repeated, expected);
    let without_index = in_pieces(|_, arguments| {
        let function = json!({"name": "calculator", "arguments": arguments});
        json!({"id": "a", "function": function})
    });
    assert_eq!(without_index, expected);
}

#[test]
fn a_name_comes_in_halves_or_grows() {
    for names in [
        &["calc", "ulator", "", "", ""][..],
        &["calc", "", "ulator", "", ""],
        &["calc", "calculator", "calculator", "", ""],
        &["c", "al", "culator", "calculator", ""],
    ] {
        let assembled = in_pieces(|place, arguments| {
            let function = json!({"name": names[place], "arguments": arguments});
            json!({"index": 0, "id": "a", "function": function})
        });
        assert_eq!(
            assembled,
            [call("a", "calculator", "{\"a\":1}")],
            "{names:?}"
        );
    }
    let pieces = ["get", "_weather"].map(|name| json!({"index": 0, "function": {"name": name}}));
    assert_eq!(assembled(&pieces), [call("", "get_weather", "")]);
    let pieces = ["unk", "nown"].map(|name| json!({"index": 0, "function": {"name": name}}));
    assert_eq!(assembled(&pieces), [call("", "unknown", "")]);
}

#[test]
fn ids_are_late_missing_numbers_or_new_in_every_piece() {
    type Ids = fn(usize) -> Value;
    let ids: [(Ids, &str); 5] = [
        (
            |place| {
                if place == 2 {
                    json!("late")
                } else {
                    Value::Null
                }
            },
            "late",
        ),
        (|_| Value::Null, ""),
        (|_| json!(7), "7"),
        (|place| json!(format!("id-{place}")), "id-0"),
        (
            |place| json!(if place == 0 { "first" } else { "" }),
            "first",
        ),
    ];
    for (id, expected) in ids {
        for name in ["calculator", ""] {
            for index in [json!(0), json!("0"), json!(0.0), Value::Null] {
                let assembled = in_pieces(|place, arguments| {
                    let name = if place == 0 { "calculator" } else { name };
                    let function = json!({"name": name, "arguments": arguments});
                    json!({"index": index, "id": id(place), "function": function})
                });
                let whole = [call(expected, "calculator", "{\"a\":1}")];
                assert_eq!(assembled, whole, "{index} {name:?}");
            }
        }
    }
}

#[test]
fn an_index_may_grow_with_every_bare_piece() {
    let assembled = in_pieces(|place, arguments| {
        let function = json!({"arguments": arguments});
        match place {
            0 => json!({"index": 0, "id": "a", "function": {"name": "calculator"}}),
            _ => json!({"index": place, "function": function}),
        }
    });
    assert_eq!(assembled, [call("a", "calculator", "{\"a\":1}")]);
}

#[test]
fn several_calls_of_one_tool_stay_several() {
    let whole = |index: Value, id: Value, argument: u32| {
        let arguments = format!("{{\"a\":{argument}}}");
        json!({"index": index, "id": id, "function": {"name": "one", "arguments": arguments}})
    };
    for pieces in [
        [
            whole(json!(0), json!("x"), 1),
            whole(json!(0), json!("y"), 2),
        ],
        [
            whole(json!(0), json!("x"), 1),
            whole(json!(1), json!("x"), 2),
        ],
        [
            whole(json!(0), Value::Null, 1),
            whole(json!(1), Value::Null, 2),
        ],
        [
            whole(Value::Null, json!("x"), 1),
            whole(Value::Null, json!("y"), 2),
        ],
        [
            whole(Value::Null, Value::Null, 1),
            whole(Value::Null, Value::Null, 2),
        ],
        [
            whole(Value::Null, json!("x"), 1),
            whole(Value::Null, json!("x"), 2),
        ],
    ] {
        let arguments = assembled(&pieces).into_iter().map(|call| call.2);
        let arguments: Vec<_> = arguments.collect();
        assert_eq!(arguments, ["{\"a\":1}", "{\"a\":2}"], "{pieces:?}");
    }
}

#[test]
fn calls_come_interleaved() {
    let pieces = [
        json!({"index": 0, "id": "a", "function": {"name": "one"}}),
        json!({"index": 1, "id": "b", "function": {"name": "two"}}),
        json!({"index": 1, "function": {"name": "two", "arguments": "{\"y\""}}),
        json!({"index": 0, "function": {"name": "one", "arguments": "{\"x\""}}),
        json!({"index": 1, "function": {"arguments": ":2}"}}),
        json!({"index": 0, "function": {"arguments": ":1}"}}),
    ];
    let expected = [call("a", "one", "{\"x\":1}"), call("b", "two", "{\"y\":2}")];
    assert_eq!(assembled(&pieces), expected);
}

#[test]
fn names_stand_beside_the_arguments_or_in_a_function() {
    let pieces = [json!({"name": "one", "arguments": {"x": 1}})];
    assert_eq!(assembled(&pieces), [call("", "one", "{\"x\":1}")]);
    let mut calls = Calls::default();
    for function in [
        json!({"name": "one", "arguments": ""}),
        json!({"arguments": "{\"x\""}),
        json!({"arguments": ":1}"}),
    ] {
        let delta = json!({"function_call": function});
        for piece in call_pieces(delta.as_object().unwrap()) {
            assert!(calls.add(piece, false));
        }
    }
    let calls = calls.into_calls();
    let [(call, None)] = calls.as_slice() else {
        panic!("{calls:?}");
    };
    assert_eq!(
        (call.name.as_str(), call.arguments.as_str()),
        ("one", "{\"x\":1}")
    );
}

#[test]
fn calls_of_one_tool_in_pieces_stay_apart() {
    let named =
        |name: &str, arguments: &str| json!({"function": {"name": name, "arguments": arguments}});
    let first = ["{\"a\"", ":1}"];
    let second = ["{\"a\":", "2}"];
    for repeated in ["", "one"] {
        for begins in ["", "{"] {
            let rest = |pieces: [&str; 2]| {
                let head = pieces[0].strip_prefix(begins).unwrap().to_owned();
                [named(repeated, &head), named(repeated, pieces[1])]
            };
            let mut pieces = vec![named("one", begins)];
            pieces.extend(rest(first));
            pieces.push(named("one", begins));
            pieces.extend(rest(second));
            for index in [Value::Null, json!(0)] {
                let pieces: Vec<_> = pieces
                    .iter()
                    .cloned()
                    .map(|mut piece| {
                        piece["index"] = index.clone();
                        piece
                    })
                    .collect();
                let expected = [call("", "one", "{\"a\":1}"), call("", "one", "{\"a\":2}")];
                assert_eq!(
                    assembled(&pieces),
                    expected,
                    "{repeated:?} {begins:?} {index}"
                );
            }
        }
    }
    let nameless = [
        json!({"index": 0, "id": "a", "function": {"name": "one", "arguments": "{\"a\":1}"}}),
        json!({"index": 0, "id": "a", "function": {"arguments": "{\"a\":"}}),
        json!({"index": 0, "function": {"arguments": "2}"}}),
    ];
    let arguments: Vec<_> = assembled(&nameless).into_iter().map(|it| it.2).collect();
    assert_eq!(arguments, ["{\"a\":1}", "{\"a\":2}"]);
}

#[test]
fn a_call_that_is_sent_twice_is_one() {
    let whole = |id: Value, arguments: Value| json!({"id": id, "function": {"name": "one", "arguments": arguments}});
    let text = json!("{\"a\": 1, \"b\": 2}");
    let object = json!({"b": 2, "a": 1});
    for (first, second) in [
        (
            whole(json!("x"), text.clone()),
            whole(Value::Null, text.clone()),
        ),
        (
            whole(json!("x"), text.clone()),
            whole(json!("x"), object.clone()),
        ),
        (
            whole(json!("x"), object.clone()),
            whole(Value::Null, object.clone()),
        ),
        (
            whole(Value::Null, object.clone()),
            whole(Value::Null, text.clone()),
        ),
        (
            whole(json!("x"), object.clone()),
            json!({"function": {"arguments": object}}),
        ),
        (
            whole(json!("x"), object.clone()),
            json!({"function": {"arguments": text}}),
        ),
    ] {
        let calls = assembled(&[first.clone(), second.clone()]);
        assert_eq!(calls.len(), 1, "{first} {second}");
    }
    let calls = [whole(json!("x"), object.clone()), whole(json!("y"), object)];
    assert_eq!(assembled(&calls).len(), 2);
}

#[test]
fn a_placeholder_is_replaced_and_noise_ignored() {
    let pieces = [
        json!({"index": 0, "id": "a", "function": {"name": "one", "arguments": "{}"}}),
        json!({"index": 0, "function": {"arguments": "{\"a\":"}}),
        json!({"index": 0, "function": {"arguments": "1}"}}),
        json!({"index": 0, "function": {"arguments": "}\n```"}}),
    ];
    assert_eq!(assembled(&pieces), [call("a", "one", "{\"a\":1}")]);
}

#[test]
fn a_call_without_arguments_is_not_lost_to_the_next() {
    let begun = |id: &str, name: &str| json!({"index": 0, "id": id, "function": {"name": name, "arguments": ""}});
    let mut second = begun("", "two");
    second["function"]["arguments"] = json!("{}");
    let expected = [call("", "one", ""), call("", "two", "{}")];
    assert_eq!(assembled(&[begun("", "one"), second]), expected);
    let mut first = begun("a", "one");
    first["function"]["arguments"] = json!("{}");
    let expected = [call("a", "one", "{}"), call("b", "one", "")];
    assert_eq!(assembled(&[first, begun("b", "one")]), expected);
}
