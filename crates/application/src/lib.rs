#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

pub mod passwords;
pub mod permissions;
pub mod ports;
pub mod system;
#[cfg(feature = "testing")]
pub mod testing;
