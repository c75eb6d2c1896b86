//! Corrupt rows.

use colloquy_application::ports::{AssistantScope, Grounds, OffsetPage, PortError};
use colloquy_application::testing::samples::{Samples, moment, token_hash};
use colloquy_domain::{AvatarKind, TokenKind};

use crate::test_databases::{TestDatabase, execute};
use crate::{on_both_databases, stores};

on_both_databases! {
    a_user_that_does_not_fit_is_told_by_table_column_and_row,
    an_assistant_that_does_not_fit_is_told_by_table_column_and_row,
    a_page_with_a_row_that_does_not_fit_is_refused,
    a_token_of_a_corrupt_user_authenticates_nobody,
}

#[track_caller]
fn place_of<T: std::fmt::Debug>(answer: Result<T, PortError>) -> (String, String) {
    match answer {
        Err(PortError::Corrupt {
            table, column, row, ..
        }) => (format!("{table}.{column}"), row),
        other => panic!("expected Corrupt, got {other:?}"),
    }
}

async fn a_user_that_does_not_fit_is_told_by_table_column_and_row(test_database: &TestDatabase) {
    let stores = stores(&test_database.migrated().await);
    let user = Samples::new().user("ada@example.org");
    stores.users.add(&user, None).await.unwrap();
    execute(&test_database.url, "UPDATE users SET email = 'nobody'").await;
    let found = place_of(stores.users.get(user.id).await);
    assert_eq!(found, ("users.email".to_owned(), user.id.to_string()));
}

async fn an_assistant_that_does_not_fit_is_told_by_table_column_and_row(
    test_database: &TestDatabase,
) {
    let stores = stores(&test_database.migrated().await);
    let make = Samples::new();
    let mut assistant = make.assistant("Guide");
    assistant.avatar.image = Some(make.avatar_image(AvatarKind::Png));
    stores.assistants.add(&assistant).await.unwrap();
    for (column, value) in [
        ("configuration", r#"'{"temperature": 3}'"#),
        ("configuration", "'[]'"),
        ("model", "'gpt'"),
        ("caching", r#"'{"threshold": 1.5}'"#),
        ("caching", r#"'{"scope": "all"}'"#),
        ("answer_generation", "-1"),
        ("revision", "-1"),
        ("avatar_kind", "'gif'"),
        ("avatar_background", "'reddish'"),
        ("avatar_text", "''"),
        ("avatar_vertical_position", "101"),
        ("avatar_vertical_position", "-1"),
    ] {
        let statement = format!("UPDATE assistants SET {column} = {value}");
        execute(&test_database.url, &statement).await;
        let found = place_of(
            stores
                .assistants
                .get(&assistant.id.into(), &AssistantScope::All)
                .await,
        );
        let expected = (format!("assistants.{column}"), assistant.id.to_string());
        assert_eq!(found, expected);
        let mend = "UPDATE assistants SET configuration = '{}', model = 'a::b', revision = 1,
                    avatar_kind = 'png', avatar_background = 'red', avatar_text = 'red',
                    avatar_vertical_position = 1, caching = '{}', answer_generation = 0";
        execute(&test_database.url, mend).await;
        stores
            .assistants
            .get(&assistant.id.into(), &AssistantScope::All)
            .await
            .unwrap();
    }
}

async fn a_page_with_a_row_that_does_not_fit_is_refused(test_database: &TestDatabase) {
    let stores = stores(&test_database.migrated().await);
    let user = Samples::new().user("ada@example.org");
    stores.users.add(&user, None).await.unwrap();
    execute(&test_database.url, "UPDATE users SET name = ''").await;
    let page = OffsetPage { skip: 0, limit: 10 };
    let found = place_of(stores.users.list(page).await);
    assert_eq!(found, ("users.name".to_owned(), user.id.to_string()));
}

async fn a_token_of_a_corrupt_user_authenticates_nobody(test_database: &TestDatabase) {
    let make = Samples::new();
    let stores = stores(&test_database.migrated().await);
    let user = make.user("ada@example.org");
    stores.users.add(&user, None).await.unwrap();
    let token = make.token(user.id, TokenKind::ApiKey);
    let (hash, grounds) = (token_hash(1), Grounds::Operator);
    stores.tokens.add(&token, &hash, &grounds).await.unwrap();
    execute(&test_database.url, "UPDATE users SET email = ''").await;
    let answer = stores.tokens.authenticate(&token_hash(1), moment(0)).await;
    assert_eq!(place_of(answer).0, "users.email");
}
