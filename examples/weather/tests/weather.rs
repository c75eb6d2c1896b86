//! The weather assistant through its own program, with a scripted model.
#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

use colloquy_tests::client::text;
use colloquy_tests::database::Backend;
use colloquy_tests::model_server::{ModelServer, Reply};
use colloquy_tests::process::use_binary;
use colloquy_tests::server::Colloquy;
use serde_json::json;

async fn start(models: &ModelServer) -> Colloquy {
    use_binary(env!("CARGO_BIN_EXE_weather-assistant"));
    let installation = Colloquy::installed(Backend::Sqlite).await;
    let installation = installation
        .env("COLLOQUY_PROVIDERS__SCRIPTED__BASE_URL", &models.base_url())
        .env("COLLOQUY_DEFAULT_MODEL", "scripted::weather");
    installation.serve().await
}

/// What the tools answered, as the model was told in its last request.
fn results(models: &ModelServer) -> Vec<String> {
    let requests = models.requests();
    let messages = requests.last().unwrap().body["messages"].clone();
    let messages = messages.as_array().unwrap().iter();
    let results = messages.filter(|message| message["role"] == "tool");
    results.map(|it| text(&it["content"]).to_owned()).collect()
}

#[tokio::test]
async fn the_assistant_answers_with_its_tools_and_knows_the_day() {
    let models = ModelServer::start([
        Reply::calls(&[
            ("1", "fetch_current_weather", r#"{"city": "Recife"}"#),
            ("2", "fetch_forecast_weather", r#"{"city": "Recife"}"#),
            ("3", "who_am_i", "{}"),
        ]),
        Reply::answer("It is sunny."),
    ])
    .await;
    let server = start(&models).await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let said = user.say(&thread, "weather", "How is Recife, and who am I?");
    assert_eq!(said.await.expect(201)["output"], "It is sunny.");
    let results = results(&models);
    assert_eq!(results[..2], ["sunny, 30 °C", "light rain, 28 °C"]);
    assert!(results[2].contains('@'), "{results:?}");
    let instructions = &models.requests()[0].body["messages"][0];
    assert_eq!(instructions["role"], "system");
    let instructions = text(&instructions["content"]);
    assert!(
        instructions.starts_with("You are a weather bot. Today is 2"),
        "{instructions}"
    );
}

#[tokio::test]
async fn the_definition_is_in_code() {
    let models = ModelServer::start(Reply::answer("Hello")).await;
    let server = start(&models).await;
    let admin = server.admin().await;
    let assistant = admin.get("/assistants/weather").await.expect(200);
    assert_eq!(assistant["defined_in_code"], true);
    let tools = [
        "fetch_current_weather",
        "fetch_forecast_weather",
        "who_am_i",
    ];
    assert_eq!(assistant["tools"], json!(tools));
    let change = json!({"instructions": "Be rude."});
    let refused = admin.patch("/assistants/weather", change).await;
    refused.problem(409, "defined_in_code");
    let refused = admin.delete("/assistants/weather").await;
    refused.problem(409, "defined_in_code");
    let list = admin.get("/assistants").await.expect(200);
    assert_eq!(list.as_array().unwrap().len(), 1);
}
