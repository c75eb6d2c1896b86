//! Calls that are dropped at each of their awaits: whoever comes next must not notice.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use colloquy_application::Stores;
use colloquy_application::ports::{
    AbandonedRuns, AccountKey, AssistantScope, ForcedEnd, Grounds, MessageScope, MessagesFrom,
    OffsetPage, PasswordChange, PlaceKey, PortError, RunEnd, RunEvents, RunStart, SignInAttempt,
    ThreadChanges, ThreadOrder, ThreadQuery, ThreadScope, TokenHash, UserChanges,
};
use colloquy_application::sign_in_limits::SignInLimits;
use colloquy_application::testing::samples::{Samples, moment, password_hash, second};
use colloquy_domain::{
    AccessToken, Assistant, AssistantRef, RunEvent, RunEventKind, Thread, ThreadName, TokenKind,
    User,
};
use colloquy_persistence::{Database, DatabaseOptions};

use crate::places::Place;
use crate::{on_both_databases, stores};

on_both_databases! {
    dropped_reads_and_changes_of_records_leave_sound_connections,
    dropped_starts_and_ends_of_runs_leave_sound_connections,
}

/// How often a future is polled at the most: more than any operation takes.
const MOST_POLLS: usize = 200;

/// Few, so that one that is spoilt is used again at once.
const CONNECTIONS: u32 = 2;

/// Polls the future so often, unless it is ready before, and drops it.
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

/// A database that is used, and the same seen by somebody else, who sees what is committed only.
struct World {
    make: Samples,
    stores: Stores,
    observer: Stores,
    owner: User,
}

/// Records for one call.
struct Records {
    user: User,
    thread: Thread,
    other_thread: Thread,
    assistant: Assistant,
    token: AccessToken,
    /// Of a run that is in progress.
    start: RunStart,
    end: RunEnd,
}

impl World {
    async fn new(place: &Place) -> Self {
        let mut options = DatabaseOptions::default();
        options.max_connections = CONNECTIONS;
        place.migrated().await.close().await;
        let database = Database::connect(&place.url, options).await.unwrap();
        let make = Samples::new();
        let world = Self {
            owner: make.user("owner@example.org"),
            make,
            stores: stores(&database),
            observer: stores(&place.open().await),
        };
        world.stores.users.add(&world.owner, None).await.unwrap();
        world
    }

