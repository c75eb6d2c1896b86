//! Tracks responses being sent: bytes held and progress.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, UnderWay, Waiting};
use crate::client_address::Network;
use crate::limits::{Budget, Holder, Limit, Limits, Room, Share};

/// Cost of a response besides its bytes.
const ANSWER_COST: usize = 4 * 1024;
/// Above the first limit stalled responses are cut, above the second any.
const ANSWERS: Room = Room {
    total: 32 * 1024 * 1024,
    hard: Some(48 * 1024 * 1024),
};
/// Limit per client above which its stalled responses are cut.
const ANSWERS_TO_CLIENT: usize = ANSWERS.total / 2;
/// Interval of progress checks; a response without progress in between may be cut.
const ROUND: Duration = Duration::from_millis(100);

/// All responses being sent.
#[derive(Clone)]
pub(super) struct Answers {
    budget: Budget<Answer>,
    /// Maximum time without progress.
    stall: Duration,
}

impl Answers {
    pub(super) fn new(stall: Duration, limits: Limits) -> Self {
        let budget = Budget::new(ANSWERS, Limit::Answers, limits);
        Self { budget, stall }
    }

    /// Registers a response of `bytes` bytes to a client.
    pub(super) fn begin(&self, to: Network, bytes: usize, answer: Arc<Answer>) -> Sending {
        let holder = Arc::clone(&answer);
        let cost = ANSWER_COST + bytes;
        let share = self.budget.take(to, ANSWERS_TO_CLIENT, cost, holder);
        Sending {
            answer,
            share: share.ok(),
        }
    }

    /// Watches progress forever.
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

/// A response, and how to cut it.
pub(super) struct Answer {
    activity: Activity,
    /// Cuts the connection.
    connection: CancellationToken,
    /// Cuts only this response of a multiplexed connection.
    stream: CancellationToken,
    /// Whether bytes are available to the client.
    is_offered: AtomicBool,
    /// Whether the last byte was handed over, so that there is no stream left to cut.
    is_handed_over: AtomicBool,
    has_progressed: AtomicBool,
    /// Consecutive checks without progress.
    idle_rounds: AtomicU32,
    /// The connection's progress counter when the stall began.
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

    /// Cuts a stalled response. Other responses on a proxy's connection continue.
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

/// A response being sent. Counts until its last byte is on the way.
pub(super) struct Sending {
    answer: Arc<Answer>,
    /// `None` if it was cut at once.
    share: Option<Share<Answer>>,
}

impl Sending {
    /// Records whether bytes are available to the client.
    pub(super) fn offer(&self, is_offered: bool) {
        self.answer.is_offered.store(is_offered, Ordering::Relaxed);
    }

    /// Records progress.
    pub(super) fn progress(&self) {
        self.answer.has_progressed.store(true, Ordering::Relaxed);
        self.answer.activity.take();
    }

    /// Records that everything was handed to the connection.
    pub(super) fn hand_over(&self) {
        self.answer.is_handed_over.store(true, Ordering::Relaxed);
    }

    /// Accounts for more bytes.
    pub(super) fn grow(&self, bytes: usize) {
        if let Some(share) = &self.share {
            // If the budget is exhausted, this response is cut.
            let _ = share.grow(bytes);
        }
    }

    /// Accounts for bytes on their way.
    pub(super) fn shrink(&self, bytes: usize) {
        if let Some(share) = &self.share {
            share.shrink(bytes);
        }
    }
}
