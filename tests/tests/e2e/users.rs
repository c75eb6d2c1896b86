//! User management.

use colloquy_tests::client::{Client, text};
use colloquy_tests::database::Backend;
use colloquy_tests::on_both_backends;
use colloquy_tests::server::{ADMIN_EMAIL, Colloquy, PASSWORD};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{ABSENT, members};

on_both_backends![
    a_created_user_is_what_was_sent,
    only_administrators_manage_users,
    two_users_never_share_an_address,
    a_refused_user_names_the_wrong_field,
    what_was_read_can_be_sent_back,
    fields_that_the_server_owns_stay_as_they_are,
    an_update_changes_what_it_names,
    users_are_listed_page_by_page,
    a_deleted_users_threads_stay,
    an_absent_user_is_not_found,
    a_user_who_is_enabled_again_has_to_sign_in_again,
    the_last_active_administrator_stays,
    of_administrators_who_unseat_each_other_one_stays,
];

async fn create(admin: &Client, email: &str) -> Value {
    let user = json!({"email": email, "password": PASSWORD});
    admin.post("/users", user).await.expect(201)
}

fn path(user: &Value) -> String {
    format!("/users/{}", text(&user["id"]))
}

async fn a_created_user_is_what_was_sent(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let sent =
        json!({"email": "Ada@example.org", "password": PASSWORD, "name": "Ada", "role": "admin"});
    let user = admin.post("/users", sent).await.expect(201);
    let expected = [
        "created_at",
        "email",
        "id",
        "is_active",
        "name",
        "role",
        "updated_at",
    ];
    assert_eq!(members(&user), expected);
    assert_eq!(user["email"], "Ada@example.org");
    assert_eq!(user["name"], "Ada");
    assert_eq!(user["role"], "admin");
    assert_eq!(user["is_active"], true);
    assert_eq!(user["created_at"], user["updated_at"]);
    assert!(text(&user["created_at"]).ends_with('Z'), "{user}");
    assert_eq!(admin.get(&path(&user)).await.expect(200), user);
    let herself = server.guest().sign_in("ada@example.org", PASSWORD).await;
    assert_eq!(herself.get("/users/me").await.expect(200), user);

    let plain = create(&admin, "bob@example.org").await;
    assert_eq!(plain["name"], Value::Null);
    assert_eq!(plain["role"], "user");
}

async fn only_administrators_manage_users(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let own = path(&user.get("/users/me").await.expect(200));
    let new = json!({"email": "eve@example.org", "password": PASSWORD, "role": "admin"});
    for (client, status, code) in [
        (server.guest(), 401, "authentication_required"),
        (user, 403, "forbidden"),
    ] {
        client.get("/users").await.problem(status, code);
        client
            .post("/users", new.clone())
            .await
            .problem(status, code);
        for path in [own.clone(), format!("/users/{ABSENT}")] {
            client.get(&path).await.problem(status, code);
            let promotion = json!({"role": "admin"});
            client.patch(&path, promotion).await.problem(status, code);
            client.delete(&path).await.problem(status, code);
        }
    }
    server
        .guest()
        .get("/users/me")
        .await
        .problem(401, "authentication_required");
}

async fn two_users_never_share_an_address(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let ada = create(&admin, "ada@example.org").await;
    let bob = create(&admin, "bob@example.org").await;
    let again = json!({"email": "ADA@Example.ORG", "password": PASSWORD});
    let refused = admin.post("/users", again).await;
    refused.problem(409, "duplicate_resource");
    let taken = json!({"email": "Ada@example.org"});
    let refused = admin.patch(&path(&bob), taken.clone()).await;
    refused.problem(409, "duplicate_resource");
    let own = admin.patch(&path(&ada), taken).await.expect(200);
    assert_eq!(own["email"], "Ada@example.org");
}

