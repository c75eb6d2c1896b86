//! Assistants.

use colloquy_tests::client::{Client, text};
use colloquy_tests::database::Backend;
use colloquy_tests::on_both_backends;
use colloquy_tests::server::Colloquy;
use futures_util::future::join_all;
use hyper::Method;
use serde_json::{Value, json};

use crate::{ABSENT, members};

on_both_backends![
    a_created_assistant_is_what_was_sent,
    an_assistant_is_found_by_id_and_by_slug,
    only_administrators_see_the_inner_settings,
    guests_see_public_assistants_only,
    a_disabled_assistant_exists_for_administrators_only,
    only_administrators_manage_assistants,
    assistants_are_listed_by_name,
    a_page_out_of_range_is_refused,
    a_slug_is_derived_and_counted_on,
    a_slug_is_unique_and_no_uuid,
    a_refused_assistant_names_the_wrong_field,
    a_length_counts_characters,
    an_update_changes_what_it_names,
    null_clears_what_may_be_absent,
    what_was_read_can_be_sent_back,
    fields_that_the_server_owns_stay_as_they_are,
    changes_at_once_are_all_kept,
    a_deleted_assistant_is_gone_and_its_threads_stay,
];

fn path(assistant: &Value) -> String {
    format!("/assistants/{}", text(&assistant["id"]))
}

async fn names(client: &Client, query: &str) -> Vec<String> {
    let list = client.get(&format!("/assistants{query}")).await.expect(200);
    let list = list.as_array().unwrap().iter();
    list.map(|assistant| text(&assistant["name"]).to_owned())
        .collect()
}

async fn a_created_assistant_is_what_was_sent(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let configuration = json!({
        "temperature": 0.3,
        "top_p": 1,
        "presence_penalty": -2,
        "frequency_penalty": 1.5,
        "max_output_tokens": 100,
        "history_max_messages": 10,
        "history_max_tokens": 1000,
        "tags": ["travel", "beta"],
    });
    let sent = json!({
        "name": "Travel Guide",
        "slug": "Travel_1",
        "description": "Knows the way.",
        "instructions": "Be brief.\nBe kind. ✓",
        "model": "echo::echo",
        "configuration": configuration,
        "user_authentication": true,
        "is_enabled": true,
    });
    let response = admin.post("/assistants", sent.clone()).await;
    let location = response.header("location").unwrap().to_owned();
    let assistant = response.expect(201);
    for (field, value) in sent.as_object().unwrap() {
        if field != "configuration" {
            assert_eq!(&assistant[field], value, "{field}");
        }
    }
    for (field, value) in configuration.as_object().unwrap() {
        let stored = &assistant["configuration"][field];
        let same = stored == value || stored.as_f64() == value.as_f64();
        assert!(same, "{field}: {stored}");
    }
    assert_eq!(assistant["model_provider"], "echo");
    assert_eq!(assistant["created_at"], assistant["updated_at"]);
    assert_eq!(location, format!("/api/v1{}", path(&assistant)));
    assert_eq!(admin.get(&path(&assistant)).await.expect(200), assistant);

    let plain = json!({"name": "Plain", "model": "echo::echo"});
    let plain = admin.post("/assistants", plain).await.expect(201);
    assert_eq!(plain["description"], Value::Null);
    assert_eq!(plain["is_enabled"], true);
    assert!(plain["user_authentication"].is_boolean());
    for value in plain["configuration"].as_object().unwrap().values() {
        assert_eq!(value, &Value::Null);
    }
}

async fn an_assistant_is_found_by_id_and_by_slug(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let fields = json!({"name": "Guide", "slug": "Guide", "user_authentication": false});
    let assistant = admin.create_assistant(fields).await;
    for address in [
        path(&assistant),
        format!("{}/", path(&assistant)),
        "/assistants/Guide".to_owned(),
        "/assistants/Guide/".to_owned(),
        path(&assistant)
            .to_uppercase()
            .replace("/ASSISTANTS", "/assistants"),
    ] {
        let found = server.guest().get(&address).await.expect(200);
        assert_eq!(found["id"], assistant["id"], "{address}");
    }
    for absent in [ABSENT, "guide", "Guid", "no such slug!", "%00", "🙂"] {
        let absent = absent.replace(' ', "%20").replace('🙂', "%F0%9F%99%82");
        let path = format!("/assistants/{absent}");
        for client in [&server.guest(), &admin] {
            client.get(&path).await.problem(404, "entity_not_found");
        }
    }
    let by_slug = admin
        .patch("/assistants/Guide", json!({"name": "Leader"}))
        .await;
    assert_eq!(by_slug.expect(200)["slug"], "Guide");
}

