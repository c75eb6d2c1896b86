//! The answer cache: what is found, stored and waited for.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a failure ends the test")]

use std::sync::Arc;

use chrono::TimeDelta;
use colloquy_application::Stores;
use colloquy_application::testing::answers::{
    AnswerHit, AnswerSources, Answers, Fill, Lookup, Meaning, NewAnswer,
};
use colloquy_application::testing::fakes::{
    KnownParaphrases, LetterEmbedder, ManualClock, Memory, MemoryAnswers, Mood,
};
use colloquy_application::testing::samples::Samples;
use colloquy_application::testing::steps::{RunSteps as _, SavedRun};
use colloquy_domain::{
    AnswerLifetime, Assistant, CacheHit, CacheScope, FinishReason, Instructions, Message,
    MessageKind, ModelName, Similarity, SimilarityThreshold, Temperature, User, UserId,
};

struct Scene {
    make: Samples,
    memory: Memory,
    stores: Stores,
    cache: Arc<MemoryAnswers>,
    embedder: Arc<LetterEmbedder>,
    clock: Arc<ManualClock>,
    answers: Answers,
    assistant: Assistant,
    user: UserId,
}

impl Scene {
    fn new() -> Self {
        let make = Samples::new();
        let (cache, embedder) = (Arc::default(), Arc::default());
        let clock: Arc<ManualClock> = Arc::default();
        let mut assistant = make.assistant("Guide");
        assistant.caching.is_on = true;
        let memory = Memory::new();
        let stores = memory.stores();
        let meaning = Meaning {
            embedder: Arc::<LetterEmbedder>::clone(&embedder),
            matcher: Arc::new(paraphrases()),
        };
        Self {
            answers: Answers::new(
                Arc::<MemoryAnswers>::clone(&cache),
                Some(meaning),
                AnswerSources {
                    threads: stores.threads.clone(),
                    messages: stores.messages.clone(),
                    users: stores.users.clone(),
                },
                Arc::<ManualClock>::clone(&clock),
            ),
            user: make.user_id(),
            make,
            memory,
            stores,
            cache,
            embedder,
            clock,
            assistant,
        }
    }

    /// A stored question in its own thread, with an answer.
    async fn question(&self, user: UserId, text: &str) -> Message {
        let Stores {
            users,
            threads,
            runs,
            ..
        } = &self.stores;
        if users.get(user).await.unwrap().is_none() {
            let email = format!("{user}@example.org");
            let new = User {
                id: user,
                ..self.make.user(&email)
            };
            users.add(&new, None).await.unwrap();
        }
        let thread = self.make.thread(user);
        threads.add(&thread).await.unwrap();
        let holder = self.make.instance();
        let start = self.make.start(&thread, holder, self.make.question(text));
        let saved = runs.start(&start).await.unwrap();
        let end = self.make.end(&start, vec![self.make.answer("so it is")]);
        runs.finish(&end).await.unwrap();
        match saved {
            SavedRun::New(message) => message,
            SavedRun::Known(run) => panic!("expected a new run, got {run:?}"),
        }
    }

    async fn look_up_as(&self, user: UserId, assistant: &Assistant, text: &str) -> Lookup {
        let question = self.question(user, text).await;
        self.answers.look_up(Some(user), assistant, &question).await
    }

    /// Looks up a stored question.
    async fn look_up_stored(&self, question: &Message) -> Lookup {
        let (user, assistant) = (Some(self.user), &self.assistant);
        self.answers.look_up(user, assistant, question).await
    }

    async fn look_up(&self, text: &str) -> Lookup {
        self.look_up_as(self.user, &self.assistant, text).await
    }

    async fn fill(&self, text: &str) -> Fill {
        filled(self.look_up(text).await)
    }

    /// Answers a question that is not cached yet.
    async fn answer(&self, text: &str) {
        self.fill(text).await.store(whole("the answer")).await;
    }

    async fn hit(&self, text: &str) -> Option<AnswerHit> {
        as_hit(self.look_up(text).await)
    }
}

fn paraphrases() -> KnownParaphrases {
    KnownParaphrases::new([
        &["how do i reset my password", "how can i reset my password"],
        &["how do i enable it", "how can i enable it"],
    ])
}

fn whole(text: &str) -> NewAnswer {
    NewAnswer {
        text: text.to_owned(),
        finish_reason: Some(FinishReason::Stop),
        has_used_tools: false,
    }
}

fn filled(lookup: Lookup) -> Fill {
    match lookup {
        Lookup::Fill(fill) => fill,
        other => panic!("expected nothing known, got {other:?}"),
    }
}

