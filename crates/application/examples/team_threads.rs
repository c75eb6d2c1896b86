//! A custom permission policy: team members read and write in one another's threads.
//!
//! A policy overrides the methods that it changes. `view_thread` guards single threads,
//! `thread_scope` filters lists: they must agree.
//!
//! `cargo run -p colloquy-application --example team_threads`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use colloquy_application::accounts::NewAccount;
use colloquy_application::permissions::{Decision, DefaultPolicy, PermissionPolicy};
use colloquy_application::ports::{
    BoxError, IdGenerator as _, InstanceId, ThreadOrder, ThreadScope,
};
use colloquy_application::system::UuidV7Generator;
use colloquy_application::testing::fakes::{Memory, ScriptedModel};
use colloquy_application::threads::{NewThread, Owner, ThreadFilter, ThreadUpdate};
use colloquy_application::{Error, Settings, UseCases};
use colloquy_domain::{Actor, Email, Role, Thread, ThreadName, UserId};

/// Team memberships. A real policy would query a directory.
#[derive(Default)]
struct TeamPolicy {
    teams: RwLock<HashMap<UserId, &'static str>>,
}

impl TeamPolicy {
    fn add(&self, user: UserId, team: &'static str) {
        let mut teams = self.teams.write().unwrap_or_else(PoisonError::into_inner);
        teams.insert(user, team);
    }

    /// The user and their team mates.
    fn mates(&self, user: UserId) -> Vec<UserId> {
        let teams = self.teams.read().unwrap_or_else(PoisonError::into_inner);
        let team = teams.get(&user);
        let mates = teams.iter().filter(|(_, of)| Some(*of) == team);
        let others = mates.map(|(mate, _)| *mate).filter(|mate| *mate != user);
        others.chain([user]).collect()
    }

    fn is_of_a_mate(&self, actor: &Actor, thread: &Thread) -> bool {
        let both = actor.user_id().zip(thread.owner_id);
        both.is_some_and(|(user, owner)| self.mates(user).contains(&owner))
    }
}

#[async_trait]
impl PermissionPolicy for TeamPolicy {
    async fn view_thread(&self, actor: &Actor, thread: &Thread) -> Decision {
        if self.is_of_a_mate(actor, thread) {
            return Decision::Allow;
        }
        DefaultPolicy.view_thread(actor, thread).await
    }

    async fn create_message(&self, actor: &Actor, thread: &Thread) -> Decision {
        if self.is_of_a_mate(actor, thread) {
            return Decision::Allow;
        }
        DefaultPolicy.create_message(actor, thread).await
    }

    async fn update_thread(&self, actor: &Actor, thread: &Thread) -> Decision {
        match DefaultPolicy.update_thread(actor, thread).await {
            // Mates see the thread, so they may learn why they are refused.
            Decision::Hidden if self.is_of_a_mate(actor, thread) => {
                Decision::forbidden("Only its owner renames a thread.")
            }
            decision => decision,
        }
    }

    async fn thread_scope(&self, actor: &Actor) -> ThreadScope {
        match actor.user_id() {
            Some(user) if !actor.is_admin() => ThreadScope::OwnedBy(self.mates(user)),
            _ => DefaultPolicy.thread_scope(actor).await,
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let policy = Arc::new(TeamPolicy::default());
    let ports = Memory::new().ports(Arc::new(ScriptedModel::new([])));
    let settings = Settings::new(InstanceId(UuidV7Generator.next_id()));
    let service = UseCases::new(ports, policy.clone(), settings);

    let mut people = vec![("a guest", Actor::Guest)];
    let mut threads = Vec::new();
    for (name, team, role) in [
        ("Ada", Some("red"), Role::User),
        ("Ben", Some("red"), Role::User),
        ("Cleo", Some("blue"), Role::User),
        ("Dan", None, Role::User),
        ("Admin", None, Role::Admin),
    ] {
        let email = Email::parse(format!("{name}@example.org"))?;
        let account = NewAccount {
            role,
            ..NewAccount::new(email)
        };
        let user = service.accounts.create(account).await?;
        if let Some(team) = team {
            policy.add(user.id, team);
        }
        let actor = Actor::from(user);
        let named = NewThread {
            name: Some(ThreadName::parse(name)?),
            ..NewThread::default()
        };
        threads.push(service.threads.create(&actor, named).await?);
        people.push((name, actor));
    }

    // For everyone, lists contain exactly the threads that can be opened.
    for (name, actor) in &people {
        let scope = policy.thread_scope(actor).await;
        let mut seen = Vec::new();
        for thread in &threads {
            let is_visible = policy.view_thread(actor, thread).await.is_allowed();
            assert_eq!(scope.contains(thread), is_visible);
            seen.extend(is_visible.then_some(thread.name.as_str()));
        }
        println!("{name} sees the threads of {seen:?}");
    }

    let (adas, ben, cleo) = (&threads[0], &people[2].1, &people[3].1);
    let all = ThreadFilter {
        owner: Owner::Anyone,
        assistant: None,
        order: ThreadOrder::CREATION,
        limit: 10,
    };
    let list = service.threads.list(ben, all).await?.items;
    assert_eq!(list, [threads[1].clone(), adas.clone()]);
    let renamed = service
        .threads
        .update(ben, adas.id, ThreadUpdate::default())
        .await;
    assert!(matches!(renamed, Err(Error::Forbidden(_))));
    let hidden = service.threads.get(cleo, adas.id).await;
    assert!(matches!(hidden, Err(Error::NotFound)));
    Ok(())
}

#[test]
fn it_does_what_it_says() -> Result<(), BoxError> {
    main()
}