async fn only_administrators_see_the_inner_settings(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let fields = json!({
        "name": "Guide",
        "instructions": "the inner voice",
        "user_authentication": false,
    });
    let assistant = admin.create_assistant(fields).await;
    let inner = ["configuration", "instructions", "model", "model_provider"];
    assert!(inner.iter().all(|field| assistant.get(field).is_some()));
    let user = server.user("ada").await;
    for client in [server.guest(), user] {
        let shown = client.get(&path(&assistant)).await.expect(200);
        let outer = members(&shown);
        for field in inner.iter().chain(&["revision", "tools", "cache_scope"]) {
            assert!(!outer.contains(field), "{field}");
        }
        for field in outer {
            assert_eq!(shown[field], assistant[field]);
        }
        let list = client.get("/assistants").await;
        assert!(!list.text().contains("the inner voice"));
        assert_eq!(list.expect(200), json!([shown]));
    }
}

async fn guests_see_public_assistants_only(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let (guest, user) = (server.guest(), server.user("ada").await);
    let public = json!({"name": "Public", "user_authentication": false});
    let public = admin.create_assistant(public).await;
    let private = json!({"name": "Private", "user_authentication": true});
    let private = admin.create_assistant(private).await;

    guest.get(&path(&public)).await.expect(200);
    for address in [path(&private), "/assistants/private".to_owned()] {
        let refused = guest.get(&address).await;
        refused.problem(401, "authentication_required");
        user.get(&address).await.expect(200);
    }
    let list = guest.get("/assistants").await;
    assert_eq!(list.header("x-total-count"), Some("1"));
    assert_eq!(names(&guest, "").await, ["Public"]);
    for client in [&user, &admin] {
        assert_eq!(names(client, "").await, ["Private", "Public"]);
    }
}

async fn a_disabled_assistant_exists_for_administrators_only(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let (guest, user) = (server.guest(), server.user("ada").await);
    for private in [false, true] {
        let fields = json!({
            "name": format!("Off {private}"),
            "user_authentication": private,
            "is_enabled": false,
        });
        let assistant = admin.create_assistant(fields).await;
        admin.get(&path(&assistant)).await.expect(200);
        for client in [&guest, &user] {
            let hidden = client.get(&path(&assistant)).await;
            let absent = client.get(&format!("/assistants/{ABSENT}")).await;
            absent.clone().problem(404, "entity_not_found");
            assert_eq!(hidden.anonymous(), absent.anonymous());
            assert!(names(client, "").await.is_empty());
        }
    }
    assert_eq!(names(&admin, "").await, ["Off false", "Off true"]);
}

async fn only_administrators_manage_assistants(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let fields = json!({"name": "Guide", "user_authentication": false});
    let assistant = admin.create_assistant(fields).await;
    let user = server.user("ada").await;
    for (client, status, code) in [
        (server.guest(), 401, "authentication_required"),
        (user, 403, "forbidden"),
    ] {
        let new = json!({"name": "Mine", "model": "echo::echo"});
        client.post("/assistants", new).await.problem(status, code);
        for path in [path(&assistant), format!("/assistants/{ABSENT}")] {
            for method in [Method::PUT, Method::PATCH] {
                let change = client.request(method, &path).json(&json!({"name": "x"}));
                change.send().await.problem(status, code);
            }
            client.delete(&path).await.problem(status, code);
        }
    }
    assert_eq!(admin.get(&path(&assistant)).await.expect(200), assistant);
}

