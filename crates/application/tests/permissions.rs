//! The default policy's decisions, and that its list scopes agree.

#![expect(clippy::unwrap_used, reason = "a failure ends the test")]

use std::sync::Arc;

use colloquy_application::permissions::{Decision, DefaultPolicy, PermissionPolicy};
use colloquy_application::ports::NewMessage;
use colloquy_application::testing::samples::{Samples, moment};
use colloquy_domain::{
    Actor, Assistant, Message, MessageKind, MessageStatus, Role, Thread, User, UserId,
};

/// All kinds of actors, relative to a thread of `owner`.
struct People {
    guest: Actor,
    owner: Actor,
    stranger: Actor,
    administrator: Actor,
}

impl People {
    fn new(make: &Samples) -> Self {
        let actor = |user: User| Actor::User(Arc::new(user));
        Self {
            guest: Actor::Guest,
            owner: actor(make.user("owner@example.org")),
            stranger: actor(make.user("stranger@example.org")),
            administrator: actor(make.administrator("admin@example.org")),
        }
    }

    fn all(&self) -> [&Actor; 4] {
        [
            &self.guest,
            &self.owner,
            &self.stranger,
            &self.administrator,
        ]
    }

    fn owner_id(&self) -> UserId {
        self.owner.user_id().unwrap()
    }
}

/// A decision without its reason.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Allow,
    SignIn,
    Forbid,
    Hide,
}
use Verdict::{Allow, Forbid, Hide, SignIn};

fn verdict(decision: Decision) -> Verdict {
    match decision {
        Decision::Allow => Allow,
        Decision::Unauthenticated => SignIn,
        Decision::Forbidden(reason) => {
            assert!(reason.ends_with('.'), "a reason is a sentence: {reason}");
            Forbid
        }
        Decision::Hidden => Hide,
    }
}

fn message(make: &Samples, thread: &Thread) -> Message {
    let new = NewMessage {
        id: make.message_id(),
        kind: MessageKind::Human,
        content: "Hello".to_owned(),
        reasoning: None,
        status: MessageStatus::Completed,
        tool_call: None,
        assistant_id: None,
        created_at: moment(0),
    };
    new.placed(thread.id, make.run_id(), 1)
}

#[tokio::test]
async fn a_thread_is_its_owners_and_administrators_may_see_and_delete_it() {
    let make = Samples::new();
    let people = People::new(&make);
    let owned = make.thread(people.owner_id());
    let orphan = Thread {
        owner_id: None,
        ..owned.clone()
    };
    let policy = DefaultPolicy;
    //                          guest, owner, stranger, administrator
    let owned_view = [SignIn, Allow, Hide, Allow];
    let owned_write = [SignIn, Allow, Hide, Forbid];
    let orphan_view = [SignIn, Hide, Hide, Allow];
    let orphan_write = [SignIn, Hide, Hide, Forbid];
    for (thread, view, write) in [
        (&owned, owned_view, owned_write),
        (&orphan, orphan_view, orphan_write),
    ] {
        let message = message(&make, thread);
        for (index, actor) in people.all().into_iter().enumerate() {
            let may_view = verdict(policy.view_thread(actor, thread).await);
            let may_delete = verdict(policy.delete_thread(actor, thread).await);
            let may_update = verdict(policy.update_thread(actor, thread).await);
            let may_post = verdict(policy.create_message(actor, thread).await);
            let may_unsay = verdict(policy.delete_message(actor, thread, &message).await);
            assert_eq!([&may_view, &may_delete], [&view[index]; 2], "{actor:?}");
            assert_eq!(
                [&may_update, &may_post, &may_unsay],
                [&write[index]; 3],
                "{actor:?}"
            );
        }
    }
}

