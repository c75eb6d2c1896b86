//! Contract of [`RunRepository`](crate::ports::RunRepository): paused runs.

use colloquy_domain::{
    CallExecutor, MessageKind, RequestedCall, Run, RunAction, RunEnding, RunEvent, RunEventKind,
    RunState, RunStatus, ToolResult,
};

use super::logs::{append, deltas, has_started, log, numbers};
use super::{Stores, assert_conflict, at_once, only_winner};
use crate::ports::{
    AbandonedRuns, ActiveRun, Committed, Constraint, Expected, Lease, MessageScope, MessagesFrom,
    RunCommit,
};
use crate::testing::samples::{Samples, second};
use crate::testing::steps::{RunStart, RunSteps as _};

/// A run with text, one service tool call and one client tool call, paused until second 60.
async fn has_paused(stores: &Stores, make: &Samples) -> (RunStart, RunCommit) {
    let (_, start) = has_started(stores, make).await;
    let said = make.message_id();
    let call = |by| RequestedCall {
        message_id: make.message_id(),
        call: make.tool_call("{}"),
        by,
        needs_approval: false,
    };
    let (own, foreign) = (call(CallExecutor::Service), call(CallExecutor::Client));
    let calls = vec![own.clone(), foreign];
    let mut events = deltas(said, 2, &["let me ", "see"]);
    let kinds = [
        RunEventKind::ToolsRequested {
            round: 1,
            message_id: Some(said),
            calls,
        },
        RunEventKind::ToolReturned {
            message_id: own.message_id,
            result: result(&own, "two"),
        },
    ];
    events.extend(
        (4..)
            .zip(kinds)
            .map(|(number, kind)| RunEvent { number, kind }),
    );
    append(stores, &start, events).await;
    let state = fold(stores, &start.run).await;
    let action = state.required_action().unwrap();
    assert_eq!(action.kind, RunAction::SubmitToolOutputs);
    let closing = state.pausing(&start.run, action, second(60), second(3));
    let commit = RunCommit {
        events: closing.numbered(5),
        run: closing.run,
        expected: Expected::HeldBy {
            holder: start.lease.holder,
            log_end: Some(5),
        },
        lease: None,
        messages: closing.messages,
        thread_name: None,
        instructions: None,
        truncate_after: None,
    };
    stores.runs.commit(&commit).await.unwrap();
    (start, commit)
}

fn result(requested: &RequestedCall, content: &str) -> ToolResult {
    ToolResult {
        call_id: requested.call.id.clone(),
        name: requested.call.name.clone(),
        content: content.to_owned(),
        is_error: false,
    }
}

async fn fold(stores: &Stores, run: &Run) -> RunState {
    let events = log(stores, run.id).await;
    RunState::of(events.iter().map(|event| &event.kind))
}

/// The commit that resumes the run on another instance, with the client's result.
async fn resumption(stores: &Stores, make: &Samples, run: &Run) -> RunCommit {
    let state = fold(stores, run).await;
    let open = state.calls().find(|call| call.result.is_none()).unwrap();
    let requested = open.requested.clone();
    let returned = RunEventKind::ToolReturned {
        message_id: requested.message_id,
        result: result(&requested, "from outside"),
    };
    let log = log(stores, run.id).await;
    let log_end = log.last().unwrap().number;
    let resumed = state.resuming(run, vec![requested.message_id]);
    let kinds = [returned, resumed];
    let events = (log_end + 1..).zip(kinds);
    RunCommit {
        run: Run {
            status: RunStatus::InProgress,
            expires_at: None,
            required_action: None,
            ..run.clone()
        },
        expected: Expected::Paused {
            log_end,
            max_per_user: 10_000,
        },
        lease: Some(Lease {
            holder: make.instance(),
            expires_at: second(90),
        }),
        messages: Vec::new(),
        thread_name: None,
        instructions: None,
        truncate_after: None,
        events: events
            .map(|(number, kind)| RunEvent { number, kind })
            .collect(),
    }
}

