//! Calls dropped at each await point: later calls must be unaffected.

mod files;

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Mutex;
use std::task::Poll;

use colloquy_application::Stores;
use colloquy_application::ports::{
    AbandonedRuns, AccountKey, AssistantScope, Grounds, HealthCheck as _, MessageScope,
    MessagesFrom, OffsetPage, PasswordChange, PlaceKey, PortError, RunEvents, SignInAttempt,
    ThreadChanges, ThreadOrder, ThreadQuery, ThreadScope, TokenHash, UserChanges,
};
use colloquy_application::sign_in_limits::SignInLimits;
use colloquy_application::testing::samples::{Samples, moment, password_hash, second};
use colloquy_application::testing::steps::{RunEnd, RunStart, RunSteps as _};
use colloquy_domain::{
    AccessToken, Assistant, AssistantRef, ContentPart, RunEnding, RunEvent, RunEventKind, Thread,
    ThreadName, TokenKind, User,
};
use colloquy_persistence::{Database, DatabaseOptions};

use self::files::dropped_calls_about_files_leave_sound_connections;
use crate::test_databases::TestDatabase;
use crate::{on_both_databases, stores};

on_both_databases! {
    dropped_calls_about_users_leave_sound_connections,
    dropped_calls_about_tokens_leave_sound_connections,
    dropped_calls_about_sign_ins_leave_sound_connections,
    dropped_calls_about_assistants_leave_sound_connections,
    dropped_calls_about_threads_leave_sound_connections,
    dropped_calls_about_messages_leave_sound_connections,
    dropped_calls_about_runs_leave_sound_connections,
    dropped_calls_about_events_leave_sound_connections,
    dropped_calls_about_deletions_leave_sound_connections,
    dropped_calls_about_files_leave_sound_connections,
    dropped_checks_of_health_leave_sound_connections,
}

/// More polls than any operation needs.
const MAX_POLLS: usize = 200;

/// Few, so that a broken one is reused at once.
const CONNECTIONS: u32 = 2;

/// Polls the future up to that many times, then drops it.
async fn polled<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|context| {
        left = left.saturating_sub(1);
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// A database under test, and a second connection that sees committed data only.
struct World {
    make: Samples,
    database: Database,
    stores: Stores,
    observer: Stores,
    owner: User,
}

struct Records {
    user: User,
    thread: Thread,
    other_thread: Thread,
    assistant: Assistant,
    token: AccessToken,
    /// Of a run in progress.
    start: RunStart,
    end: RunEnd,
}

impl World {
    async fn new(test_database: &TestDatabase) -> Self {
        let mut options = DatabaseOptions::default();
        options.max_connections = CONNECTIONS;
        test_database.migrated().await.close().await;
        let database = Database::connect(&test_database.url, options)
            .await
            .unwrap();
        let make = Samples::new();
        let world = Self {
            owner: make.user("owner@example.org"),
            make,
            stores: stores(&database),
            database,
            observer: stores(&test_database.open().await),
        };
        world.stores.users.add(&world.owner, None).await.unwrap();
        world
    }

    async fn records(&self) -> Records {
        let (make, stores) = (&self.make, &self.observer);
        let user = make.user(&format!("{}@example.org", make.user_id()));
        let hash = password_hash("x");
        stores.users.add(&user, Some(&hash)).await.unwrap();
        let thread = make.thread(user.id);
        stores.threads.add(&thread).await.unwrap();
        let assistant = make.assistant("Tested");
        stores.assistants.add(&assistant).await.unwrap();
        let token = make.token(user.id, TokenKind::ApiKey);
        let (token_hash, grounds) = (hash_of(&token), Grounds::Operator);
        let added = stores.tokens.add(&token, &token_hash, &grounds);
        added.await.unwrap();
        let start = make.start(&thread, make.instance(), make.question("Well?"));
        stores.runs.start(&start).await.unwrap();
        let other_thread = make.thread(user.id);
        stores.threads.add(&other_thread).await.unwrap();
        Records {
            end: make.end(&start, vec![make.answer("Well.")]),
            user,
            thread,
            other_thread,
            assistant,
            token,
            start,
        }
    }

    /// Every connection can write, visibly for the observer.
    async fn assert_sound(&self, after: &str) {
        let writing = (0..2 * CONNECTIONS).map(|_| async {
            let thread = self.make.thread(self.owner.id);
            let written = self.stores.threads.add(&thread).await;
            assert!(written.is_ok(), "after {after}: {written:?}");
            let threads = &self.observer.threads;
            let seen = threads.get(thread.id, &ThreadScope::All).await.unwrap();
            assert!(seen.is_some(), "lost after {after}");
            let page = OffsetPage { skip: 0, limit: 1 };
            let listed = self.stores.users.list(page).await;
            assert!(listed.is_ok(), "after {after}: {listed:?}");
        });
        futures_util::future::join_all(writing).await;
    }
}

/// A port whose methods must all be dropped.
struct Port<'a> {
    world: &'a World,
    /// The source file of the port's trait.
    source: &'static str,
    dropped: Mutex<BTreeSet<&'static str>>,
}