fn as_hit(lookup: Lookup) -> Option<AnswerHit> {
    match lookup {
        Lookup::Hit(hit) => Some(hit),
        Lookup::Fill(_) | Lookup::Off => None,
    }
}

#[tokio::test]
async fn the_same_question_is_answered_once() {
    let scene = Scene::new();
    scene.answer("What is Python?").await;
    scene.clock.advance(TimeDelta::seconds(90));
    let hit = scene.hit(" what is  Python").await.unwrap();
    assert_eq!(hit.answer, "the answer");
    assert_eq!(hit.cache.hit, CacheHit::Exact);
    assert_eq!(hit.cache.similarity, Similarity::SAME);
    assert_eq!(hit.cache.age_seconds, 90);
    assert!(scene.hit("What is dust?").await.is_none());
}

#[tokio::test]
async fn a_question_in_other_words_is_answered_alike() {
    let scene = Scene::new();
    scene
        .embedder
        .give("how do i reset my password", &[1.0, 0.0]);
    scene
        .embedder
        .give("how can i reset my password", &[0.95, 0.312_249_9]);
    scene.answer("How do I reset my password?").await;
    let hit = scene.hit("How can I reset my password?").await.unwrap();
    assert_eq!(hit.cache.hit, CacheHit::Semantic);
    assert_eq!(hit.cache.similarity.as_ten_thousandths(), 9_500);
}

#[tokio::test]
async fn nothing_below_the_threshold_is_a_hit() {
    let mut scene = Scene::new();
    scene
        .embedder
        .give("how do i reset my password", &[1.0, 0.0]);
    scene
        .embedder
        .give("how can i reset my password", &[0.95, 0.312_249_9]);
    scene.answer("How do I reset my password?").await;
    scene.assistant.caching.threshold = SimilarityThreshold::new(0.96).unwrap();
    assert!(scene.hit("How can I reset my password?").await.is_none());
}

#[tokio::test]
async fn a_different_question_with_the_same_vector_is_not_answered_alike() {
    let scene = Scene::new();
    let questions = [
        "How do I get from Paris to Rome?",
        "How do I get from Rome to Paris?",
        "How do I get from Paris to Bonn?",
        "How do I not get from Paris to Rome?",
        "Why do I get from Paris to Rome?",
        "Comment aller de Paris à Rome ?",
        "How do I get from Paris to Rome in 2 hours?",
    ];
    for question in questions {
        let lookup = scene.look_up(question).await;
        filled(lookup).store(whole(question)).await;
    }
    for question in questions {
        assert_eq!(scene.hit(question).await.unwrap().answer, question);
    }
}

#[tokio::test]
async fn a_hit_needs_the_best_candidate_that_agrees_not_the_best() {
    let scene = Scene::new();
    scene.embedder.give("how do i enable it", &[1.0, 0.0]);
    scene.embedder.give("how do i disable it", &[1.0, 0.01]);
    scene.embedder.give("how can i enable it", &[1.0, 0.02]);
    scene
        .fill("How do I disable it?")
        .await
        .store(whole("no"))
        .await;
    scene
        .fill("How do I enable it?")
        .await
        .store(whole("yes"))
        .await;
    let hit = scene.hit("How can I enable it?").await.unwrap();
    assert_eq!(hit.answer, "yes");
}

#[tokio::test]
async fn only_the_first_message_of_a_thread_has_to_do_with_the_cache() {
    let scene = Scene::new();
    scene.answer("What is Python?").await;
    let mut later = scene.question(scene.user, "What is Python?").await;
    later.position = 2;
    for _ in 0..2 {
        let lookup = scene
            .answers
            .look_up(Some(scene.user), &scene.assistant, &later);
        assert!(matches!(lookup.await, Lookup::Off));
        later.position = 1;
        later.kind = MessageKind::Ai;
    }
}

#[tokio::test]
async fn an_assistant_that_does_not_cache_has_nothing_to_do_with_it() {
    let mut scene = Scene::new();
    scene.answer("What is Python?").await;
    scene.assistant.caching.is_on = false;
    assert!(matches!(
        scene.look_up("What is Python?").await,
        Lookup::Off
    ));
    assert_eq!(scene.embedder.calls(), 1);
}

