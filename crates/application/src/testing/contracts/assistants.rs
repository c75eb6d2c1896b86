//! Contract of [`AssistantRepository`].

use std::sync::Arc;

use colloquy_domain::{
    AnswerCaching, AnswerLifetime, Assistant, AssistantId, AssistantName, AssistantRef, Avatar,
    AvatarKind, CacheScope, Color, Configuration, Description, FrequencyPenalty, HistoryLimit,
    Instructions, ModelCallLimit, ModelName, OutputSchema, PresencePenalty, RunBudget,
    RunTokenLimit, SimilarityThreshold, Slug, Tag, Temperature, TokenLimit, ToolCallLimit,
    ToolConcurrency, ToolRef, ToolRounds, TopP, VerticalPosition,
};
use serde_json::{Value, json};

use super::{Stores, assert_conflict, assert_not_found, at_once, only_winner};
use crate::ports::{
    AssistantRepository, AssistantScope, Constraint, MessageScope, MessagesFrom, PortError,
    ThreadScope,
};
use crate::testing::samples::{Samples, difficult_texts, moment};

const ALL: AssistantScope = AssistantScope::All;

/// Replaces the assistant if the stored revision is the preceding one.
pub(super) async fn update(
    assistants: &dyn AssistantRepository,
    next: &Assistant,
) -> Result<(), PortError> {
    let change = |old: &Assistant| (old.revision + 1 == next.revision).then(|| next.clone());
    let (_, written) = assistants.update(next.id, &change).await?;
    assert_eq!(written.revision, next.revision);
    Ok(())
}

async fn get(stores: &Stores, id: AssistantId) -> Option<Assistant> {
    let found = stores.assistants.get(&id.into(), &ALL).await.unwrap();
    found.map(Arc::unwrap_or_clone)
}

async fn get_by_slug(stores: &Stores, text: &str) -> Option<Assistant> {
    let reference = AssistantRef::Slug(slug(text));
    let found = stores.assistants.get(&reference, &ALL).await.unwrap();
    found.map(Arc::unwrap_or_clone)
}

async fn expect_round_trip(stores: &Stores, assistant: Assistant) {
    stores.assistants.add(&assistant).await.unwrap();
    assert_eq!(get(stores, assistant.id).await, Some(assistant));
}

fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

fn rewritten(assistant: &Assistant, instructions: &str) -> Assistant {
    Assistant {
        instructions: Instructions::parse(instructions).unwrap(),
        revision: assistant.revision + 1,
        updated_at: moment(999_999),
        ..assistant.clone()
    }
}

fn full_configuration() -> Configuration {
    Configuration {
        temperature: Temperature::new(0.1).ok(),
        top_p: TopP::new(1.0 / 3.0).ok(),
        presence_penalty: PresencePenalty::new(-2.0).ok(),
        frequency_penalty: FrequencyPenalty::new(1.999_999_999_999_999_8).ok(),
        max_output_tokens: TokenLimit::new(TokenLimit::MAX).ok(),
        history_max_messages: HistoryLimit::new(1).ok(),
        history_max_tokens: TokenLimit::new(4096).ok(),
        tags: Some(
            ["b", "a", "\"𝄞\", b"]
                .map(|t| Tag::parse(t).unwrap())
                .into(),
        ),
    }
}

/// An avatar without default values.
fn full_avatar(make: &Samples) -> Avatar {
    Avatar {
        image: Some(make.avatar_image(AvatarKind::WebP)),
        background: Color::parse("#Ab1").unwrap(),
        text: Color::parse("RebeccaPurple").ok(),
        vertical_position: VerticalPosition::new(100).unwrap(),
    }
}

fn full_caching() -> AnswerCaching {
    AnswerCaching {
        is_on: true,
        threshold: SimilarityThreshold::new(0.932_1).unwrap(),
        lifetime: AnswerLifetime::from_seconds(AnswerLifetime::MAX).unwrap(),
        scope: CacheScope::Shared,
        generation: 0,
    }
}

pub async fn an_assistant_is_read_as_it_was_written(stores: &Stores) {
    let make = Samples::new();
    expect_round_trip(stores, make.assistant("Plain")).await;
    let full = Assistant {
        slug: slug("Travel_Guide-2"),
        description: Description::parse("Knows the way").ok(),
        instructions: Instructions::parse("").unwrap(),
        model: ModelName::parse("local::org::modèle:1b").unwrap(),
        configuration: full_configuration(),
        tools: ["calculator", "assistant:Travel_Guide-2", "a"]
            .map(|tool| ToolRef::parse(tool).unwrap())
            .into(),
        tool_max_concurrency: ToolConcurrency::new(16).unwrap(),
        max_tool_rounds: ToolRounds::new(50).unwrap(),
        budget: full_budget(),
        output_schema: OutputSchema::new(schema()).ok(),
        user_authentication: true,
        caching: full_caching(),
        is_enabled: false,
        avatar: full_avatar(&make),
        revision: u32::try_from(i32::MAX).unwrap(),
        created_at: moment(1),
        updated_at: moment(999_999),
        ..make.assistant("Full")
    };
    expect_round_trip(stores, full).await;
}

