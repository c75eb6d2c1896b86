//! Deviations of compatible servers that OpenAI's Python client accepts.

use colloquy_application::ports::{ChatModel as _, ModelErrorKind, ToolDefinition};
use colloquy_domain::{FinishReason, Usage, tool_name};
use colloquy_tests::model_server::Reply;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::support::{Answer, ask_for, ask_scripted, read, request, scripted};

fn begun() -> Reply {
    Reply::events().text("a")
}

/// The answer is `a`, for this reason.
async fn is_whole(name: &str, reply: Reply, reason: FinishReason) -> Answer {
    let answer = ask_scripted(reply).await;
    assert_eq!(answer.text(), "a", "{name}");
    assert_eq!(answer.finish_reason(), reason, "{name}");
    answer
}

#[tokio::test]
async fn nothing_spoils_an_answer_that_is_whole() {
    let error = json!({"error": {"message": "overloaded"}});
    for (name, spoil) in [
        ("cut", (|reply: Reply| reply) as fn(Reply) -> Reply),
        ("reset", |reply| reply.reset()),
        ("mark with a space", |reply| {
            reply.bytes("data: [DONE] \n\n")
        }),
        ("mark without an empty line", |reply| {
            reply.bytes("data: [DONE]")
        }),
        ("named", |reply| {
            reply.event("surprise", &json!({"a": 1})).done()
        }),
        ("no choices", |reply| {
            reply.data(&json!({"surprise": 1})).done()
        }),
        ("empty choices", |reply| {
            reply.data(&json!({"choices": []})).done()
        }),
        ("null choices", |reply| {
            reply.data(&json!({"choices": null})).done()
        }),
        ("no object", |reply| reply.data(&json!("ping")).done()),
        ("no JSON", |reply| reply.bytes("data: {\n\n").done()),
        ("invalid UTF-8", |reply| {
            reply.bytes(*b"data: \xFF\xFE\n\n").done()
        }),
        ("nothing", |reply| reply.bytes("data:\n\n").done()),
        ("huge", |reply| {
            reply.bytes("data: ").repeated(vec![b'x'; 64 * 1024], 100)
        }),
        ("another reason", |reply| reply.finish("abort").done()),
        ("second mark", |reply| reply.done().done()),
        ("odd call", |reply| {
            reply.data(&json!({"choices": [{"delta": {"tool_calls": [3, null]}}]}))
        }),
    ] {
        let reply = spoil(begun().finish("stop"));
        is_whole(name, reply, FinishReason::Stop).await;
    }
    let reply = begun().finish("stop").data(&error).event("error", &error);
    is_whole("error", reply.done(), FinishReason::Stop).await;
}

#[tokio::test]
async fn a_server_that_never_ends_its_answer_is_not_waited_for() {
    let (_server, models) = scripted(begun().finish("stop").hang()).await;
    let mut stream = models.stream(&request()).await.unwrap();
    stream.next().await.unwrap().unwrap();
    // Time advances only while everything waits.
    tokio::time::pause();
    let rest = read(stream).await;
    assert_eq!(rest.finish_reason(), FinishReason::Stop);
}

#[tokio::test]
async fn events_that_add_nothing_are_passed_over() {
    for nothing in [
        json!({"choices": []}),
        json!({"choices": null}),
        json!({"id": "x", "object": "chat.completion.chunk", "prompt_filter_results": []}),
        json!({"choices": [{"delta": null, "finish_reason": null}]}),
        json!({"choices": [{"index": 0}]}),
        json!({"choices": [null]}),
        json!({"choices": [{"delta": {"content": null, "tool_calls": null, "refusal": null}}]}),
        json!({"choices": [{"delta": {"role": "assistant", "content": ""}, "finish_reason": ""}]}),
        json!({"choices": [{"delta": {"content": []}, "finish_reason": "null"}], "error": null}),
        json!(null),
        json!([]),
    ] {
        let reply = Reply::events().data(&nothing).text("a").data(&nothing);
        let reply = reply.finish("stop").done();
        is_whole(&nothing.to_string(), reply, FinishReason::Stop).await;
    }
    for nothing in [
        "data:\n\n",
        "data\n\n",
        ": comment\r\n\r\n",
        "event: ping\ndata: {\"type\": \"ping\"}\n\n",
        "event: keepalive\ndata:\n\n",
        "id: 7\nretry: 10\n\n",
    ] {
        let reply = Reply::events().bytes(nothing).text("a").bytes(nothing);
        let reply = reply.finish("stop").done();
        is_whole(nothing, reply, FinishReason::Stop).await;
    }
}

