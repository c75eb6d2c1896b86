//! Tracks responses being sent: bytes held and progress.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, UnderWay, Waiting};
use super::ending::Ending;
use super::lane::LaneTurn;
use super::stall::MIN_RATE;
use crate::client_address::Network;
use crate::limits::{Budget, Cut, Holder, Limit, Limits, Room, Share};

/// Besides its bytes.
const ANSWER_COST: usize = 4 * 1024;
/// Above the first limit stalled responses are cut, above the second any.
const ANSWERS: Room = Room {
    total: 24 * 1024 * 1024,
    hard: Some(36 * 1024 * 1024),
};
/// Per client; its stalled responses are cut above it.
const ANSWERS_TO_CLIENT: usize = ANSWERS.total / 2;
/// Progress check; responses without progress in between may be cut.
const ROUND: Duration = Duration::from_millis(100);

fn min_bytes(time: Duration) -> u64 {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    (millis.saturating_mul(MIN_RATE) / 1_000).max(1)
}

#[derive(Clone)]
pub(super) struct Answers {
    budget: Budget<Answer>,
    stall: Duration,
}

impl Answers {
    pub(super) fn new(stall: Duration, limits: Limits) -> Self {
        let budget = Budget::new(ANSWERS, Limit::Answers, limits);
        Self { budget, stall }
    }

    pub(super) fn begin(
        &self,
        to: Network,
        bytes: usize,
        answer: Arc<Answer>,
        turn: Option<LaneTurn>,
    ) -> Sending {
        let holder = Arc::clone(&answer);
        let cost = ANSWER_COST + bytes;
        let share = self.budget.take(to, ANSWERS_TO_CLIENT, cost, holder);
        Sending {
            answer,
            share: share.ok(),
            turn,
        }
    }

    pub(super) async fn watch(self) {
        let round = ROUND.min(self.stall / 2).max(Duration::from_millis(1));
        let (due, most) = (min_bytes(round), min_bytes(self.stall));
        loop {
            sleep(round).await;
            self.budget
                .for_each(|answer| answer.check_progress(due, most));
        }
    }
}

pub(super) struct Answer {
    activity: Activity,
    connection: CancellationToken,
    ending: Ending,
    /// Cuts only this response of a multiplexed connection.
    stream: CancellationToken,
    /// Bytes are available to the client.
    is_offered: AtomicBool,
    /// The last byte was handed over; no stream is left to cut.
    is_handed_over: AtomicBool,
    /// Cut to make room for others.
    is_cut: AtomicBool,
    progress: AtomicUsize,
    /// Bytes the client is behind [`MIN_RATE`].
    arrears: AtomicU64,
    /// Nothing available was received since the last check.
    is_idle: AtomicBool,
    /// Reads on this connection when the client fell behind.
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
        ending: Ending,
    ) -> Self {
        Self {
            activity,
            ending,
            stream: stream.unwrap_or_else(|| connection.clone()),
            connection,
            is_offered: AtomicBool::new(true),
            is_handed_over: AtomicBool::new(false),
            is_cut: AtomicBool::new(false),
            progress: AtomicUsize::new(0),
            arrears: AtomicU64::new(0),
            is_idle: AtomicBool::new(false),
            taken_before: AtomicUsize::new(0),
            waiting: Mutex::new(None),
            _under_way: under_way,
        }
    }

    /// Adds `due` bytes to the arrears unless the whole connection is blocked; cuts the response
    /// above `most`.
    fn check_progress(&self, due: u64, most: u64) {
        let progress = self.progress.swap(0, Ordering::Relaxed);
        let is_offered = self.is_offered.load(Ordering::Relaxed);
        self.note_idle(is_offered && progress == 0);
        let due = if is_offered && !self.activity.is_blocked() {
            due
        } else {
            0
        };
        let before = self.arrears.load(Ordering::Relaxed);
        let progress = u64::try_from(progress).unwrap_or(u64::MAX);
        let left = before.saturating_sub(progress);
        if left == 0 {
            let taken = self.activity.taken();
            self.taken_before.store(taken, Ordering::Relaxed);
        }
        let arrears = left.saturating_add(due);
        self.arrears.store(arrears, Ordering::Relaxed);
        if arrears > most {
            self.expire();
        }
    }

    fn note_idle(&self, is_idle: bool) {
        let was_idle = self.is_idle.swap(is_idle, Ordering::Relaxed);
        if is_idle && !was_idle {
            self.set_waiting(Some(self.activity.wait()));
        } else if was_idle && !is_idle {
            self.set_waiting(None);
        }
    }

    fn set_waiting(&self, waiting: Option<Waiting>) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = waiting;
    }

    /// Whether the client has taken anything on this connection since it fell behind.
    fn has_taken(&self) -> bool {
        self.activity.taken() != self.taken_before.load(Ordering::Relaxed)
    }

    /// Cuts only the stream while the connection serves others, as a proxy's does.
    fn expire(&self) {
        if self.has_taken() || !self.activity.only_waits() {
            self.stream.cancel();
        } else {
            self.connection.cancel();
        }
    }
}

