//! For tests: in-memory fakes of the ports, and the contracts that every adapter must keep.
//!
//! An adapter's test makes an empty store and hands it to the suites of [`contracts`]; the fakes
//! keep the same contracts, so that what a use case does with a fake it does with an adapter.

#![expect(clippy::unwrap_used, reason = "what is wrong here ends the test")]

/// The answer cache's use case, for its tests.
pub mod answers {
    pub use crate::answers::{
        AnswerHit, AnswerSources, Answers, Fill, Lookup, Meaning, NewAnswer, normal_form,
    };
}
pub mod contracts;
pub mod fakes;
pub mod samples;
pub mod steps;