impl<'a> Port<'a> {
    const fn new(world: &'a World, source: &'static str) -> Self {
        Self {
            world,
            source,
            dropped: Mutex::new(BTreeSet::new()),
        }
    }

    /// Calls the method repeatedly, dropping it one poll later each time, until it completes.
    async fn drop_everywhere<T>(
        &self,
        method: &'static str,
        call: impl AsyncFn(&Stores, &Records) -> Result<T, PortError>,
    ) {
        self.dropped.lock().unwrap().insert(method);
        for times in 1..MAX_POLLS {
            let records = self.world.records().await;
            let done = polled(times, call(&self.world.stores, &records)).await;
            self.world
                .assert_sound(&format!("{times} polls of {method}"))
                .await;
            if let Some(result) = done {
                assert!(result.is_ok(), "{method}: {:?}", result.err());
                return;
            }
        }
        panic!("{method} never completes");
    }

    /// Fails for missing methods.
    fn assert_complete(self) {
        let methods = self.source.lines().filter_map(|line| {
            let declaration = line.trim_start().strip_prefix("async fn ")?;
            declaration.split(['(', '<']).next()
        });
        assert_eq!(self.dropped.into_inner().unwrap(), methods.collect());
    }
}

/// A port of that world; `$file` declares its trait.
macro_rules! port {
    ($world:expr, $file:literal) => {
        Port::new(
            $world,
            include_str!(concat!("../../../application/src/ports/", $file)),
        )
    };
}

const PAGE: OffsetPage = OffsetPage { skip: 0, limit: 10 };

async fn dropped_calls_about_users_leave_sound_connections(test_database: &TestDatabase) {
    let world = World::new(test_database).await;
    let make = &world.make;
    let new_user = || make.user(&format!("{}@example.org", make.user_id()));
    let port = port!(&world, "users.rs");
    port.drop_everywhere("add", async |stores, _| {
        stores.users.add(&new_user(), None).await
    })
    .await;
    port.drop_everywhere("add_first_administrator", async |stores, _| {
        let user = make.administrator(&format!("{}@example.org", make.user_id()));
        let hash = password_hash("x");
        stores.users.add_first_administrator(&user, &hash).await
    })
    .await;
    port.drop_everywhere("get", async |stores, it| stores.users.get(it.user.id).await)
        .await;
    port.drop_everywhere("find_all", async |stores, it| {
        stores.users.find_all(&[it.user.id]).await
    })
    .await;
    port.drop_everywhere("find_credentials", async |stores, it| {
        stores.users.find_credentials(&it.user.email).await
    })
    .await;
    port.drop_everywhere("list", async |stores, _| stores.users.list(PAGE).await)
        .await;
    port.drop_everywhere("update", async |stores, it| {
        let changes = UserChanges {
            is_active: Some(false),
            password: Some(PasswordChange::to(password_hash("y"))),
            ..UserChanges::none(moment(1))
        };
        stores.users.update(it.user.id, &changes).await
    })
    .await;
    port.drop_everywhere("rehash", async |stores, it| {
        let (old, new) = (password_hash("x"), password_hash("y"));
        stores.users.rehash(it.user.id, &old, &new).await
    })
    .await;
    port.drop_everywhere("delete", async |stores, it| {
        stores.users.delete(it.user.id).await
    })
    .await;
    port.assert_complete();
}

fn hash_of(token: &AccessToken) -> TokenHash {
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(token.id.as_uuid().as_bytes());
    TokenHash(hash)
}

async fn dropped_calls_about_tokens_leave_sound_connections(test_database: &TestDatabase) {
    let world = World::new(test_database).await;
    let port = port!(&world, "tokens.rs");
    port.drop_everywhere("add", async |stores, it| {
        let token = world.make.token(it.user.id, TokenKind::ApiKey);
        let grounds = Grounds::Operator;
        stores.tokens.add(&token, &hash_of(&token), &grounds).await
    })
    .await;
    port.drop_everywhere("authenticate", async |stores, it| {
        let hash = hash_of(&it.token);
        stores.tokens.authenticate(&hash, second(1)).await
    })
    .await;
    port.drop_everywhere("list", async |stores, it| {
        stores.tokens.list(it.user.id, None, PAGE).await
    })
    .await;
    port.drop_everywhere("revoke", async |stores, it| {
        stores.tokens.revoke(it.user.id, it.token.id).await
    })
    .await;
    port.drop_everywhere("remove_expired", async |stores, _| {
        stores.tokens.remove_expired(second(2)).await
    })
    .await;
    port.assert_complete();
}