async fn assistants_are_listed_by_name(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    for name in ["Delta", "Alpha", "Charlie", "Bravo", "Alpha"] {
        admin.create_assistant(json!({"name": name})).await;
    }
    let all = ["Alpha", "Alpha", "Bravo", "Charlie", "Delta"];
    assert_eq!(names(&admin, "").await, all);
    assert_eq!(names(&admin, "?skip=1&limit=2").await, all[1..3]);
    assert_eq!(names(&admin, "?skip=3").await, all[3..]);
    assert_eq!(names(&admin, "/?limit=1000").await, all);
    let beyond = admin.get("/assistants?skip=5").await;
    assert_eq!(beyond.header("x-total-count"), Some("5"));
    assert_eq!(beyond.expect(200), json!([]));
    let list = admin.get("/assistants").await.expect(200);
    assert!(text(&list[0]["id"]) < text(&list[1]["id"]));
}

async fn a_page_out_of_range_is_refused(backend: Backend) {
    let server = Colloquy::start(backend).await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("limit=ten", "limit"),
        ("skip=-1", "skip"),
        ("skip=1.5", "skip"),
    ] {
        let refused = server.guest().get(&format!("/assistants?{query}")).await;
        assert_eq!(refused.invalid_fields(), [field], "{query}");
    }
    for skip in ["2147483648", "9223372036854775808", "99999999999999999999"] {
        let far = server
            .guest()
            .get(&format!("/assistants?skip={skip}"))
            .await;
        assert_eq!(far.expect(200), json!([]), "{skip}");
    }
}

async fn a_slug_is_derived_and_counted_on(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    for (name, slug) in [
        ("Über Guide!", "uber-guide"),
        ("uber guide", "uber-guide-2"),
        ("Uber   Guide", "uber-guide-3"),
        ("???", "assistant"),
        ("!", "assistant-2"),
    ] {
        let assistant = admin.create_assistant(json!({"name": name})).await;
        assert_eq!(assistant["slug"], slug, "{name}");
    }
    let many = (0..10).map(|_| admin.create_assistant(json!({"name": "Same"})));
    let mut slugs: Vec<String> = join_all(many)
        .await
        .iter()
        .map(|assistant| text(&assistant["slug"]).to_owned())
        .collect();
    slugs.sort();
    let mut expected: Vec<String> = (2..=10).map(|n| format!("same-{n}")).collect();
    expected.push("same".to_owned());
    expected.sort();
    assert_eq!(slugs, expected);
}

async fn a_slug_is_unique_and_no_uuid(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let one = json!({"name": "One", "slug": "one"});
    let one = admin.create_assistant(one).await;
    let two = admin.create_assistant(json!({"name": "Two"})).await;
    let taken = json!({"name": "x", "slug": "one", "model": "echo::echo"});
    let refused = admin.post("/assistants", taken).await;
    refused.problem(409, "duplicate_resource");
    let refused = admin.patch(&path(&two), json!({"slug": "one"})).await;
    refused.problem(409, "duplicate_resource");
    let kept = admin.patch(&path(&one), json!({"slug": "one"})).await;
    kept.expect(200);
    for slug in [
        ABSENT,
        &ABSENT.replace('-', ""),
        "",
        "a b",
        "ä",
        &"a".repeat(65),
    ] {
        let body = json!({"name": "x", "slug": slug, "model": "echo::echo"});
        let created = admin.post("/assistants", body).await;
        assert_eq!(created.invalid_fields(), ["slug"], "{slug}");
        let changed = admin.patch(&path(&two), json!({"slug": slug})).await;
        assert_eq!(changed.invalid_fields(), ["slug"], "{slug}");
    }
}