fn full_budget() -> RunBudget {
    RunBudget {
        max_model_calls: ModelCallLimit::new(1).ok(),
        max_tool_calls: ToolCallLimit::new(ToolCallLimit::MAX).ok(),
        max_run_tokens: RunTokenLimit::new(RunTokenLimit::MAX).ok(),
    }
}

/// Member order and texts must be preserved: the model reads them.
fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "zeta": {"type": "string", "description": "it's \"quoted\" \\ \u{0} 𝄞"},
            "alpha": {"type": "number", "maximum": 1.5e300},
        },
        "required": ["zeta", "alpha"],
    })
}

pub async fn an_output_schema_keeps_the_order_of_its_members(stores: &Stores) {
    let assistant = Assistant {
        output_schema: OutputSchema::new(schema()).ok(),
        ..Samples::new().assistant("Guide")
    };
    stores.assistants.add(&assistant).await.unwrap();
    let stored = get(stores, assistant.id)
        .await
        .unwrap()
        .output_schema
        .unwrap();
    assert_eq!(stored.as_value().to_string(), schema().to_string());
}

pub async fn each_setting_is_kept_apart_from_the_others(stores: &Stores) {
    let make = Samples::new();
    let full = full_configuration();
    let none = Configuration::default;
    #[rustfmt::skip]
    let settings = [
        Configuration { temperature: full.temperature, ..none() },
        Configuration { top_p: full.top_p, ..none() },
        Configuration { presence_penalty: full.presence_penalty, ..none() },
        Configuration { frequency_penalty: full.frequency_penalty, ..none() },
        Configuration { max_output_tokens: full.max_output_tokens, ..none() },
        Configuration { history_max_messages: full.history_max_messages, ..none() },
        Configuration { history_max_tokens: full.history_max_tokens, ..none() },
        Configuration { tags: full.tags, ..none() },
        Configuration { tags: Some(Vec::new()), ..none() },
    ];
    for configuration in settings {
        let mut assistant = make.assistant("Guide");
        assistant.configuration = configuration;
        expect_round_trip(stores, assistant).await;
    }
}

pub async fn every_text_of_an_assistant_is_kept_to_the_letter(stores: &Stores) {
    let make = Samples::new();
    for text in difficult_texts() {
        let mut assistant = make.assistant("Guide");
        assistant.name = AssistantName::parse(text.clone()).unwrap();
        assistant.description = Description::parse(text.clone()).ok();
        assistant.instructions = Instructions::parse(text).unwrap();
        expect_round_trip(stores, assistant).await;
    }
    let mut longest = make.assistant(&"𝄞".repeat(AssistantName::MAX_CHARS));
    longest.description = Description::parse("𝄞".repeat(Description::MAX_CHARS)).ok();
    longest.instructions = Instructions::parse("𝄞".repeat(Instructions::MAX_CHARS)).unwrap();
    expect_round_trip(stores, longest).await;
}

pub async fn an_assistant_is_found_by_id_and_by_slug(stores: &Stores) {
    let make = Samples::new();
    let mut assistant = make.assistant("Guide");
    assistant.slug = slug("Guide");
    stores.assistants.add(&assistant).await.unwrap();
    stores.has_assistant(&make, "Other").await;
    assert_eq!(get(stores, assistant.id).await.as_ref(), Some(&assistant));
    assert_eq!(get_by_slug(stores, "Guide").await, Some(assistant));
    for absent in ["guide", "Guid", "Guide-", "Guid_"] {
        assert_eq!(get_by_slug(stores, absent).await, None, "{absent}");
    }
    assert_eq!(get(stores, make.assistant_id()).await, None);
}

pub async fn a_slug_is_given_once(stores: &Stores) {
    let make = Samples::new();
    let first = stores.has_assistant(&make, "First").await;
    let second = Assistant {
        slug: first.slug.clone(),
        ..make.assistant("Second")
    };
    let answer = stores.assistants.add(&second).await;
    assert_conflict(answer, Constraint::AssistantSlug);
    assert_eq!(get(stores, second.id).await, None);

    let third = stores.has_assistant(&make, "Third").await;
    let taken = Assistant {
        slug: first.slug.clone(),
        ..rewritten(&third, "New")
    };
    let answer = update(&*stores.assistants, &taken).await;
    assert_conflict(answer, Constraint::AssistantSlug);
    assert_eq!(get(stores, third.id).await, Some(third));
}