    async fn records(&self) -> Records {
        let (make, stores) = (&self.make, &self.observer);
        let user = make.user(&format!("{}@example.org", make.user_id()));
        stores.users.add(&user, None).await.unwrap();
        let thread = make.thread(user.id);
        stores.threads.add(&thread).await.unwrap();
        let assistant = make.assistant("Tested");
        stores.assistants.add(&assistant).await.unwrap();
        let token = make.token(user.id, TokenKind::ApiKey);
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

    /// Does it again and again, dropped one poll later each time, until it is ready before.
    async fn drop_everywhere<T>(
        &self,
        name: &str,
        operation: impl AsyncFn(&Stores, &Records) -> Result<T, PortError>,
    ) {
        for times in 1..MOST_POLLS {
            let records = self.records().await;
            let done = polled(times, operation(&self.stores, &records)).await;
            self.assert_sound(name, times).await;
            if let Some(result) = done {
                assert!(result.is_ok(), "{name}: {:?}", result.err());
                return;
            }
        }
        panic!("{name} is never ready");
    }

    /// Every connection writes what somebody else sees then.
    async fn assert_sound(&self, name: &str, times: usize) {
        let writing = (0..2 * CONNECTIONS).map(|_| async {
            let thread = self.make.thread(self.owner.id);
            let written = self.stores.threads.add(&thread).await;
            assert!(
                written.is_ok(),
                "after {times} polls of {name}: {written:?}"
            );
            let seen = self
                .observer
                .threads
                .get(thread.id, &ThreadScope::All)
                .await
                .unwrap();
            assert!(seen.is_some(), "lost after {times} polls of {name}");
            let page = OffsetPage { skip: 0, limit: 1 };
            let listed = self.stores.users.list(page).await;
            assert!(listed.is_ok(), "after {times} polls of {name}: {listed:?}");
        });
        futures_util::future::join_all(writing).await;
    }
}

const PAGE: OffsetPage = OffsetPage { skip: 0, limit: 10 };

async fn dropped_reads_and_changes_of_records_leave_sound_connections(place: &Place) {
    let world = World::new(place).await;
    users(&world).await;
    tokens_and_sign_ins(&world).await;
    assistants(&world).await;
    threads_and_messages(&world).await;
}

async fn users(world: &World) {
    let make = &world.make;
    world
        .drop_everywhere("users.add", async |stores, _| {
            let user = make.user(&format!("{}@example.org", make.user_id()));
            stores.users.add(&user, None).await
        })
        .await;
    world
        .drop_everywhere("users.add_first_administrator", async |stores, _| {
            let user = make.administrator(&format!("{}@example.org", make.user_id()));
            let hash = password_hash("x");
            stores.users.add_first_administrator(&user, &hash).await
        })
        .await;
    world
        .drop_everywhere("users.get", async |stores, it| {
            stores.users.get(it.user.id).await
        })
        .await;
    world
        .drop_everywhere("users.list", async |stores, _| {
            stores.users.list(PAGE).await
        })
        .await;
    world
        .drop_everywhere("users.update", async |stores, it| {
            let changes = UserChanges {
                is_active: Some(false),
                password: Some(PasswordChange::to(password_hash("y"))),
                ..UserChanges::none(moment(1))
            };
            stores.users.update(it.user.id, &changes).await
        })
        .await;
    world
        .drop_everywhere("users.delete", async |stores, it| {
            stores.users.delete(it.user.id).await
        })
        .await;
}

/// One that no other token has.
fn hash_of(token: &AccessToken) -> TokenHash {
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(token.id.as_uuid().as_bytes());
    TokenHash(hash)
}

async fn tokens_and_sign_ins(world: &World) {
    world
        .drop_everywhere("tokens.add, authenticate, revoke", async |stores, it| {
            let hash = hash_of(&it.token);
            let grounds = Grounds::Operator;
            stores.tokens.add(&it.token, &hash, &grounds).await?;
            stores.tokens.authenticate(&hash, second(1)).await?;
            let keys = TokenKind::ApiKey;
            stores.tokens.list(it.user.id, keys, PAGE).await?;
            stores.tokens.revoke(it.user.id, it.token.id).await?;
            stores.tokens.remove_expired(second(2)).await
        })
        .await;
    world
        .drop_everywhere("sign_ins", async |stores, it| {
            let attempt = SignInAttempt {
                id: it.user.id.as_uuid(),
                account: AccountKey([1; 32]),
                place: PlaceKey([2; 32]),
                at: second(3),
            };
            let limits = SignInLimits {
                failures_per_minute: 1_000_000,
            };
            stores.sign_ins.begin(&attempt, limits).await?;
            stores.sign_ins.refuse(&attempt).await?;
            stores.sign_ins.succeed(&attempt).await?;
            stores.sign_ins.remove_outdated(second(1_000_000)).await
        })
        .await;
}

async fn assistants(world: &World) {
    let make = &world.make;
    world
        .drop_everywhere("assistants.add", async |stores, _| {
            stores.assistants.add(&make.assistant("Another")).await
        })
        .await;
    world
        .drop_everywhere("assistants.list", async |stores, it| {
            let reference = AssistantRef::Id(it.assistant.id);
            stores
                .assistants
                .get(&reference, &AssistantScope::All)
                .await?;
            stores.assistants.list(&AssistantScope::All, PAGE).await
        })
        .await;
    world
        .drop_everywhere("assistants.update, delete", async |stores, it| {
            let mut assistant = it.assistant.clone();
            assistant.revision += 1;
            let change = |_: &Assistant| Some(assistant.clone());
            stores.assistants.update(assistant.id, &change).await?;
            stores.assistants.void_answers(assistant.id).await?;
            stores.assistants.delete(assistant.id).await
        })
        .await;
}

async fn threads_and_messages(world: &World) {
    world
        .drop_everywhere("threads.update", async |stores, it| {
            let changes = ThreadChanges {
                name: Some(ThreadName::parse("Renamed").unwrap()),
                assistant_id: None,
                updated_at: moment(1),
            };
            stores.threads.update(it.thread.id, &changes).await
        })
        .await;
    world
        .drop_everywhere("threads.list, messages.list", async |stores, it| {
            let query = ThreadQuery {
                scope: ThreadScope::All,
                owner: None,
                assistant: None,
                order: ThreadOrder::ACTIVITY,
                limit: 10,
            };
            stores.threads.list(&query).await?;
            let scope = MessageScope::Conversation;
            stores
                .messages
                .list(it.thread.id, scope, MessagesFrom::OLDEST, 10)
                .await
        })
        .await;
    world
        .drop_everywhere("messages.delete", async |stores, it| {
            let message = it.start.message.id;
            stores.messages.delete(it.thread.id, message).await
        })
        .await;
    world
        .drop_everywhere("threads.delete", async |stores, it| {
            stores.threads.delete(it.thread.id).await
        })
        .await;
}

async fn dropped_starts_and_ends_of_runs_leave_sound_connections(place: &Place) {
    let world = World::new(place).await;
    let make = &world.make;
    // Far from the limit it is one statement, near to it a transaction.
    for limit in [10_000, 10] {
        world
            .drop_everywhere("runs.start", async |stores, it| {
                let question = make.question("Well?");
                let mut start = make.start(&it.other_thread, make.instance(), question);
                start.max_per_user = limit;
                stores.runs.start(&start).await
            })
            .await;
    }
    // With an end that is known it is one statement, otherwise a transaction.
    for log_end in [Some(1), None] {
        world
            .drop_everywhere("runs.finish", async |stores, it| {
                let end = RunEnd {
                    log_end,
                    ..it.end.clone()
                };
                stores.runs.finish(&end).await
            })
            .await;
    }
    world
        .drop_everywhere("events.append, list", async |stores, it| {
            let text = RunEventKind::MessageDelta {
                message_id: make.message_id(),
                text: "Well".to_owned(),
            };
            let events = RunEvents {
                run_id: it.start.run.id,
                events: vec![RunEvent {
                    number: 2,
                    kind: text,
                }],
            };
            let holder = it.start.lease.holder;
            stores.events.append(holder, &[events]).await?;
            stores.events.list(it.start.run.id, 0, 10).await
        })
        .await;
    world
        .drop_everywhere("runs.renew, force_end", async |stores, it| {
            let run = it.start.run.id;
            let holder = it.start.lease.holder;
            stores.runs.renew(holder, &[run], second(60)).await?;
            let end = ForcedEnd::cancelled(second(1));
            stores.runs.force_end(run, &end).await
        })
        .await;
    world
        .drop_everywhere("runs.interrupt", async |stores, it| {
            let abandoned = AbandonedRuns::HeldBy(it.start.lease.holder);
            let end = ForcedEnd::interrupted(second(1));
            stores.runs.interrupt(abandoned, &end).await
        })
        .await;
}
