//! Counts hits and misses.

use std::sync::atomic::{AtomicU64, Ordering};

use colloquy_application::ports::Reading;

#[derive(Debug, Default)]
pub(crate) struct Lookups {
    all: AtomicU64,
    loads: AtomicU64,
}

impl Lookups {
    pub(crate) fn note(&self) {
        self.all.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn record_load(&self) {
        self.loads.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn readings(&self, cache: &'static str) -> Vec<Reading> {
        let lookups = Reading::count(
            "colloquy_read_cache_lookups",
            "Lookups in the caches of tokens, assistants and avatars",
            self.all.load(Ordering::Relaxed),
        );
        let loads = Reading::count(
            "colloquy_read_cache_loads",
            "Lookups passed on to the store; the rest were hits",
            self.loads.load(Ordering::Relaxed),
        );
        vec![lookups.with("cache", cache), loads.with("cache", cache)]
    }
}