#[tokio::test]
async fn pieces_come_under_any_name_and_with_any_line_ends() {
    let piece = r#"{"choices":[{"delta":{"content":"a"}}]}"#;
    for stream in [
        format!("event: message\ndata: {piece}\n\ndata: [DONE]\n\n"),
        format!("event: completion\ndata: {piece}\n\ndata: [DONE]\n\n"),
        format!("\u{FEFF}data: {piece}\n\ndata: [DONE]\n\n"),
        format!("data: {piece}\r\n\r\ndata: [DONE]\r\n\r\n"),
        format!("data: {piece}\r\rdata: [DONE]\r\r"),
        format!("data:{piece}\n\ndata:[DONE]\n\n"),
        format!("data:   {piece}  \n\ndata:  [DONE]  \n\n"),
        format!(
            "data: {}\ndata: {}\n\ndata: [DONE]\n\n",
            &piece[..1],
            &piece[1..]
        ),
    ] {
        let reply = Reply::events().bytes(stream.clone());
        is_whole(&stream, reply, FinishReason::Stop).await;
    }
    let message = json!({"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]});
    is_whole("whole", Reply::events().data(&message), FinishReason::Stop).await;
    is_whole("twice", begun().data(&message), FinishReason::Stop).await;
}

#[tokio::test]
async fn counts_are_optional_and_may_look_like_anything() {
    let counted = |usage: Value| begun().finish("stop").data(&json!({"usage": usage})).done();
    for (usage, expected) in [
        (
            json!({"prompt_tokens": 7, "completion_tokens": 2}),
            Some((7, 2)),
        ),
        (
            json!({"prompt_tokens": 7.0, "completion_tokens": "2"}),
            Some((7, 2)),
        ),
        (json!({"prompt_tokens": 7.9}), Some((7, 0))),
        (json!({"input_tokens": 7, "output_tokens": 2}), Some((7, 2))),
        (
            json!({"prompt_tokens": -7, "completion_tokens": null}),
            None,
        ),
        (
            json!({"prompt_tokens": 1e300, "completion_tokens": 0}),
            Some((0, 0)),
        ),
        (
            json!({"prompt_tokens": {"a": 1}, "completion_tokens": [2]}),
            None,
        ),
        (json!("many"), None),
        (json!(null), None),
    ] {
        let name = usage.to_string();
        let answer = is_whole(&name, counted(usage), FinishReason::Stop).await;
        let expected = expected.map(|(input_tokens, output_tokens)| Usage {
            input_tokens,
            output_tokens,
        });
        assert_eq!(answer.end.unwrap().usage, expected, "{name}");
    }
    let nan = r#"data: {"choices": [], "usage": {"prompt_tokens": NaN, "completion_tokens": 2}}"#;
    let reply = begun().finish("stop").bytes(format!("{nan}\n\n")).done();
    is_whole(nan, reply, FinishReason::Stop).await;
}

#[tokio::test]
async fn reasons_are_known_in_other_spellings() {
    for (reason, expected) in [
        ("end", FinishReason::Stop),
        ("STOP", FinishReason::Stop),
        ("eos", FinishReason::Stop),
        ("end_turn", FinishReason::Stop),
        ("something new", FinishReason::Stop),
        ("MAX_TOKENS", FinishReason::Length),
        ("CONTENT_FILTER", FinishReason::ContentFilter),
        ("content-filter", FinishReason::ContentFilter),
    ] {
        is_whole(reason, begun().finish(reason).done(), expected).await;
    }
    let reason = json!({"choices": [{"delta": {}, "finish_reason": {"type": "length"}}]});
    is_whole("object", begun().data(&reason), FinishReason::Length).await;
}

#[tokio::test]
async fn halves_of_characters_are_put_together() {
    let piece = |text: &str| {
        format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
    };
    for (pieces, expected) in [
        (&["x\\ud83d", "\\ude00y"][..], "x😀y"),
        (&["\\uD83D\\uDE00"], "😀"),
        (&["a\\ud83d", "b"], "a\u{FFFD}b"),
        (&["a\\ud83d"], "a\u{FFFD}"),
        (&["\\ude00b\u{10FFFF}"], "\u{FFFD}b\u{FFFD}"),
        (&["\u{10FFFF}"], "\u{10FFFF}"),
    ] {
        let pieces = pieces.iter().map(|text| piece(text)).collect::<String>();
        let answer = ask_scripted(Reply::events().bytes(pieces).finish("stop").done()).await;
        assert_eq!(answer.text(), expected);
    }
}

#[tokio::test]
async fn bytes_that_are_no_utf_8_are_replaced() {
    let invalid = b"data: {\"choices\":[{\"delta\":{\"content\":\"\xC3\x28\"}}]}\n\n";
    let answer = ask_scripted(begun().bytes(*invalid).finish("stop").done()).await;
    assert_eq!(answer.text(), "a\u{FFFD}(");
}

#[tokio::test]
async fn what_the_model_thinks_is_no_part_of_the_answer() {
    for delta in [
        json!({"reasoning_content": "hm"}),
        json!({"reasoning": "hm"}),
        json!({"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}),
        json!({"reasoning_content": "hm", "reasoning": "hm", "content": ""}),
        json!({"reasoning": {"text": "hm"}}),
        json!({"thinking": "hm", "content": null}),
        json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}),
    ] {
        let thought = json!({"choices": [{"delta": delta}]});
        let reply = Reply::events().data(&thought).text("a").finish("stop");
        let name = thought.to_string();
        let answer = is_whole(&name, reply.done(), FinishReason::Stop).await;
        assert_eq!(answer.reasoning, "hm", "{name}");
    }
}

#[tokio::test]
async fn what_breaks_an_answer_before_its_end_still_breaks_it() {
    for reply in [
        begun().event("surprise", &json!({"surprise": true})).done(),
        begun().event("error", &json!({"message": "no"})).done(),
        begun().data(&json!({"error": "overloaded"})).done(),
        begun().bytes("data: {\n\n").done(),
        begun().finish("error").done(),
    ] {
        let answer = ask_scripted(reply).await;
        assert_eq!(answer.text(), "a");
        assert_eq!(answer.failure(), ModelErrorKind::Broken);
    }
    let too_long = json!({"error": {"message": "prompt is too long", "code": 400}});
    let answer = ask_scripted(Reply::events().data(&too_long)).await;
    assert_eq!(answer.failure(), ModelErrorKind::ContextTooLong);
}

#[tokio::test]
async fn a_name_in_every_piece_of_a_call_is_said_once() {
    let piece = |arguments: &str| {
        let function = json!({"name": "calculator", "arguments": arguments});
        json!({"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "a", "function": function}]}}]})
    };
    let mut reply = Reply::events();
    for arguments in ["", "{\"expression\":", "\"1+1\"", "}", ""] {
        reply = reply.data(&piece(arguments));
    }
    let (_server, models) = scripted(reply.finish("tool_calls").done()).await;
    let mut request = request();
    request.tools = vec![ToolDefinition {
        is_strict: false,
        name: tool_name!("calculator"),
        description: "Calculates.".to_owned(),
        parameters: json!({"type": "object"}),
    }];
    let answer = ask_for(&models, &request).await;
    let [call] = answer.calls.as_slice() else {
        panic!("{answer:?}");
    };
    assert_eq!(call.name, "calculator");
    assert_eq!(call.arguments, "{\"expression\":\"1+1\"}");
}
