//! Assistants.

use async_trait::async_trait;
use axum::http::Method;
use colloquy_application::assistants::{CodeAssistant, NewAssistant};
use colloquy_application::ports::BoxError;
use colloquy_domain::{AssistantName, ModelName};
use serde_json::json;

use crate::support::{Api, members};

#[tokio::test]
async fn an_assistant_is_made_with_defaults_and_read_whole_by_administrators() {
    let api = Api::new();
    let admin = api.admin().await;
    let new = json!({"name": "Travel Guide", "model": "fake::one"});
    let answer = api.post("/assistants").by(&admin).json(&new).send().await;
    let assistant = answer.ok(201);
    let id = assistant["id"].as_str().unwrap();
    let path = format!("/api/v1/assistants/{id}");
    assert_eq!(answer.header("location"), Some(path.as_str()));
    let expected = json!({
        "id": id,
        "slug": "travel-guide",
        "name": "Travel Guide",
        "description": null,
        "user_authentication": false,
        "is_enabled": true,
        "avatar_image": null,
        "avatar_bg_color": "#e0e0e0",
        "avatar_text_color": "#000000",
        "avatar_vertical_position": 50,
        "created_at": "2026-01-01T00:00:00.000000Z",
        "updated_at": "2026-01-01T00:00:00.000000Z",
        "instructions": "",
        "model": "fake::one",
        "model_provider": "fake",
        "configuration": {
            "temperature": null, "top_p": null, "presence_penalty": null,
            "frequency_penalty": null, "max_output_tokens": null,
            "history_max_messages": null, "history_max_tokens": null, "tags": null,
        },
        "tools": [],
        "functions": [],
        "requires_approval": [],
        "tool_max_concurrency": 4,
        "max_tool_rounds": 10,
        "max_model_calls": null,
        "max_tool_calls": null,
        "max_run_tokens": null,
        "output_schema": null,
        "defined_in_code": false,
        "revision": 1,
        "use_semantic_cache": false,
        "cache_similarity_threshold": 0.9,
        "cache_ttl_seconds": 3600,
        "cache_scope": "auto",
    });
    assert_eq!(assistant, expected);
    for path in [&format!("/assistants/{id}"), "/assistants/travel-guide"] {
        assert_eq!(api.get(path).by(&admin).send().await.ok(200), expected);
    }
}

struct Clerk;

#[async_trait]
impl CodeAssistant for Clerk {
    fn definition(&self) -> Result<NewAssistant, BoxError> {
        Ok(NewAssistant {
            model: Some(ModelName::parse("fake::one")?),
            ..NewAssistant::new(AssistantName::parse("Clerk")?)
        })
    }
}

#[tokio::test]
async fn an_assistant_from_code_is_shown_as_such_and_cannot_be_changed() {
    let api = Api::set(|settings| settings.add_assistant(Clerk).unwrap());
    api.use_cases.assistants.store_from_code().await.unwrap();
    let admin = api.admin().await;
    let clerk = api.get("/assistants/clerk").by(&admin).send().await.ok(200);
    assert_eq!(clerk["defined_in_code"], true);
    let list = api.get("/assistants").by(&admin).send().await.ok(200);
    assert_eq!(list[0]["defined_in_code"], true);
    let public = api.get("/assistants/clerk").send().await.ok(200);
    assert_eq!(public.get("defined_in_code"), None);
    for method in [Method::PATCH, Method::PUT] {
        let change = api.call(method, "/assistants/clerk").by(&admin);
        let refused = change.json(&json!({"name": "Boss"})).send().await;
        refused.problem(409, "defined_in_code");
    }
    let deletion = api.call(Method::DELETE, "/assistants/clerk").by(&admin);
    deletion.send().await.problem(409, "defined_in_code");
    let after = api.get("/assistants/clerk").by(&admin).send().await.ok(200);
    assert_eq!(after, clerk);
}

#[tokio::test]
async fn others_are_not_shown_instructions_model_and_settings() {
    let api = Api::new();
    let admin = api.admin().await;
    let user = api.user("ada@example.org").await;
    api.assistant(&admin, "guide").await;
    let public = [
        "avatar_bg_color",
        "avatar_image",
        "avatar_text_color",
        "avatar_vertical_position",
        "created_at",
        "description",
        "id",
        "is_enabled",
        "name",
        "slug",
        "updated_at",
        "user_authentication",
    ];
    for call in [
        api.get("/assistants/guide"),
        api.get("/assistants/guide").by(&user),
    ] {
        let shown = call.send().await.ok(200);
        let mut names: Vec<_> = shown.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, public);
    }
}