async fn a_refused_user_names_the_wrong_field(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let ada = create(&admin, "ada@example.org").await;
    let valid = json!({"email": "bob@example.org", "password": PASSWORD});
    for (field, value) in [
        ("email", json!("bob")),
        ("email", json!("")),
        ("email", json!(null)),
        ("email", json!(7)),
        ("email", json!(format!("{}@example.org", "b".repeat(250)))),
        ("password", json!("seven77")),
        ("password", json!("x".repeat(1025))),
        ("password", json!(["x"])),
        ("name", json!("n".repeat(256))),
        ("name", json!("nul\u{0}")),
        ("name", json!({})),
        ("role", json!("owner")),
        ("role", json!(true)),
        ("colour", json!("blue")),
    ] {
        let mut body = valid.clone();
        body[field] = value.clone();
        let created = admin.post("/users", body).await;
        assert_eq!(created.invalid_fields(), [field], "{value}");
        let change = json!({ field: value });
        let changed = admin.patch(&path(&ada), change.clone()).await;
        assert_eq!(changed.invalid_fields(), [field], "{change}");
    }
    let active = admin.patch(&path(&ada), json!({"is_active": "no"})).await;
    assert_eq!(active.invalid_fields(), ["is_active"]);
    let nothing = admin.post("/users", json!({})).await;
    let mut missing = nothing.invalid_fields();
    missing.sort();
    assert_eq!(missing, ["email", "password"]);
    assert_eq!(admin.get(&path(&ada)).await.expect(200), ada);
    let all = admin.get("/users").await.expect(200);
    assert_eq!(all.as_array().unwrap().len(), 2);
}

async fn what_was_read_can_be_sent_back(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let mut user = create(&admin, "ada@example.org").await;
    let same = admin.patch(&path(&user), user.clone()).await.expect(200);
    user["updated_at"] = same["updated_at"].clone();
    assert_eq!(same, user);
}

async fn fields_that_the_server_owns_stay_as_they_are(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let owned = json!({
        "id": ABSENT,
        "created_at": "2001-01-01T00:00:00Z",
        "updated_at": "2001-01-01T00:00:00Z",
    });
    let mut sent = owned.clone();
    sent["email"] = "ada@example.org".into();
    sent["password"] = PASSWORD.into();
    let user = admin.post("/users", sent).await.expect(201);
    let changed = admin.patch(&path(&user), owned.clone()).await.expect(200);
    for (field, foreign) in owned.as_object().unwrap() {
        assert_ne!(&user[field], foreign, "{field}");
        assert_ne!(&changed[field], foreign, "{field}");
    }
    assert_eq!(changed["id"], user["id"]);
    assert_eq!(changed["created_at"], user["created_at"]);
}

async fn an_update_changes_what_it_names(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let ada = create(&admin, "ada@example.org").await;
    for (change, expected) in [
        (json!({"name": "Ada"}), ("name", json!("Ada"))),
        (json!({"role": "admin"}), ("role", json!("admin"))),
        (
            json!({"email": "a@b.example"}),
            ("email", json!("a@b.example")),
        ),
        (json!({"is_active": false}), ("is_active", json!(false))),
        (json!({"is_active": true}), ("is_active", json!(true))),
        (json!({"name": null}), ("name", json!(null))),
    ] {
        let before = admin.get(&path(&ada)).await.expect(200);
        let after = admin.patch(&path(&ada), change).await.expect(200);
        let (field, value) = expected;
        assert_eq!(after[field], value);
        let mut expected = before;
        expected[field] = value;
        expected["updated_at"] = after["updated_at"].clone();
        assert_eq!(after, expected);
        assert_eq!(admin.get(&path(&ada)).await.expect(200), after);
    }
}

async fn users_are_listed_page_by_page(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let mut expected = vec![ADMIN_EMAIL.to_owned()];
    for number in 1..=4 {
        let email = format!("user{number}@example.org");
        create(&admin, &email).await;
        expected.push(email);
    }
    let emails = async |query: &str| -> Vec<String> {
        let users = admin.get(&format!("/users{query}")).await.expect(200);
        let users = users.as_array().unwrap().iter();
        users.map(|user| text(&user["email"]).to_owned()).collect()
    };
    assert_eq!(emails("").await, expected);
    assert_eq!(emails("?skip=1&limit=2").await, expected[1..3]);
    assert_eq!(emails("?skip=3").await, expected[3..]);
    assert!(emails("?skip=5").await.is_empty());
    for (query, field) in [
        ("?limit=0", "limit"),
        ("?limit=1001", "limit"),
        ("?limit=x", "limit"),
        ("?skip=-1", "skip"),
    ] {
        let refused = admin.get(&format!("/users{query}")).await;
        assert_eq!(refused.invalid_fields(), [field], "{query}");
    }
}