#[tokio::test]
async fn only_whole_answers_made_without_tools_are_kept() {
    let scene = Scene::new();
    let good = whole("text");
    for bad in [
        NewAnswer {
            finish_reason: None,
            ..good.clone()
        },
        NewAnswer {
            finish_reason: Some(FinishReason::Length),
            ..good.clone()
        },
        NewAnswer {
            finish_reason: Some(FinishReason::ContentFilter),
            ..good.clone()
        },
        NewAnswer {
            has_used_tools: true,
            ..good.clone()
        },
        NewAnswer {
            text: " \n".to_owned(),
            ..good.clone()
        },
    ] {
        scene.fill("What is Python?").await.store(bad.clone()).await;
        assert!(scene.cache.is_empty(), "{bad:?}");
    }
    drop(scene.fill("What is Python?").await);
    assert!(scene.cache.is_empty());
}

#[tokio::test]
async fn an_answer_lives_as_long_as_its_assistant_says() {
    let mut scene = Scene::new();
    scene.assistant.caching.lifetime = AnswerLifetime::from_seconds(60).unwrap();
    scene.answer("What is Python?").await;
    scene.clock.advance(TimeDelta::seconds(60));
    assert!(scene.hit("What is Python?").await.is_some());
    scene.clock.advance(TimeDelta::microseconds(1));
    assert!(scene.hit("What is Python?").await.is_none());
    // A longer lifetime applies to stored answers too.
    scene.assistant.caching.lifetime = AnswerLifetime::DEFAULT;
    assert!(scene.hit("What is Python?").await.is_some());
}

#[tokio::test]
async fn whatever_shapes_an_answer_is_told_apart() {
    let scene = Scene::new();
    scene.answer("What is Python?").await;
    let base = &scene.assistant;
    let mut others = Vec::new();
    let mut other = |change: &dyn Fn(&mut Assistant)| {
        let mut assistant = base.clone();
        change(&mut assistant);
        others.push(assistant);
    };
    other(&|it| it.id = scene.make.assistant_id());
    other(&|it| it.instructions = Instructions::parse("Be long.").unwrap());
    other(&|it| it.model = ModelName::parse("echo::other").unwrap());
    other(&|it| it.configuration.temperature = Temperature::new(0.5).ok());
    other(&|it| it.configuration.max_output_tokens = colloquy_domain::TokenLimit::new(9).ok());
    other(&|it| it.user_authentication = true);
    other(&|it| it.caching.generation += 1);
    other(&|it| it.caching.scope = CacheScope::User);
    for assistant in others {
        let lookup = scene
            .look_up_as(scene.user, &assistant, "What is Python?")
            .await;
        assert!(as_hit(lookup).is_none(), "{assistant:?}");
    }
    let renamed = Assistant {
        revision: 9,
        name: colloquy_domain::AssistantName::parse("Other").unwrap(),
        ..base.clone()
    };
    let lookup = scene
        .look_up_as(scene.user, &renamed, "What is Python?")
        .await;
    assert!(as_hit(lookup).is_some());
}

#[tokio::test]
async fn each_user_of_a_private_assistant_has_their_own_answers() {
    for (is_private, scope, is_shared) in [
        (false, CacheScope::Auto, true),
        (false, CacheScope::Shared, true),
        (false, CacheScope::User, false),
        (true, CacheScope::Auto, false),
        (true, CacheScope::Shared, true),
        (true, CacheScope::User, false),
    ] {
        let mut scene = Scene::new();
        scene.assistant.user_authentication = is_private;
        scene.assistant.caching.scope = scope;
        scene.answer("What is my secret?").await;
        let stranger = scene.make.user_id();
        let lookup = scene
            .look_up_as(stranger, &scene.assistant, "What is my secret?")
            .await;
        assert_eq!(
            as_hit(lookup).is_some(),
            is_shared,
            "{is_private} {scope:?}"
        );
        assert!(scene.hit("What is my secret?").await.is_some());
    }
}

#[tokio::test]
async fn others_wait_for_the_answer_to_their_question() {
    let scene = Scene::new();
    let fill = scene.fill("What is Python?").await;
    let waiting = futures_util::future::join_all((0..8).map(|_| scene.hit("what is Python")));
    let (hits, ()) = tokio::join!(waiting, async {
        // Only the same question waits.
        scene.answer("What is dust?").await;
        fill.store(whole("one answer")).await;
    });
    for hit in hits {
        assert_eq!(hit.unwrap().answer, "one answer");
    }
}