pub async fn a_pause_stores_what_is_whole_and_lets_the_lease_go(stores: &Stores) {
    let make = Samples::new();
    let (start, commit) = has_paused(stores, &make).await;
    let run = commit.run;
    assert_eq!(run.status, RunStatus::RequiresAction);
    let found = stores.runs.find(run.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&run));
    let active = ActiveRun {
        run: run.clone(),
        lease: None,
        instructions: None,
    };
    assert_eq!(stores.runs.active(run.id).await.unwrap(), Some(active));
    let scope = MessageScope::WithTools;
    let messages = stores
        .messages
        .list(run.thread_id, scope, MessagesFrom::After(1), 10)
        .await;
    let messages = messages.unwrap().items;
    let kinds: Vec<_> = messages.iter().map(|message| message.kind).collect();
    assert_eq!(kinds, [MessageKind::Ai, MessageKind::Tool]);
    assert_eq!(messages[0].content, "let me see");
    let log = log(stores, run.id).await;
    assert_eq!(numbers(&log), (1..=7).collect::<Vec<_>>());
    let completed = RunEventKind::MessageCompleted {
        message: Box::new(messages[0].clone()),
    };
    assert_eq!(log[5].kind, completed);
    let paused = RunEventKind::Paused {
        run: Box::new(run.clone()),
    };
    assert_eq!(log[6].kind, paused);
    let holder = start.lease.holder;
    let held = stores.runs.renew(holder, &[run.id], second(99)).await;
    assert_eq!(held.unwrap(), []);
}

pub async fn a_paused_run_keeps_its_thread_and_its_holder_out(stores: &Stores) {
    let make = Samples::new();
    let (start, commit) = has_paused(stores, &make).await;
    let mut next = make.start(
        &make.thread(make.user_id()),
        make.instance(),
        make.question("Me"),
    );
    next.run.thread_id = commit.run.thread_id;
    next.run.user_id = None;
    let refused = stores.runs.start(&next).await;
    assert_conflict(refused, Constraint::ActiveRunPerThread);
    let late = stores.runs.finish(&make.end(&start, vec![])).await;
    assert_conflict(late, Constraint::RunLease);
}

pub async fn a_resumed_run_goes_on_where_it_was(stores: &Stores) {
    let make = Samples::new();
    let (_, paused) = has_paused(stores, &make).await;
    let resumed = resumption(stores, &make, &paused.run).await;
    let committed = stores.runs.commit(&resumed).await.unwrap();
    assert_eq!(committed, Committed::Written(Vec::new()));
    let state = fold(stores, &resumed.run).await;
    assert_eq!((state.paused(), state.parts()), (None, 2));
    let found = stores.runs.find(resumed.run.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&resumed.run));
    // The log shows the run as of then.
    let log = log(stores, resumed.run.id).await;
    let told: Vec<_> = log.into_iter().filter_map(run_of).collect();
    let started = Run {
        usage: None,
        ..resumed.run.clone()
    };
    assert_eq!(told, [started, paused.run.clone(), resumed.run.clone()]);
    assert!(state.calls().all(|call| call.result.is_some()));
    // What the pause stored is not stored again.
    let ending = RunEnding::cancelled(second(70));
    let closing = state.ending(&resumed.run, &ending);
    assert_eq!(closing.messages.len(), 1);
    assert_eq!(closing.messages[0].content, "from outside");
    let ended = stores.force_end(resumed.run.id, &ending).await.unwrap();
    assert_eq!(ended.status, RunStatus::Cancelled);
    let scope = MessageScope::WithTools;
    let thread = resumed.run.thread_id;
    let messages = stores
        .messages
        .list(thread, scope, MessagesFrom::OLDEST, 10)
        .await
        .unwrap();
    let positions: Vec<_> = messages.items.iter().map(|it| it.position).collect();
    assert_eq!(positions, [1, 2, 3, 4]);
}

fn run_of(event: RunEvent) -> Option<Run> {
    match event.kind {
        RunEventKind::Started { run, .. }
        | RunEventKind::Paused { run }
        | RunEventKind::Resumed { run, .. } => Some(*run),
        _ => None,
    }
}