async fn a_refused_assistant_names_the_wrong_field(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let assistant = admin.create_assistant(json!({"name": "Guide"})).await;
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("  ")),
        ("name", json!("n".repeat(256))),
        ("name", json!("nul\u{0}")),
        ("name", json!(null)),
        ("name", json!(3)),
        ("description", json!("d".repeat(1001))),
        ("description", json!(false)),
        ("instructions", json!([])),
        ("model", json!("gpt-4o")),
        ("model", json!("echo::")),
        ("model", json!("nobody::knows")),
        ("model", json!("openai::gpt-4o-mini")),
        ("model", json!(1)),
        ("user_authentication", json!("yes")),
        ("is_enabled", json!(null)),
        ("is_enabled", json!(1)),
        ("colour", json!("blue")),
        ("configuration", json!("warm")),
        ("configuration.temperature", json!(2.01)),
        ("configuration.temperature", json!(-0.01)),
        ("configuration.temperature", json!("warm")),
        ("configuration.top_p", json!(1.1)),
        ("configuration.presence_penalty", json!(-2.1)),
        ("configuration.frequency_penalty", json!(2.1)),
        ("configuration.max_output_tokens", json!(0)),
        ("configuration.max_output_tokens", json!(-1)),
        ("configuration.max_output_tokens", json!(1.5)),
        ("configuration.history_max_messages", json!(0)),
        ("configuration.history_max_tokens", json!(1e30)),
        ("configuration.tags", json!("one")),
        ("configuration.tags[1]", json!(["ok", ""])),
        ("configuration.colour", json!(1)),
    ] {
        let change = nested(field, &value);
        let mut body = json!({"name": "New", "model": "echo::echo"});
        let members = change.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(members);
        let created = admin.post("/assistants", body.clone()).await;
        assert_eq!(created.invalid_fields(), [field], "POST {body}");
        let changed = admin.patch(&path(&assistant), change.clone()).await;
        assert_eq!(changed.invalid_fields(), [field], "PATCH {change}");
    }
    let nothing = admin.post("/assistants", json!({})).await;
    let missing = nothing.invalid_fields();
    assert!(missing.contains(&"name".to_owned()), "{missing:?}");
    let no_model = admin.post("/assistants", json!({"name": "x"})).await;
    assert_eq!(no_model.invalid_fields(), ["model"]);
    assert_eq!(names(&admin, "").await, ["Guide"]);
    assert_eq!(admin.get(&path(&assistant)).await.expect(200), assistant);
}

/// An object with the value at that path.
fn nested(field: &str, value: &Value) -> Value {
    let field = field.split('[').next().unwrap();
    match field.split_once('.') {
        Some((outer, inner)) => json!({ outer: { inner: value } }),
        None => json!({ field: value }),
    }
}

async fn a_length_counts_characters(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let (name, description) = ("ж".repeat(255), "🙂".repeat(1000));
    let fields = json!({"name": name, "description": description});
    let assistant = admin.create_assistant(fields).await;
    assert_eq!(assistant["name"], name);
    assert_eq!(assistant["description"], description);
    assert!(text(&assistant["slug"]).len() <= 64);
}

async fn an_update_changes_what_it_names(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let fields = json!({
        "name": "Guide",
        "description": "Old",
        "configuration": {"temperature": 0.5, "top_p": 0.5},
    });
    let assistant = admin.create_assistant(fields).await;
    for (method, field, value) in [
        (Method::PUT, "name", json!("Leader")),
        (Method::PATCH, "description", json!("New")),
        (Method::PUT, "instructions", json!("Be brief.")),
        (Method::PATCH, "user_authentication", json!(true)),
        (Method::PATCH, "user_authentication", json!(false)),
        (Method::PUT, "is_enabled", json!(false)),
        (Method::PATCH, "slug", json!("other")),
        (Method::PUT, "configuration.temperature", json!(1.5)),
        (Method::PATCH, "configuration.tags", json!(["a"])),
    ] {
        let before = admin.get(&path(&assistant)).await.expect(200);
        let change = nested(field, &value);
        let request = admin.request(method, &path(&assistant)).json(&change);
        let after = request.send().await.expect(200);
        let mut expected = before;
        match field.split_once('.') {
            Some((outer, inner)) => expected[outer][inner] = value,
            None => expected[field] = value,
        }
        for counted in ["updated_at", "revision"] {
            if let Some(value) = after.get(counted) {
                expected[counted] = value.clone();
            }
        }
        assert_eq!(after, expected, "{field}");
        assert_eq!(admin.get(&path(&assistant)).await.expect(200), after);
    }
}