#[tokio::test]
async fn everything_wrong_with_an_assistant_is_named_at_once() {
    let api = Api::new();
    let admin = api.admin().await;
    let bad = json!({
        "name": "",
        "slug": "no slug",
        "description": 7,
        "instructions": null,
        "model": "nonsense",
        "user_authentication": "yes",
        "is_enabled": 1,
        "colour": "red",
        "configuration": {
            "temperature": 2.5,
            "top_p": "1",
            "max_output_tokens": 1.5,
            "history_max_messages": 0,
            "tags": ["fine", "", 3],
            "seed": 1,
        },
    });
    let answer = api.post("/assistants").by(&admin).json(&bad).send().await;
    assert_eq!(
        answer.invalid_fields(),
        [
            "colour unknown_field",
            "configuration.history_max_messages out_of_range",
            "configuration.max_output_tokens wrong_type",
            "configuration.seed unknown_field",
            "configuration.tags[1] blank",
            "configuration.tags[2] wrong_type",
            "configuration.temperature out_of_range",
            "configuration.top_p wrong_type",
            "description wrong_type",
            "instructions null_not_allowed",
            "is_enabled wrong_type",
            "model invalid_format",
            "name blank",
            "slug invalid_format",
            "user_authentication wrong_type",
        ]
    );
    let unknown = json!({"name": "x", "model": "unknown::x"});
    let answer = api
        .post("/assistants")
        .by(&admin)
        .json(&unknown)
        .send()
        .await;
    assert_eq!(answer.invalid_fields(), ["model unknown_provider"]);
    let answer = api
        .post("/assistants")
        .by(&admin)
        .json(&json!({"name": "x"}));
    assert_eq!(answer.send().await.invalid_fields(), ["model required"]);
}

#[tokio::test]
async fn whole_numbers_may_be_written_with_a_point_and_numbers_without() {
    let api = Api::new();
    let admin = api.admin().await;
    let settings = json!({"temperature": 1, "max_output_tokens": 100.0});
    let new = json!({"name": "x", "model": "fake::m", "configuration": settings});
    let made = api
        .post("/assistants")
        .by(&admin)
        .json(&new)
        .send()
        .await
        .ok(201);
    assert_eq!(made["configuration"]["temperature"], 1.0);
    assert_eq!(made["configuration"]["max_output_tokens"], 100);
}

#[tokio::test]
async fn put_and_patch_keep_what_is_left_out_and_clear_what_is_null() {
    let api = Api::new();
    let admin = api.admin().await;
    for method in [Method::PUT, Method::PATCH] {
        let slug = format!("by-{}", method.as_str().to_lowercase());
        let new = json!({
            "name": "Guide", "slug": slug, "model": "fake::m", "description": "old",
            "instructions": "Be brief.",
            "configuration": {"temperature": 0.5, "top_p": 0.5, "tags": ["a"]},
        });
        api.assistant_with(&admin, new).await;
        let path = format!("/assistants/{slug}");
        let change = async |body: serde_json::Value| {
            let call = api.call(method.clone(), &path).by(&admin).json(&body);
            call.send().await.ok(200)
        };
        let changed = change(json!({
            "description": null,
            "configuration": {"temperature": 0.7, "top_p": null},
        }))
        .await;
        assert_eq!(changed["name"], "Guide");
        assert_eq!(changed["instructions"], "Be brief.");
        assert_eq!(changed["description"], json!(null));
        let settings = &changed["configuration"];
        assert_eq!(settings["temperature"], 0.7);
        assert_eq!(settings["top_p"], json!(null));
        assert_eq!(settings["tags"], json!(["a"]));
        let cleared = change(json!({"configuration": null})).await;
        let settings = cleared["configuration"].as_object().unwrap();
        assert!(settings.values().all(serde_json::Value::is_null));
        let mut again = change(json!({})).await;
        again["revision"] = cleared["revision"].clone();
        assert_eq!(again, cleared);
    }
}

#[tokio::test]
async fn what_was_read_can_be_sent_back_by_either_method() {
    let api = Api::new();
    let admin = api.admin().await;
    let id = api
        .assistant_with(
            &admin,
            json!({
                "name": "Guide", "model": "fake::m", "description": "",
                "configuration": {"temperature": 0.1, "history_max_tokens": 5, "tags": []},
            }),
        )
        .await;
    let path = format!("/assistants/{id}");
    let mut read = api.get(&path).by(&admin).send().await.ok(200);
    for (revision, call) in [(2, api.put(&path)), (3, api.patch(&path))] {
        let written = call.by(&admin).json(&read).send().await.ok(200);
        read["revision"] = json!(revision);
        assert_eq!(written, read);
    }
}

#[tokio::test]
async fn a_slug_that_another_has_is_refused() {
    let api = Api::new();
    let admin = api.admin().await;
    api.assistant(&admin, "one").await;
    api.assistant(&admin, "two").await;
    let new = json!({"name": "x", "slug": "one", "model": "fake::m"});
    let made = api.post("/assistants").by(&admin).json(&new).send().await;
    let change = json!({"slug": "one"});
    let changed = api
        .patch("/assistants/two")
        .by(&admin)
        .json(&change)
        .send()
        .await;
    for answer in [made, changed] {
        let problem = answer.problem(409, "duplicate_resource");
        assert_eq!(problem["errors"][0]["field"], "slug");
    }
}