pub async fn slugs_that_differ_in_case_are_two(stores: &Stores) {
    let make = Samples::new();
    for text in ["guide", "Guide"] {
        let mut assistant = make.assistant("Guide");
        assistant.slug = slug(text);
        expect_round_trip(stores, assistant).await;
    }
}

pub async fn one_of_many_assistants_with_one_slug_is_added(stores: &Stores) {
    let make = Samples::new();
    let answers = at_once((0..8).map(|_| {
        let assistants = stores.assistants.clone();
        let mut assistant = make.assistant("Guide");
        assistant.slug = slug("guide");
        async move { assistants.add(&assistant).await }
    }));
    only_winner(answers.await, Constraint::AssistantSlug);
}

pub async fn an_update_replaces_every_field(stores: &Stores) {
    let make = Samples::new();
    let other = stores.has_assistant(&make, "Other").await;
    let plain = stores.has_assistant(&make, "Plain").await;
    let full = Assistant {
        slug: slug("new-slug"),
        name: AssistantName::parse("Full").unwrap(),
        description: Description::parse("Knows the way").ok(),
        model: ModelName::parse("openai::gpt-4o-mini").unwrap(),
        configuration: full_configuration(),
        tools: ["calculator", "assistant:Travel_Guide-2", "a"]
            .map(|tool| ToolRef::parse(tool).unwrap())
            .into(),
        tool_max_concurrency: ToolConcurrency::new(16).unwrap(),
        max_tool_rounds: ToolRounds::new(50).unwrap(),
        budget: full_budget(),
        output_schema: OutputSchema::new(schema()).ok(),
        user_authentication: true,
        caching: full_caching(),
        is_enabled: false,
        avatar: full_avatar(&make),
        ..rewritten(&plain, "New")
    };
    update(&*stores.assistants, &full).await.unwrap();
    assert_eq!(get(stores, plain.id).await, Some(full.clone()));
    let plain = Assistant {
        revision: full.revision + 1,
        ..plain
    };
    update(&*stores.assistants, &plain).await.unwrap();
    assert_eq!(get(stores, plain.id).await, Some(plain));
    assert_eq!(get(stores, other.id).await, Some(other));
}

pub async fn an_update_names_the_revision_before_its_own(stores: &Stores) {
    let make = Samples::new();
    let first = stores.has_assistant(&make, "Guide").await;
    let second = rewritten(&first, "Second");
    update(&*stores.assistants, &second).await.unwrap();
    for revision in [1, 2, 4, 9] {
        let stale = Assistant {
            revision,
            ..rewritten(&first, "Stale")
        };
        let answer = update(&*stores.assistants, &stale).await;
        assert_conflict(answer, Constraint::AssistantRevision);
    }
    assert_eq!(get(stores, first.id).await, Some(second));
}

pub async fn one_of_many_updates_from_one_revision_is_written(stores: &Stores) {
    let make = Samples::new();
    let first = stores.has_assistant(&make, "Guide").await;
    let answers = at_once((0..16).map(|number| {
        let assistants = stores.assistants.clone();
        let next = rewritten(&first, &format!("Number {number}"));
        async move { update(&*assistants, &next).await.map(|()| next) }
    }));
    let winner = only_winner(answers.await, Constraint::AssistantRevision);
    assert_eq!(get(stores, first.id).await, Some(winner));
}

pub async fn many_updates_at_once_are_all_made(stores: &Stores) {
    let make = Samples::new();
    let first = stores.has_assistant(&make, "Guide").await;
    let answers = at_once((0..50).map(|number| {
        let (assistants, id) = (stores.assistants.clone(), first.id);
        async move {
            let change = |old: &Assistant| {
                let instructions = format!("{} {number}", old.instructions);
                Some(rewritten(old, &instructions))
            };
            assistants.update(id, &change).await
        }
    }))
    .await;
    let mut revisions: Vec<_> = answers
        .into_iter()
        .map(Result::unwrap)
        .map(|(before, after)| (before.revision, after.revision))
        .collect();
    revisions.sort_unstable();
    let expected: Vec<_> = (1..=50).map(|revision| (revision, revision + 1)).collect();
    assert_eq!(revisions, expected);
    let last = get(stores, first.id).await.unwrap();
    let words = last.instructions.as_str().split(' ');
    let mut numbers: Vec<u32> = words.filter_map(|word| word.parse().ok()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..50).collect::<Vec<_>>());
}