async fn a_deleted_users_threads_stay(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let assistant = server.assistant("Echo").await;
    let ada = server.user("ada").await;
    let thread = ada.create_thread().await;
    ada.say(&thread, &assistant, "hello").await.expect(201);
    let account = ada.get("/users/me").await.expect(200);

    let deleted = admin.delete(&path(&account)).await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    let gone = admin.get(&path(&account)).await;
    gone.problem(404, "entity_not_found");
    let login = server.guest().log_in("ada@example.org", PASSWORD).await;
    login.problem(401, "invalid_credentials");

    admin.get(&format!("/threads/{thread}")).await.expect(200);
    let messages = admin.get(&format!("/threads/{thread}/messages")).await;
    let messages = messages.expect(200);
    assert_eq!(messages[0]["content"], "hello");
    let again = server.user("ada").await;
    let other = again.get(&format!("/threads/{thread}")).await;
    other.problem(404, "entity_not_found");
}

async fn an_absent_user_is_not_found(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    for id in [ABSENT, "no-id", "%00", "7"] {
        let path = format!("/users/{id}");
        admin.get(&path).await.problem(404, "entity_not_found");
        let change = admin.patch(&path, json!({"name": "x"})).await;
        change.problem(404, "entity_not_found");
        let deleted = admin.delete(&path).await;
        deleted.problem(404, "entity_not_found");
    }
}

async fn a_user_who_is_enabled_again_has_to_sign_in_again(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let user = server.user("ada").await;
    let key = user.post("/users/me/tokens", json!({"name": "ci"})).await;
    let program = server.guest().with_token(text(&key.expect(201)["token"]));
    let account = path(&user.get("/users/me").await.expect(200));
    for is_active in [false, true] {
        let change = json!({"is_active": is_active});
        admin.patch(&account, change).await.expect(200);
    }
    let refused = user.get("/users/me").await;
    refused.problem(401, "authentication_required");
    program.get("/users/me").await.expect(200);
}

async fn the_last_active_administrator_stays(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let own = path(&admin.get("/users/me").await.expect(200));
    let disabled = json!({"email": "gone@example.org", "password": PASSWORD, "role": "admin"});
    let disabled = admin.post("/users", disabled).await.expect(201);
    let change = json!({"is_active": false});
    admin.patch(&path(&disabled), change).await.expect(200);
    let before = admin.get(&own).await.expect(200);
    for change in [
        json!({"role": "user"}),
        json!({"is_active": false}),
        json!({"name": "x", "role": "user"}),
    ] {
        let refused = admin.patch(&own, change).await;
        refused.problem(409, "last_administrator");
    }
    let refused = admin.delete(&own).await;
    refused.problem(409, "last_administrator");
    assert_eq!(admin.get(&own).await.expect(200), before);

    let site = server.installation();
    let output = site.run(&["user", "disable", ADMIN_EMAIL]).await;
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(told.contains("the last active administrator"), "{told}");

    let change = json!({"is_active": true});
    admin.patch(&path(&disabled), change).await.expect(200);
    admin.patch(&own, json!({"role": "user"})).await.expect(200);
    admin.get("/users").await.problem(403, "forbidden");
}

async fn of_administrators_who_unseat_each_other_one_stays(backend: Backend) {
    let server = Colloquy::start(backend).await;
    for round in 0..5 {
        let admin = server.admin().await;
        let own = path(&admin.get("/users/me").await.expect(200));
        let email = format!("other{round}@example.org");
        let other = json!({"email": email, "password": PASSWORD, "role": "admin"});
        let other = path(&admin.post("/users", other).await.expect(201));
        let there = server.guest().sign_in(&email, PASSWORD).await;
        let change = json!({"role": "user"});
        let both = [
            admin.patch(&other, change.clone()),
            there.patch(&own, change),
        ];
        let statuses: Vec<u16> = join_all(both).await.iter().map(|it| it.status).collect();
        let kept = match statuses.as_slice() {
            [200, 403 | 409] => &admin,
            [403 | 409, 200] => &there,
            other => panic!("{other:?}"),
        };
        let role = json!({"role": "admin"});
        kept.patch(&own, role).await.expect(200);
        admin
            .patch(&other, json!({"role": "user"}))
            .await
            .expect(200);
    }
}