#[tokio::test]
async fn those_who_waited_in_vain_go_on_all_at_once() {
    let scene = Scene::new();
    let fill = scene.fill("What is Python?").await;
    let waiting = futures_util::future::join_all((0..8).map(|_| scene.look_up("What is Python?")));
    let (lookups, ()) = tokio::join!(waiting, async { drop(fill) });
    // They hold their fills at the same time.
    let fills: Vec<Fill> = lookups.into_iter().map(filled).collect();
    assert_eq!(fills.len(), 8);
    for fill in fills {
        fill.store(whole("late")).await;
    }
    assert_eq!(scene.cache.len(), 1);
}

#[tokio::test]
async fn a_look_up_that_is_given_up_makes_nobody_wait() {
    let scene = Scene::new();
    scene.embedder.set_mood(Mood::Hanging);
    let mut early = Box::pin(scene.look_up("What is Python?"));
    assert!(futures_util::poll!(&mut early).is_pending());
    drop(early);
    scene.embedder.set_mood(Mood::Well);
    scene.answer("What is Python?").await;
}

#[tokio::test(start_paused = true)]
async fn an_embedder_that_fails_or_hangs_costs_the_semantic_hits_only() {
    for mood in [Mood::Failing, Mood::Hanging] {
        let scene = Scene::new();
        scene.embedder.set_mood(mood);
        let begin = tokio::time::Instant::now();
        scene.answer("What is Python?").await;
        assert!(begin.elapsed().as_millis() <= 200, "{:?}", begin.elapsed());
        let hit = scene.hit("What is Python?").await.unwrap();
        assert_eq!(hit.cache.hit, CacheHit::Exact);
        assert!(scene.hit("What's Python?").await.is_none());
    }
}

#[tokio::test]
async fn a_question_too_long_for_a_vector_is_found_exactly() {
    let scene = Scene::new();
    let long = "Why is it so? ".repeat(100);
    scene.answer(&long).await;
    assert_eq!(scene.embedder.calls(), 0);
    assert!(scene.hit(&long).await.is_some());
}

/// What can be deleted.
#[derive(Debug, Clone, Copy)]
enum Deleted {
    Thread,
    Question,
    Answer,
    Asker,
}

impl Scene {
    /// Deletes it as another instance would, without notice here.
    async fn delete(&self, question: &Message, what: Deleted) {
        let (thread, messages) = (question.thread_id, &self.stores.messages);
        match what {
            Deleted::Thread => self.stores.threads.delete(thread).await.unwrap(),
            Deleted::Question => messages.delete(thread, question.id).await.unwrap(),
            Deleted::Answer => {
                let latest = messages
                    .latest(thread, u64::MAX, 1, u64::MAX)
                    .await
                    .unwrap();
                messages.delete(thread, latest[0].id).await.unwrap();
            }
            Deleted::Asker => self.stores.users.delete(self.user).await.unwrap(),
        }
    }
}

const DELETED: [Deleted; 4] = [
    Deleted::Thread,
    Deleted::Question,
    Deleted::Answer,
    Deleted::Asker,
];

#[tokio::test]
async fn what_was_deleted_elsewhere_is_neither_given_nor_kept() {
    for what in DELETED {
        for asked in [
            "How do I reset my password?",
            "How can I reset my password?",
        ] {
            let scene = Scene::new();
            for normal in ["how do i reset my password", "how can i reset my password"] {
                scene.embedder.give(normal, &[1.0, 0.0]);
            }
            let question = scene
                .question(scene.user, "How do I reset my password?")
                .await;
            let fill = filled(scene.look_up_stored(&question).await);
            fill.store(whole("the answer")).await;
            assert_eq!(scene.cache.len(), 1);
            scene.delete(&question, what).await;
            let stranger = scene.make.user_id();
            let lookup = scene.look_up_as(stranger, &scene.assistant, asked).await;
            assert!(as_hit(lookup).is_none(), "{what:?} {asked}");
            assert!(scene.cache.is_empty(), "{what:?} {asked}");
        }
    }
}

#[tokio::test]
async fn an_answer_whose_source_is_deleted_meanwhile_is_not_kept() {
    for what in DELETED {
        let scene = Scene::new();
        let question = scene.question(scene.user, "What is Python?").await;
        let fill = filled(scene.look_up_stored(&question).await);
        scene.delete(&question, what).await;
        fill.store(whole("the answer")).await;
        assert!(scene.cache.is_empty(), "{what:?}");
    }
}

#[tokio::test]
async fn nothing_is_given_while_nobody_can_tell_whether_its_source_is_there() {
    let scene = Scene::new();
    scene.answer("What is Python?").await;
    let again = scene.question(scene.user, "What is Python?").await;
    scene.memory.set_down(true);
    assert!(as_hit(scene.look_up_stored(&again).await).is_none());
}
