//! Contract of [`AssistantRepository`](crate::ports::AssistantRepository): lists.

use colloquy_domain::{Assistant, Instructions, ModelName, Tag};

use super::Stores;
use crate::ports::{AssistantScope, OffsetPage};
use crate::testing::samples::Samples;

pub async fn assistants_are_listed_by_code_points_of_the_name_then_by_id(stores: &Stores) {
    let make = Samples::new();
    // U+FFFD sorts before U+1F980 by code point, but not in UTF-16.
    let names = [
        "apple",
        "Zebra",
        "Äpfel",
        "apple pie",
        "Apple",
        "äpfel",
        "_",
        "10",
        "9",
        "a-b",
        "ab",
        "\u{fffd}",
        "🦀",
        "北京",
        "apple",
        " apple",
        "Apple",
    ];
    let mut expected = Vec::new();
    for name in names {
        expected.push(stores.has_assistant(&make, name).await);
    }
    expected.sort_by(|a, b| (a.name.as_str(), a.id).cmp(&(b.name.as_str(), b.id)));
    expect_list(stores, &AssistantScope::All, &expected).await;
}

pub async fn assistants_of_one_name_are_listed_by_id(stores: &Stores) {
    let make = Samples::new();
    let mut expected: Vec<_> = (0..5).map(|_| make.assistant("Guide")).collect();
    for assistant in expected.iter().rev() {
        stores.assistants.add(assistant).await.unwrap();
    }
    expected.sort_by_key(|assistant| assistant.id);
    expect_list(stores, &AssistantScope::All, &expected).await;
}

/// Asserts the list for every page size.
async fn expect_list(stores: &Stores, scope: &AssistantScope, expected: &[Assistant]) {
    let ids = |assistants: &[Assistant]| assistants.iter().map(|it| it.id).collect::<Vec<_>>();
    for limit in [1, 3, 1000] {
        let mut seen = Vec::new();
        for skip in (0..=expected.len() as u64).step_by(limit) {
            let limit = u32::try_from(limit).unwrap();
            let page = OffsetPage { skip, limit };
            let list = stores.assistants.list(scope, page).await.unwrap();
            assert!(list.items.len() <= limit as usize);
            assert_eq!(list.total, expected.len() as u64, "{scope:?}");
            seen.extend(list.items.iter().cloned());
        }
        assert_eq!(ids(&seen), ids(expected), "{scope:?} by {limit}");
    }
}

pub async fn a_page_holds_whole_assistants_and_the_total_of_all(stores: &Stores) {
    let make = Samples::new();
    let page = |skip| OffsetPage { skip, limit: 1 };
    let empty = stores.assistants.list(&AssistantScope::All, page(0)).await;
    assert_eq!(empty.unwrap().total, 0);
    let mut assistant = make.assistant("Guide");
    assistant.configuration.tags = Some(vec![Tag::parse("travel").unwrap()]);
    stores.assistants.add(&assistant).await.unwrap();
    let list = stores.assistants.list(&AssistantScope::All, page(0)).await;
    assert_eq!(list.unwrap().items, [assistant]);
    for skip in [1, 99, u64::from(u32::MAX)] {
        let list = stores.assistants.list(&AssistantScope::All, page(skip));
        let list = list.await.unwrap();
        assert_eq!((list.items.len(), list.total), (0, 1), "skip {skip}");
    }
}

pub async fn a_page_of_large_assistants_ends_early(stores: &Stores) {
    let make = Samples::new();
    let longest = "𝄞".repeat(Instructions::MAX_CHARS);
    for number in 10..35 {
        let assistant = Assistant {
            instructions: Instructions::parse(longest.clone()).unwrap(),
            ..make.assistant(&number.to_string())
        };
        stores.assistants.add(&assistant).await.unwrap();
    }
    // Ten of them have 4 MB.
    let mut names = Vec::new();
    for (skip, count) in [(0, 10), (10, 10), (20, 5)] {
        let page = OffsetPage { skip, limit: 1000 };
        let list = stores.assistants.list(&AssistantScope::All, page).await;
        let list = list.unwrap();
        assert_eq!((list.items.len(), list.total), (count, 25), "skip {skip}");
        names.extend(list.items.iter().map(|it| it.name.as_str().to_owned()));
    }
    let expected = (10..35).map(|number: u32| number.to_string());
    assert_eq!(names, expected.collect::<Vec<_>>());
}

pub async fn a_scope_lists_exactly_what_it_contains(stores: &Stores) {
    let make = Samples::new();
    let mut all = Vec::new();
    for number in 0..24_u32 {
        let mut assistant = make.assistant(&format!("Guide {}", number * 7 % 10));
        assistant.is_enabled = number % 2 == 0;
        assistant.user_authentication = number % 3 == 0;
        stores.assistants.add(&assistant).await.unwrap();
        all.push(assistant);
    }
    all.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    let some = all.iter().step_by(5).map(|assistant| assistant.id);
    let strangers = std::iter::repeat_with(|| make.assistant_id()).take(1000);
    for scope in [
        AssistantScope::All,
        AssistantScope::Enabled,
        AssistantScope::Public,
        AssistantScope::Only(Vec::new()),
        AssistantScope::Only(vec![make.assistant_id()]),
        AssistantScope::Only(vec![all[3].id, all[3].id]),
        AssistantScope::Only(some.chain(strangers).collect()),
    ] {
        let inside = all.iter().filter(|assistant| scope.contains(assistant));
        expect_list(stores, &scope, &inside.cloned().collect::<Vec<_>>()).await;
    }
}

pub async fn the_models_of_assistants_are_named_once(stores: &Stores) {
    let make = Samples::new();
    let models = async |limit| {
        let mut models = stores.assistants.models(limit).await.unwrap();
        models.sort();
        models
    };
    assert_eq!(models(10).await, []);
    let names = ["a::x", "b::x", "a::y"].map(|name| ModelName::parse(name).unwrap());
    for model in names.iter().cycle().take(7) {
        let assistant = Assistant {
            model: model.clone(),
            ..make.assistant("Guide")
        };
        stores.assistants.add(&assistant).await.unwrap();
    }
    let [ax, bx, ay] = names;
    assert_eq!(models(10).await, [ax, ay, bx]);
    assert_eq!(models(2).await.len(), 2);
}