async fn dropped_calls_about_sign_ins_leave_sound_connections(test_database: &TestDatabase) {
    let world = World::new(test_database).await;
    let attempt = |it: &Records| SignInAttempt {
        id: it.user.id.as_uuid(),
        account: AccountKey([1; 32]),
        place: PlaceKey([2; 32]),
        at: second(3),
    };
    let port = port!(&world, "sign_ins.rs");
    port.drop_everywhere("begin", async |stores, it| {
        let limits = SignInLimits {
            failures_per_minute: 1_000_000,
        };
        stores.sign_ins.begin(&attempt(it), limits).await
    })
    .await;
    port.drop_everywhere("refuse", async |stores, it| {
        stores.sign_ins.refuse(&attempt(it)).await
    })
    .await;
    port.drop_everywhere("succeed", async |stores, it| {
        stores.sign_ins.succeed(&attempt(it)).await
    })
    .await;
    port.drop_everywhere("withdraw", async |stores, it| {
        stores.sign_ins.withdraw(&attempt(it)).await
    })
    .await;
    port.drop_everywhere("remove_outdated", async |stores, _| {
        stores.sign_ins.remove_outdated(second(1_000_000)).await
    })
    .await;
    port.assert_complete();
}

async fn dropped_calls_about_assistants_leave_sound_connections(test_database: &TestDatabase) {
    let world = World::new(test_database).await;
    let port = port!(&world, "assistants.rs");
    port.drop_everywhere("add", async |stores, _| {
        let assistant = world.make.assistant("Another");
        stores.assistants.add(&assistant).await
    })
    .await;
    port.drop_everywhere("get", async |stores, it| {
        let reference = AssistantRef::Id(it.assistant.id);
        let scope = AssistantScope::All;
        stores.assistants.get(&reference, &scope).await
    })
    .await;
    port.drop_everywhere("list", async |stores, _| {
        stores.assistants.list(&AssistantScope::All, PAGE).await
    })
    .await;
    port.drop_everywhere("update", async |stores, it| {
        let mut assistant = it.assistant.clone();
        assistant.revision += 1;
        let change = |_: &Assistant| Some(assistant.clone());
        stores.assistants.update(assistant.id, &change).await
    })
    .await;
    port.drop_everywhere("revision", async |stores, it| {
        stores.assistants.revision(it.assistant.id, 1).await
    })
    .await;
    port.drop_everywhere("void_answers", async |stores, it| {
        stores.assistants.void_answers(it.assistant.id).await
    })
    .await;
    port.drop_everywhere("avatars", async |stores, _| {
        stores.assistants.avatars(None, 10).await
    })
    .await;
    port.drop_everywhere("models", async |stores, _| {
        stores.assistants.models(10).await
    })
    .await;
    port.drop_everywhere("delete", async |stores, it| {
        stores.assistants.delete(it.assistant.id).await
    })
    .await;
    port.assert_complete();
}

async fn dropped_calls_about_threads_leave_sound_connections(test_database: &TestDatabase) {
    let world = World::new(test_database).await;
    let port = port!(&world, "threads.rs");
    port.drop_everywhere("add", async |stores, it| {
        let thread = world.make.thread(it.user.id);
        stores.threads.add(&thread).await
    })
    .await;
    port.drop_everywhere("get", async |stores, it| {
        stores.threads.get(it.thread.id, &ThreadScope::All).await
    })
    .await;
    port.drop_everywhere("list", async |stores, _| {
        let query = ThreadQuery {
            scope: ThreadScope::All,
            owner: None,
            assistant: None,
            order: ThreadOrder::ACTIVITY,
            limit: 10,
        };
        stores.threads.list(&query).await
    })
    .await;
    port.drop_everywhere("update", async |stores, it| {
        let changes = ThreadChanges {
            name: Some(ThreadName::parse("Renamed").unwrap()),
            assistant_id: None,
            updated_at: moment(1),
        };
        stores.threads.update(it.thread.id, &changes).await
    })
    .await;
    port.drop_everywhere("delete", async |stores, it| {
        stores.threads.delete(it.thread.id).await
    })
    .await;
    port.assert_complete();
}

