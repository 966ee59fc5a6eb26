//! Start-up, the same for every function and for the gateway: configuration, logs, clients, then the loop.
//!
//! A function's `main` is six lines: [`boot`], then [`serve`] with its router or [`on_event`] with its handler.

pub mod config;
pub mod deps;
pub mod lambda;
pub mod logs;
mod memory;
pub mod request_log;
pub mod settings;

pub use config::Config;
pub use deps::{BootError, Deps, boot, boot_with};
pub use lambda::{on_event, serve};

/// What ends a `main`: printed by its `Debug`, which for these is their sentence.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