pub async fn a_deleted_result_leaves_nothing_in_the_pause(stores: &Stores) {
    let make = Samples::new();
    let (_, paused) = has_paused(stores, &make).await;
    let run = &paused.run;
    let open = run.required_action.as_ref().unwrap().calls[0].message_id;
    let resumed = resumption(stores, &make, run).await;
    stores.runs.commit(&resumed).await.unwrap();
    let ending = RunEnding::cancelled(second(70));
    stores.force_end(run.id, &ending).await.unwrap();
    let deleted = stores.messages.delete(run.thread_id, open);
    deleted.await.unwrap();
    let log = log(stores, run.id).await;
    let told = log.into_iter().find_map(|event| match event.kind {
        RunEventKind::Paused { run } => run.required_action,
        _ => None,
    });
    assert_eq!(told.unwrap().calls, []);
    assert!(fold(stores, run).await.calls().count() == 1);
}

pub async fn one_of_many_resumptions_is_accepted(stores: &Stores) {
    let make = Samples::new();
    let (_, paused) = has_paused(stores, &make).await;
    let mut commits = Vec::new();
    for _ in 0..8 {
        commits.push(resumption(stores, &make, &paused.run).await);
    }
    let answers = at_once(commits.into_iter().map(|commit| {
        let runs = stores.runs.clone();
        async move { runs.commit(&commit).await.map(|_| commit.lease) }
    }));
    let winner = only_winner(answers.await, Constraint::RunLease);
    let active = stores.runs.active(paused.run.id).await.unwrap().unwrap();
    assert_eq!(active.lease, winner);
}

pub async fn a_run_that_goes_on_counts_among_its_users_runs(stores: &Stores) {
    let make = Samples::new();
    let (_, paused) = has_paused(stores, &make).await;
    let mut next = make.start(
        &make.thread(make.user_id()),
        make.instance(),
        make.question("Me"),
    );
    next.run.thread_id = stores.has_thread(&make).await.id;
    next.run.user_id = paused.run.user_id;
    stores.starts(&next).await;
    let mut resumed = resumption(stores, &make, &paused.run).await;
    let at_most = |resumed: &mut RunCommit, most| {
        if let Expected::Paused { max_per_user, .. } = &mut resumed.expected {
            *max_per_user = most;
        }
    };
    at_most(&mut resumed, 1);
    let refused = stores.runs.commit(&resumed).await;
    assert_conflict(refused, Constraint::ActiveRunsPerUser);
    let found = stores.runs.find(paused.run.id).await.unwrap();
    assert_eq!(found, Some(paused.run.clone()));
    at_most(&mut resumed, 2);
    stores.runs.commit(&resumed).await.unwrap();
    let again = stores.runs.commit(&resumed).await;
    assert_conflict(again, Constraint::RunLease);
}

pub async fn a_pause_that_nobody_ends_expires(stores: &Stores) {
    let make = Samples::new();
    let (_, paused) = has_paused(stores, &make).await;
    let (_, mut other) = has_started(stores, &make).await;
    other.lease.expires_at = second(90);
    let renewed = (other.lease.holder, [other.run.id], other.lease.expires_at);
    stores
        .runs
        .renew(renewed.0, &renewed.1, renewed.2)
        .await
        .unwrap();
    let interrupt = async |moment| {
        let overdue = AbandonedRuns::OverdueAt(moment);
        let ending = RunEnding::expired(moment);
        stores.interrupt(overdue, &ending).await.unwrap()
    };
    let overdue = async |moment| {
        let overdue = stores.runs.abandoned(AbandonedRuns::OverdueAt(moment));
        let mut ids = overdue.await.unwrap();
        ids.sort();
        ids
    };
    let mut both = [paused.run.id, other.run.id];
    both.sort();
    assert_eq!(overdue(second(91)).await, both);
    assert_eq!(interrupt(second(59)).await, []);
    assert_eq!(interrupt(second(61)).await, [paused.run.id]);
    let run = stores.runs.find(paused.run.id).await.unwrap().unwrap();
    assert_eq!((run.status, run.expires_at), (RunStatus::Expired, None));
    let found = stores.runs.find(other.run.id).await.unwrap().unwrap();
    assert_eq!(found.status, RunStatus::InProgress);
    assert!(log(stores, run.id).await.last().unwrap().kind.is_last());
}