#[tokio::test]
async fn signed_in_users_open_threads_and_administrators_manage() {
    let make = Samples::new();
    let (people, assistant) = (People::new(&make), make.assistant("Guide"));
    let policy = DefaultPolicy;
    //                  guest, owner, stranger, administrator
    let create = [SignIn, Allow, Allow, Allow];
    let manage = [SignIn, Forbid, Forbid, Allow];
    for (index, actor) in people.all().into_iter().enumerate() {
        assert_eq!(verdict(policy.create_thread(actor).await), create[index]);
        assert_eq!(
            verdict(policy.manage_assistants(actor).await),
            manage[index]
        );
        assert_eq!(verdict(policy.manage_users(actor).await), manage[index]);
        let overridden = policy
            .override_run(actor, &assistant, "settings.model")
            .await;
        assert_eq!(verdict(overridden), manage[index]);
    }
}

/// All combinations of private and enabled.
fn assistants(make: &Samples) -> [Assistant; 4] {
    [(false, true), (true, true), (false, false), (true, false)].map(
        |(user_authentication, is_enabled)| Assistant {
            user_authentication,
            is_enabled,
            ..make.assistant("Guide")
        },
    )
}

#[tokio::test]
async fn assistants_are_seen_and_run_by_those_they_are_for() {
    let make = Samples::new();
    let people = People::new(&make);
    let policy = DefaultPolicy;
    //              guest, user, user, administrator
    let view = [
        [Allow, Allow, Allow, Allow],  // public
        [SignIn, Allow, Allow, Allow], // private
        [Hide, Hide, Hide, Allow],     // disabled
        [Hide, Hide, Hide, Allow],     // private and disabled
    ];
    let run = [
        [SignIn, Allow, Allow, Allow],
        [SignIn, Allow, Allow, Allow],
        [SignIn, Hide, Hide, Forbid],
        [SignIn, Hide, Hide, Forbid],
    ];
    for (row, assistant) in assistants(&make).iter().enumerate() {
        for (column, actor) in people.all().into_iter().enumerate() {
            let may_view = verdict(policy.view_assistant(actor, assistant).await);
            let may_run = verdict(policy.run_assistant(actor, assistant).await);
            assert_eq!(may_view, view[row][column], "{actor:?} sees {assistant:?}");
            assert_eq!(may_run, run[row][column], "{actor:?} runs {assistant:?}");
        }
    }
}

#[tokio::test]
async fn a_list_shows_exactly_what_the_view_decision_allows() {
    let make = Samples::new();
    let people = People::new(&make);
    let policy = DefaultPolicy;
    let owners = people.all().map(Actor::user_id);
    for actor in people.all() {
        let scope = policy.assistant_scope(actor).await;
        for assistant in assistants(&make) {
            let visible = policy.view_assistant(actor, &assistant).await.is_allowed();
            assert_eq!(
                scope.contains(&assistant),
                visible,
                "{actor:?} {assistant:?}"
            );
        }
        let scope = policy.thread_scope(actor).await;
        for owner_id in owners {
            let thread = Thread {
                owner_id,
                ..make.thread(people.owner_id())
            };
            let visible = policy.view_thread(actor, &thread).await.is_allowed();
            assert_eq!(scope.contains(&thread), visible, "{actor:?} {thread:?}");
        }
    }
}

#[tokio::test]
async fn letting_more_people_read_a_thread_lets_them_do_nothing_else() {
    struct EverybodyReads;

    #[async_trait::async_trait]
    impl PermissionPolicy for EverybodyReads {
        async fn view_thread(&self, _actor: &Actor, _thread: &Thread) -> Decision {
            Decision::Allow
        }
    }

    let make = Samples::new();
    let people = People::new(&make);
    let thread = make.thread(people.owner_id());
    let policy: Arc<dyn PermissionPolicy> = Arc::new(EverybodyReads);
    let stranger = &people.stranger;
    assert!(policy.view_thread(stranger, &thread).await.is_allowed());
    assert!(!policy.delete_thread(stranger, &thread).await.is_allowed());
    assert!(!policy.update_thread(stranger, &thread).await.is_allowed());
    assert!(!policy.create_message(stranger, &thread).await.is_allowed());
}

#[test]
fn every_role_has_its_column_in_these_tables() {
    assert_eq!(Role::ALL, [Role::Admin, Role::User]);
}