async fn dropped_calls_about_messages_leave_sound_connections(test_database: &TestDatabase) {
    let world = World::new(test_database).await;
    let port = port!(&world, "messages.rs");
    port.drop_everywhere("get", async |stores, it| {
        let message = it.start.message.id;
        stores.messages.get(it.thread.id, message).await
    })
    .await;
    port.drop_everywhere("list", async |stores, it| {
        let scope = MessageScope::Conversation;
        let from = MessagesFrom::OLDEST;
        stores.messages.list(it.thread.id, scope, from, 10).await
    })
    .await;
    port.drop_everywhere("latest", async |stores, it| {
        let thread = it.thread.id;
        stores.messages.latest(thread, 10, 10, 1_000).await
    })
    .await;
    port.drop_everywhere("of_run", async |stores, it| {
        stores.messages.of_run(it.thread.id, it.start.run.id).await
    })
    .await;
    port.drop_everywhere("reasoning", async |stores, it| {
        let messages = [it.start.message.id];
        stores.messages.reasoning(&messages, 1_000).await
    })
    .await;
    port.drop_everywhere("delete", async |stores, it| {
        let message = it.start.message.id;
        stores.messages.delete(it.thread.id, message).await
    })
    .await;
    port.assert_complete();
}

async fn dropped_calls_about_runs_leave_sound_connections(test_database: &TestDatabase) {
    let world = World::new(test_database).await;
    let make = &world.make;
    let port = port!(&world, "runs.rs");
    // One statement far from the limit, a transaction close to it.
    for limit in [10_000, 10] {
        port.drop_everywhere("commit", async |stores, it| {
            let question = make.question("Well?");
            let mut start = make.start(&it.other_thread, make.instance(), question);
            start.max_per_user = limit;
            stores.runs.start(&start).await
        })
        .await;
    }
    port.drop_everywhere("commit", async |stores, it| {
        stores.runs.finish(&it.end).await?;
        let question = make.question("Well?");
        let mut again = make.start(&it.thread, make.instance(), question).commit();
        again.truncate_after = Some(1);
        stores.runs.commit(&again).await
    })
    .await;
    // One statement if the end of the log is known, otherwise a transaction.
    for log_end in [Some(1), None] {
        port.drop_everywhere("commit", async |stores, it| {
            let end = RunEnd {
                log_end,
                ..it.end.clone()
            };
            stores.runs.finish(&end).await
        })
        .await;
    }
    port.drop_everywhere("renew", async |stores, it| {
        let (run, holder) = (it.start.run.id, it.start.lease.holder);
        stores.runs.renew(holder, &[run], second(60)).await
    })
    .await;
    port.drop_everywhere("commit", async |stores, it| {
        let end = RunEnding::cancelled(second(1));
        stores.force_end(it.start.run.id, &end).await
    })
    .await;
    port.drop_everywhere("active", async |stores, it| {
        stores.runs.active(it.start.run.id).await
    })
    .await;
    port.drop_everywhere("abandoned", async |stores, it| {
        let abandoned = AbandonedRuns::HeldBy(it.start.lease.holder);
        stores.runs.abandoned(abandoned).await
    })
    .await;
    port.drop_everywhere("find", async |stores, it| {
        stores.runs.find(it.start.run.id).await
    })
    .await;
    port.drop_everywhere("get", async |stores, it| {
        stores.runs.get(it.thread.id, it.start.run.id).await
    })
    .await;
    port.drop_everywhere("list", async |stores, it| {
        stores.runs.list(it.thread.id, None, 10).await
    })
    .await;
    port.assert_complete();
}

async fn dropped_calls_about_events_leave_sound_connections(test_database: &TestDatabase) {
    let world = World::new(test_database).await;
    let port = port!(&world, "events.rs");
    port.drop_everywhere("append", async |stores, it| {
        let kind = RunEventKind::MessageDelta {
            message_id: world.make.message_id(),
            part: ContentPart::Text,
            text: "Well".to_owned(),
        };
        let events = RunEvents {
            run_id: it.start.run.id,
            events: vec![RunEvent { number: 2, kind }],
        };
        let holder = it.start.lease.holder;
        stores.events.append(holder, &[events]).await
    })
    .await;
    port.drop_everywhere("list", async |stores, it| {
        stores.events.list(it.start.run.id, 0, 10).await
    })
    .await;
    port.assert_complete();
}

async fn dropped_calls_about_deletions_leave_sound_connections(test_database: &TestDatabase) {
    let world = World::new(test_database).await;
    let port = port!(&world, "deletions.rs");
    for _ in 0..MAX_POLLS {
        let thread = world.records().await.thread;
        world.observer.threads.delete(thread.id).await.unwrap();
    }
    port.drop_everywhere("remove_batch", async |stores, _| {
        stores.deletions.remove_batch(500).await
    })
    .await;
    port.assert_complete();
}

async fn dropped_checks_of_health_leave_sound_connections(test_database: &TestDatabase) {
    let world = World::new(test_database).await;
    let port = port!(&world, "health.rs");
    port.drop_everywhere("check", async |_, _| world.database.check().await)
        .await;
    port.assert_complete();
}