impl Holder for Answer {
    fn may_yield(&self) -> bool {
        self.is_idle.load(Ordering::Relaxed)
    }

    fn cut(&self, cut: Cut) {
        self.is_cut.store(true, Ordering::Relaxed);
        let takes_nothing = self.may_yield() && !self.has_taken();
        if cut == Cut::Flood || takes_nothing {
            self.ending.end();
        }
        if self.is_handed_over.load(Ordering::Relaxed) {
            self.connection.cancel();
        } else {
            self.stream.cancel();
        }
    }
}

/// Counts until its last byte is on the way.
pub(super) struct Sending {
    answer: Arc<Answer>,
    /// `None` if cut at once.
    share: Option<Share<Answer>>,
    turn: Option<LaneTurn>,
}

impl Drop for Sending {
    fn drop(&mut self) {
        let turn = self.turn.take();
        if let Some(turn) = turn.filter(|_| self.answer.is_cut.load(Ordering::Relaxed)) {
            turn.end_later();
        }
    }
}

impl Sending {
    pub(super) fn offer(&self, is_offered: bool) {
        self.answer.is_offered.store(is_offered, Ordering::Relaxed);
    }

    pub(super) fn progress(&self, bytes: usize) {
        self.answer.progress.fetch_add(bytes, Ordering::Relaxed);
        self.answer.activity.take();
    }

    pub(super) fn hand_over(&self) {
        self.answer.is_handed_over.store(true, Ordering::Relaxed);
    }

    pub(super) fn grow(&self, bytes: usize) {
        if let Some(share) = &self.share {
            // An exhausted budget cuts this response.
            let _ = share.grow(bytes);
        }
    }

    pub(super) fn shrink(&self, bytes: usize) {
        if let Some(share) = &self.share {
            share.shrink(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::{Activity, Answer, Ending, ROUND, min_bytes};

    /// Whether a client that takes `bytes` every `every` rounds is still served after five minutes.
    fn is_kept(bytes: usize, every: usize, is_blocked: bool) -> bool {
        let activity = Activity::default();
        activity.set_blocked(is_blocked);
        let connection = CancellationToken::new();
        let (under_way, ending) = (activity.begin(), Ending::of(connection.clone()));
        let answer = Answer::new(under_way, activity, connection.clone(), None, ending);
        (1..3_000).all(|round: usize| {
            if round.is_multiple_of(every) {
                answer.progress.fetch_add(bytes, super::Ordering::Relaxed);
            }
            answer.check_progress(min_bytes(ROUND), min_bytes(ROUND * 300));
            !connection.is_cancelled()
        })
    }

    #[test]
    fn an_answer_goes_on_while_its_client_takes_a_kibibyte_a_second() {
        assert!(is_kept(2 * 1024, 10, false));
        assert!(is_kept(32 * 1024, 150, false));
        assert!(!is_kept(512, 10, false));
        assert!(!is_kept(1, 50, false));
    }

    #[test]
    fn an_answer_waits_for_others_on_a_slow_connection() {
        assert!(is_kept(1, 50, true));
    }
}