async fn null_clears_what_may_be_absent(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let configuration = json!({
        "temperature": 0.3,
        "top_p": 1,
        "presence_penalty": -2,
        "frequency_penalty": 1.5,
        "max_output_tokens": 100,
        "history_max_messages": 10,
        "history_max_tokens": 1000,
        "tags": ["travel"],
    });
    let fields = json!({"name": "Guide", "description": "Old", "configuration": configuration});
    let assistant = admin.create_assistant(fields).await;
    let cleared = admin
        .patch(&path(&assistant), json!({"description": null}))
        .await;
    assert_eq!(cleared.expect(200)["description"], Value::Null);
    for field in members(&configuration) {
        let change = json!({"configuration": {field: null}});
        let changed = admin.patch(&path(&assistant), change).await.expect(200);
        assert_eq!(changed["configuration"][field], Value::Null, "{field}");
    }
}

async fn what_was_read_can_be_sent_back(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let fields = json!({"name": "Guide", "configuration": {"temperature": 0.1}});
    let mut assistant = admin.create_assistant(fields).await;
    for method in [Method::PUT, Method::PATCH] {
        let request = admin.request(method, &path(&assistant)).json(&assistant);
        let same = request.send().await.expect(200);
        for counted in ["updated_at", "revision"] {
            if let Some(value) = same.get(counted) {
                assistant[counted] = value.clone();
            }
        }
        assert_eq!(same, assistant);
    }
}

async fn fields_that_the_server_owns_stay_as_they_are(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let owned = json!({
        "id": ABSENT,
        "model_provider": "other",
        "created_at": "2001-01-01T00:00:00Z",
        "updated_at": "2001-01-01T00:00:00Z",
    });
    let mut fields = owned.clone();
    fields["name"] = "Guide".into();
    let assistant = admin.create_assistant(fields).await;
    let changed = admin
        .patch(&path(&assistant), owned.clone())
        .await
        .expect(200);
    for (field, foreign) in owned.as_object().unwrap() {
        assert_ne!(&assistant[field], foreign, "{field}");
        assert_ne!(&changed[field], foreign, "{field}");
    }
    assert_eq!(changed["id"], assistant["id"]);
    assert_eq!(changed["created_at"], assistant["created_at"]);
}

async fn changes_at_once_are_all_kept(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let assistant = admin.create_assistant(json!({"name": "Guide"})).await;
    let fields = [
        ("name", json!("Leader")),
        ("description", json!("New")),
        ("instructions", json!("Be brief.")),
        ("slug", json!("leader")),
        ("is_enabled", json!(false)),
        ("configuration.temperature", json!(1.5)),
        ("configuration.top_p", json!(0.5)),
        ("configuration.tags", json!(["a"])),
    ];
    let changes = fields
        .iter()
        .map(|(field, value)| nested(field, value))
        .map(async |change| admin.patch(&path(&assistant), change).await.expect(200));
    join_all(changes).await;
    let after = admin.get(&path(&assistant)).await.expect(200);
    for (field, value) in &fields {
        let pointer = format!("/{}", field.replace('.', "/"));
        assert_eq!(after.pointer(&pointer), Some(value), "{field}");
    }
}

async fn a_deleted_assistant_is_gone_and_its_threads_stay(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let (admin, user) = (server.admin().await, server.user("ada").await);
    let fields = json!({"name": "Guide", "user_authentication": false});
    let assistant = admin.create_assistant(fields).await;
    let id = text(&assistant["id"]);
    let thread = json!({"assistant_id": id});
    let thread = user.post("/threads", thread).await.expect(201);
    let thread = text(&thread["id"]);
    user.say(thread, id, "hello").await.expect(201);

    let deleted = admin.delete("/assistants/guide").await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    for client in [&server.guest(), &user, &admin] {
        let gone = client.get(&path(&assistant)).await;
        gone.problem(404, "entity_not_found");
        assert!(names(client, "").await.is_empty());
    }
    let again = admin.delete(&path(&assistant)).await;
    again.problem(404, "entity_not_found");
    user.get(&format!("/threads/{thread}")).await.expect(200);
    let messages = user.get(&format!("/threads/{thread}/messages")).await;
    assert_eq!(messages.expect(200).as_array().unwrap().len(), 2);
    let said = user.say(thread, id, "are you there?").await;
    said.problem(404, "entity_not_found");
}
