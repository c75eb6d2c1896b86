//! Answers that are being sent: how many bytes they hold, and whether their clients take them.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, UnderWay, Waiting};
use crate::client_address::Network;
use crate::limits::{Budget, Holder, Limit, Limits, Room, Share};

/// What an answer counts besides its bytes.
const ANSWER_COST: usize = 4 * 1024;
/// Above the first figure answers that nobody takes are cut, above the second any.
const ANSWERS: Room = Room {
    total: 32 * 1024 * 1024,
    hard: Some(48 * 1024 * 1024),
};
/// What the answers to one client may hold, before those that it does not take are cut.
const ANSWERS_TO_CLIENT: usize = ANSWERS.total / 2;
/// How often clients are looked at; one that has taken nothing in between may be cut.
const ROUND: Duration = Duration::from_millis(100);

/// All answers that are being sent.
#[derive(Clone)]
pub(super) struct Answers {
    budget: Budget<Answer>,
    /// How long a client may take nothing.
    stall: Duration,
}

impl Answers {
    pub(super) fn new(stall: Duration, limits: Limits) -> Self {
        let budget = Budget::new(ANSWERS, Limit::Answers, limits);
        Self { budget, stall }
    }

    /// An answer of so many bytes, to this client.
    pub(super) fn begin(&self, to: Network, bytes: usize, answer: Arc<Answer>) -> Sending {
        let holder = Arc::clone(&answer);
        let cost = ANSWER_COST + bytes;
        let share = self.budget.take(to, ANSWERS_TO_CLIENT, cost, holder);
        Sending {
            answer,
            share: share.ok(),
        }
    }

    /// Looks after them, for ever.
    pub(super) async fn watch(self) {
        let round = ROUND.min(self.stall / 2).max(Duration::from_millis(1));
        let rounds = self.stall.as_millis() / round.as_millis().max(1);
        let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
        loop {
            sleep(round).await;
            self.budget.for_each(|answer| answer.look(rounds));
        }
    }
}

/// One answer, and how to end it.
pub(super) struct Answer {
    activity: Activity,
    /// Ends the connection.
    connection: CancellationToken,
    /// Ends this answer only, where there are others on the connection.
    stream: CancellationToken,
    /// Whether there are bytes for the client to take.
    is_offered: AtomicBool,
    /// Whether the last byte was handed over: there is no stream any more to end.
    is_handed_over: AtomicBool,
    has_progressed: AtomicBool,
    /// For how many rounds the client has taken nothing of what there is.
    idle_rounds: AtomicU32,
    /// How much the client had taken on this connection when that began.
    taken_before: AtomicUsize,
    waiting: Mutex<Option<Waiting>>,
    _under_way: UnderWay,
}

impl Answer {
    pub(super) fn new(
        under_way: UnderWay,
        activity: Activity,
        connection: CancellationToken,
        stream: Option<CancellationToken>,
    ) -> Self {
        Self {
            activity,
            stream: stream.unwrap_or_else(|| connection.clone()),
            connection,
            is_offered: AtomicBool::new(true),
            is_handed_over: AtomicBool::new(false),
            has_progressed: AtomicBool::new(false),
            idle_rounds: AtomicU32::new(0),
            taken_before: AtomicUsize::new(0),
            waiting: Mutex::new(None),
            _under_way: under_way,
        }
    }

    fn look(&self, most_rounds: u32) {
        let progressed = self.has_progressed.swap(false, Ordering::Relaxed);
        if progressed || !self.is_offered.load(Ordering::Relaxed) {
            self.idle_rounds.store(0, Ordering::Relaxed);
            self.set_waiting(None);
            return;
        }
        let rounds = self.idle_rounds.fetch_add(1, Ordering::Relaxed) + 1;
        if rounds == 1 {
            let taken = self.activity.taken();
            self.taken_before.store(taken, Ordering::Relaxed);
            self.set_waiting(Some(self.activity.wait()));
        }
        if rounds >= most_rounds {
            self.expire();
        }
    }

    fn set_waiting(&self, waiting: Option<Waiting>) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = waiting;
    }

    /// The client has taken nothing of this answer for too long. Of a proxy that takes others on
    /// the same connection, these go on.
    fn expire(&self) {
        let has_taken = self.activity.taken() != self.taken_before.load(Ordering::Relaxed);
        if has_taken || !self.activity.only_waits() {
            self.stream.cancel();
        } else {
            self.connection.cancel();
        }
    }
}

impl Holder for Answer {
    fn may_yield(&self) -> bool {
        self.idle_rounds.load(Ordering::Relaxed) > 0
    }

    fn cut(&self) {
        if self.is_handed_over.load(Ordering::Relaxed) {
            self.connection.cancel();
        } else {
            self.stream.cancel();
        }
    }
}

/// An answer that is being sent. It counts until the last of its bytes is on its way.
pub(super) struct Sending {
    answer: Arc<Answer>,
    /// `None` where it was cut at once.
    share: Option<Share<Answer>>,
}

impl Sending {
    /// There is something for the client to take, or nothing yet.
    pub(super) fn offer(&self, is_offered: bool) {
        self.answer.is_offered.store(is_offered, Ordering::Relaxed);
    }

    /// The client has taken something.
    pub(super) fn progress(&self) {
        self.answer.has_progressed.store(true, Ordering::Relaxed);
        self.answer.activity.take();
    }

    /// Everything is handed over to the connection.
    pub(super) fn hand_over(&self) {
        self.answer.is_handed_over.store(true, Ordering::Relaxed);
    }

    /// So many bytes more are held.
    pub(super) fn grow(&self, bytes: usize) {
        if let Some(share) = &self.share {
            // The answer that has no room is cut.
            let _ = share.grow(bytes);
        }
    }

    /// So many bytes are on their way.
    pub(super) fn shrink(&self, bytes: usize) {
        if let Some(share) = &self.share {
            share.shrink(bytes);
        }
    }
}