#[tokio::test]
async fn a_deleted_assistant_is_gone() {
    let api = Api::new();
    let admin = api.admin().await;
    let id = api.assistant(&admin, "guide").await;
    api.delete("/assistants/guide")
        .by(&admin)
        .send()
        .await
        .no_content();
    for path in [format!("/assistants/{id}"), "/assistants/guide".to_owned()] {
        for call in [
            api.get(&path),
            api.patch(&path).json(&json!({})),
            api.delete(&path),
        ] {
            call.by(&admin)
                .send()
                .await
                .problem(404, "entity_not_found");
        }
    }
}

#[tokio::test]
async fn the_list_shows_each_caller_what_they_may_see() {
    let api = Api::new();
    let admin = api.admin().await;
    let user = api.user("ada@example.org").await;
    for (name, private, enabled) in [("b", false, true), ("a", true, true), ("c", false, false)] {
        let new = json!({
            "name": name, "model": "fake::m",
            "user_authentication": private, "is_enabled": enabled,
        });
        api.assistant_with(&admin, new).await;
    }
    let list = || api.get("/assistants");
    for (call, names) in [
        (list(), vec!["b"]),
        (list().by(&user), vec!["a", "b"]),
        (list().by(&admin), vec!["a", "b", "c"]),
    ] {
        let answer = call.send().await;
        assert_eq!(members(&answer.ok(200), "name"), names);
        let total = names.len().to_string();
        assert_eq!(answer.header("x-total-count"), Some(total.as_str()));
    }
}

#[tokio::test]
async fn private_ones_ask_guests_to_sign_in_and_disabled_ones_do_not_exist() {
    let api = Api::new();
    let admin = api.admin().await;
    let user = api.user("ada@example.org").await;
    let private = json!({
        "name": "p", "slug": "private", "model": "fake::m", "user_authentication": true
    });
    api.assistant_with(&admin, private).await;
    let disabled = json!({
        "name": "d", "slug": "off", "model": "fake::m",
        "is_enabled": false, "user_authentication": true,
    });
    api.assistant_with(&admin, disabled).await;
    let guest = api.get("/assistants/private").send().await;
    guest.problem(401, "authentication_required");
    api.get("/assistants/private")
        .by(&user)
        .send()
        .await
        .ok(200);
    for caller in [None, Some(&user)] {
        let get = async |path: &str| {
            let call = api.get(path);
            let call = match caller {
                Some(caller) => call.by(caller),
                None => call,
            };
            let answer = call.send().await;
            answer.problem(404, "entity_not_found");
            answer.without_request_id()
        };
        let hidden = get("/assistants/off").await;
        assert_eq!(get("/assistants/missing").await, hidden);
        assert_eq!(get("/assistants/not%20a%20slug").await, hidden);
    }
    api.get("/assistants/off").by(&admin).send().await.ok(200);
}

#[tokio::test]
async fn only_administrators_manage_assistants() {
    let api = Api::new();
    let admin = api.admin().await;
    let user = api.user("ada@example.org").await;
    api.assistant(&admin, "guide").await;
    let calls = || {
        let new = json!({"name": "x", "model": "fake::m"});
        [
            api.post("/assistants").json(&new),
            api.put("/assistants/guide").json(&json!({})),
            api.patch("/assistants/guide").json(&json!({})),
            api.delete("/assistants/guide"),
            api.delete("/assistants/missing"),
        ]
    };
    for call in calls() {
        call.send().await.problem(401, "authentication_required");
    }
    for call in calls() {
        call.by(&user).send().await.problem(403, "forbidden");
    }
}

#[tokio::test]
async fn a_change_may_be_bound_to_what_it_is_based_on() {
    let api = Api::new();
    let admin = api.admin().await;
    api.assistant(&admin, "guide").await;
    let get = || api.get("/assistants/guide").by(&admin);
    let first = get().send().await;
    let tag = first.header("etag").unwrap().to_owned();
    let change = |tag: &str, name: &str| {
        let call = api
            .put("/assistants/guide")
            .by(&admin)
            .header("if-match", tag);
        call.json(&json!({"name": name})).send()
    };
    let changed = change(&tag, "Mine").await;
    let new_tag = changed.header("etag").unwrap().to_owned();
    assert_ne!(new_tag, tag);
    assert_eq!(changed.ok(200)["revision"], 2);
    change(&tag, "Theirs")
        .await
        .problem(412, "revision_conflict");
    change("\"nonsense\"", "Theirs")
        .await
        .problem(412, "revision_conflict");
    assert_eq!(get().send().await.ok(200)["name"], "Mine");
    change("*", "Any").await.ok(200);
    let unchanged = get().header("if-none-match", "\"3\"").send().await;
    assert_eq!((unchanged.status.as_u16(), unchanged.body.len()), (304, 0));
    assert_eq!(unchanged.header("etag"), Some("\"3\""));
    let public = api
        .get("/assistants/guide")
        .header("if-none-match", "\"3\"")
        .send()
        .await;
    assert_eq!(public.header("etag"), Some("\"3-public\""));
    public.ok(200);
}
