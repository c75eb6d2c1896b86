//! Contract of [`AssistantRepository::revision`](crate::ports::AssistantRepository::revision).

use colloquy_domain::{
    AnswerCaching, Assistant, Avatar, AvatarKind, Description, Instructions, ModelName, Thread,
    ToolRef,
};

use super::{Stores, at_once};
use crate::ports::REVISION_GRACE;
use crate::testing::samples::{Samples, moment};
use crate::testing::steps::{RunStart, RunSteps as _};

/// The next revision, saved that many hours later.
async fn has_next(stores: &Stores, old: &Assistant, hours: i32) -> Assistant {
    let next = Assistant {
        instructions: Instructions::parse(format!("Revision {}", old.revision + 1)).unwrap(),
        revision: old.revision + 1,
        updated_at: old.updated_at + REVISION_GRACE * hours,
        ..old.clone()
    };
    super::assistants::update(&*stores.assistants, &next)
        .await
        .unwrap();
    next
}

async fn revision(stores: &Stores, assistant: &Assistant) -> Option<Assistant> {
    let (id, revision) = (assistant.id, assistant.revision);
    stores.assistants.revision(id, revision).await.unwrap()
}

/// A run of the assistant in its own thread.
async fn has_run(stores: &Stores, make: &Samples, assistant: &Assistant) -> (Thread, RunStart) {
    let thread = stores.has_thread(make).await;
    let mut start = make.start(&thread, make.instance(), make.question("Well?"));
    start.run.assistant_id = assistant.id;
    start.run.assistant_revision = Some(assistant.revision);
    stores.starts(&start).await;
    (thread, start)
}

pub async fn every_revision_is_read_as_it_was_saved(stores: &Stores) {
    let make = Samples::new();
    let mut first = make.assistant("Guide");
    first.description = Description::parse("Knows the way").ok();
    first.functions = vec![make.function("locate")];
    first.tools = vec![ToolRef::parse("calculator").unwrap()];
    first.requires_approval = first.tools.clone();
    first.avatar.image = Some(make.avatar_image(AvatarKind::Png));
    stores.assistants.add(&first).await.unwrap();
    let mut second = has_next(stores, &first, 0).await;
    second.model = ModelName::parse("openai::other").unwrap();
    second.revision += 1;
    let third = second.clone();
    super::assistants::update(&*stores.assistants, &third)
        .await
        .unwrap();
    let kept = |assistant: &Assistant| Assistant {
        avatar: Avatar::default(),
        caching: AnswerCaching::default(),
        ..assistant.clone()
    };
    assert_eq!(revision(stores, &first).await, Some(kept(&first)));
    assert_eq!(revision(stores, &third).await, Some(kept(&third)));
    let absent = [(first.id, 0), (first.id, 4), (make.assistant_id(), 1)];
    for (id, number) in absent {
        let found = stores.assistants.revision(id, number).await.unwrap();
        assert_eq!(found, None, "{id} {number}");
    }
}

pub async fn a_replaced_revision_that_no_run_names_goes_after_its_grace(stores: &Stores) {
    let make = Samples::new();
    let other = stores.has_assistant(&make, "Other").await;
    let first = stores.has_assistant(&make, "Guide").await;
    let second = has_next(stores, &first, 1).await;
    // Replaced at this very time.
    assert!(revision(stores, &first).await.is_some());
    let third = has_next(stores, &second, 1).await;
    // Now at the end of its grace period.
    assert!(revision(stores, &first).await.is_some());
    let fourth = has_next(stores, &third, 1).await;
    assert_eq!(revision(stores, &first).await, None);
    for kept in [&second, &third, &fourth, &other] {
        assert!(revision(stores, kept).await.is_some(), "{}", kept.revision);
    }
}

pub async fn a_revision_that_a_run_names_stays(stores: &Stores) {
    let make = Samples::new();
    let first = stores.has_assistant(&make, "Guide").await;
    let (thread, start) = has_run(stores, &make, &first).await;
    let found = stores.runs.get(thread.id, start.run.id).await.unwrap();
    assert_eq!(found, Some(start.run.clone()));
    let end = make.end(&start, vec![make.answer("Well.")]);
    stores.runs.finish(&end).await.unwrap();
    let second = has_next(stores, &first, 2).await;
    let third = has_next(stores, &second, 2).await;
    has_next(stores, &third, 2).await;
    assert_eq!(revision(stores, &first).await, Some(first));
    assert_eq!(revision(stores, &second).await, None);
}

pub async fn a_deleted_assistants_revisions_stay_while_runs_name_them(stores: &Stores) {
    let make = Samples::new();
    let first = stores.has_assistant(&make, "Guide").await;
    has_run(stores, &make, &first).await;
    let second = has_next(stores, &first, 0).await;
    let unused = stores.has_assistant(&make, "Unused").await;
    for deleted in [&first, &unused] {
        stores.assistants.delete(deleted.id).await.unwrap();
    }
    while stores.deletions.remove_batch(1).await.unwrap() > 0 {}
    assert_eq!(revision(stores, &first).await, Some(first));
    assert_eq!(revision(stores, &second).await, None);
    assert_eq!(revision(stores, &unused).await, None);
}

pub async fn of_many_updates_at_once_every_revision_is_kept(stores: &Stores) {
    let make = Samples::new();
    let first = stores.has_assistant(&make, "Guide").await;
    let updates = at_once((0..16).map(|_| {
        let (assistants, id) = (stores.assistants.clone(), first.id);
        async move {
            let change = |old: &Assistant| {
                Some(Assistant {
                    revision: old.revision + 1,
                    updated_at: moment(999_999),
                    ..old.clone()
                })
            };
            assistants.update(id, &change).await
        }
    }));
    assert!(updates.await.into_iter().all(|updated| updated.is_ok()));
    for number in 1..=17 {
        let found = stores.assistants.revision(first.id, number).await.unwrap();
        assert_eq!(found.map(|it| it.revision), Some(number));
    }
}

pub async fn instructions_made_for_a_run_are_kept_with_it(stores: &Stores) {
    let make = Samples::new();
    for text in [None, Some("Speak of \u{1d11e} 'today'.")] {
        let thread = stores.has_thread(&make).await;
        let mut start = make.start(&thread, make.instance(), make.question("Well?"));
        start.instructions = text.map(|text| Instructions::parse(text).unwrap());
        stores.starts(&start).await;
        let active = stores.runs.active(start.run.id).await.unwrap().unwrap();
        assert_eq!(active.instructions, start.instructions);
        assert_eq!(active.run, start.run);
    }
}