pub async fn an_assistant_out_of_scope_is_as_if_absent(stores: &Stores) {
    let make = Samples::new();
    let public = stores.has_assistant(&make, "Public").await;
    let mut private = make.assistant("Private");
    private.user_authentication = true;
    let mut disabled = make.assistant("Disabled");
    disabled.is_enabled = false;
    for assistant in [&private, &disabled] {
        stores.assistants.add(assistant).await.unwrap();
    }
    let only = AssistantScope::Only(vec![disabled.id]);
    for (scope, found) in [
        (AssistantScope::All, [true, true, true]),
        (AssistantScope::Enabled, [true, true, false]),
        (AssistantScope::Public, [true, false, false]),
        (only, [false, false, true]),
        (AssistantScope::Only(Vec::new()), [false, false, false]),
    ] {
        for (assistant, is_found) in [&public, &private, &disabled].into_iter().zip(found) {
            for reference in [
                assistant.id.into(),
                AssistantRef::Slug(assistant.slug.clone()),
            ] {
                // Twice: a cached copy must not reveal more.
                for _ in 0..2 {
                    let found = stores.assistants.get(&reference, &scope).await.unwrap();
                    let expected = is_found.then(|| assistant.clone());
                    assert_eq!(found.map(Arc::unwrap_or_clone), expected, "{scope:?}");
                }
            }
        }
    }
}

pub async fn an_update_leaves_the_generation_of_answers_as_it_is(stores: &Stores) {
    let make = Samples::new();
    let first = stores.has_assistant(&make, "Guide").await;
    stores.assistants.void_answers(first.id).await.unwrap();
    // Derived from what was read before the answers were voided.
    let second = rewritten(&first, "Second");
    update(&*stores.assistants, &second).await.unwrap();
    let found = get(stores, first.id).await.unwrap();
    assert_eq!(found.caching.generation, 1);
    assert_eq!(found.instructions, second.instructions);
}

pub async fn voided_answers_begin_a_new_generation_and_change_nothing_else(stores: &Stores) {
    let make = Samples::new();
    let mut assistant = make.assistant("Guide");
    assistant.caching = full_caching();
    stores.assistants.add(&assistant).await.unwrap();
    let other = stores.has_assistant(&make, "Other").await;
    let answers = at_once((0..8).map(|_| {
        let (assistants, id) = (stores.assistants.clone(), assistant.id);
        async move { assistants.void_answers(id).await }
    }));
    assert!(answers.await.into_iter().all(|answer| answer.is_ok()));
    let mut expected = assistant;
    expected.caching.generation = 8;
    assert_eq!(get(stores, expected.id).await, Some(expected));
    assert_eq!(get(stores, other.id).await, Some(other));
}

pub async fn an_absent_assistant_is_neither_updated_nor_deleted(stores: &Stores) {
    let make = Samples::new();
    let absent = make.assistant("Guide");
    let next = rewritten(&absent, "New");
    assert_not_found(update(&*stores.assistants, &next).await);
    assert_not_found(stores.assistants.void_answers(absent.id).await);
    assert_not_found(stores.assistants.delete(absent.id).await);
    assert_eq!(get(stores, absent.id).await, None);
}

pub async fn deleting_an_assistant_keeps_what_was_said_to_it(stores: &Stores) {
    let make = Samples::new();
    let assistant = stores.has_assistant(&make, "Guide").await;
    let other = stores.has_assistant(&make, "Other").await;
    let mut threads = Vec::new();
    for id in [assistant.id, other.id] {
        let mut thread = make.thread(stores.has_thread(&make).await.owner_id.unwrap());
        thread.assistant_id = Some(id);
        stores.threads.add(&thread).await.unwrap();
        threads.push(thread);
    }
    let mut question = make.question("Where to?");
    question.assistant_id = Some(assistant.id);
    let start = make.start(&threads[0], make.instance(), question);
    let message = stores.starts(&start).await;

    stores.assistants.delete(assistant.id).await.unwrap();

    assert_eq!(get(stores, assistant.id).await, None);
    let found = stores
        .threads
        .get(threads[0].id, &ThreadScope::All)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.assistant_id, None);
    let run = stores.runs.get(threads[0].id, start.run.id).await.unwrap();
    assert_eq!(run, Some(start.run));
    let messages = stores
        .messages
        .list(
            threads[0].id,
            MessageScope::Conversation,
            MessagesFrom::OLDEST,
            10,
        )
        .await
        .unwrap()
        .items;
    assert_eq!(messages, [message]);
    let found = stores
        .threads
        .get(threads[1].id, &ThreadScope::All)
        .await
        .unwrap();
    assert_eq!(found.as_ref(), Some(&threads[1]));
    assert_not_found(stores.assistants.delete(assistant.id).await);
}

pub async fn a_deleted_assistant_frees_its_slug(stores: &Stores) {
    let make = Samples::new();
    let assistant = stores.has_assistant(&make, "Guide").await;
    stores.assistants.delete(assistant.id).await.unwrap();
    let next = Assistant {
        slug: assistant.slug,
        ..make.assistant("Next")
    };
    expect_round_trip(stores, next).await;
}
