//! For tests: in-memory fakes of the ports, and contract suites for adapters.
//!
//! The fakes keep the same [`contracts`], so a use case behaves the same with a fake and an
//! adapter.

#![expect(clippy::unwrap_used, reason = "a failure ends the test")]

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
