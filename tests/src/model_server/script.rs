//! Scripts: replies per request.

use std::time::Duration;

use super::{Reply, Request};

/// Decides each reply.
pub struct Script(Box<dyn FnMut(&Request) -> Reply + Send>);

impl Script {
    /// Calls `decide` per request, in order of arrival.
    pub fn new(decide: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        Self(Box::new(decide))
    }

    /// Answers after `delay` with the number of messages received.
    #[must_use]
    pub fn echo(delay: Duration) -> Self {
        Self::new(move |request| {
            let messages = request.body["messages"].as_array().map_or(0, Vec::len);
            Reply::answer(&format!("echo of {messages} messages")).delayed(delay)
        })
    }

    pub(super) fn reply(&mut self, request: &Request) -> Reply {
        (self.0)(request)
    }
}

impl From<Reply> for Script {
    fn from(reply: Reply) -> Self {
        Self::new(move |_| reply.clone())
    }
}

impl From<Vec<Reply>> for Script {
    fn from(replies: Vec<Reply>) -> Self {
        let mut turn = 0;
        Self::new(move |_| {
            let reply = replies.get(turn).or(replies.last());
            turn += 1;
            reply.expect("at least one reply").clone()
        })
    }
}

impl<const N: usize> From<[Reply; N]> for Script {
    fn from(replies: [Reply; N]) -> Self {
        Vec::from(replies).into()
    }
}
