//! Start-up, the same for every function and for the gateway: configuration, logs, clients, then the loop.
//!
//! A function's `main` is six lines: [`boot`], then [`serve`] or [`serve_streaming`] with its router, or [`on_event`] with
//! its handler.

pub mod config;
pub mod deadline;
pub mod deps;
pub mod emf;
pub mod lambda;
pub mod logs;
mod memory;
mod observer;
pub mod request_log;
pub mod scanning;
pub mod settings;
mod streamed;
mod url_reply;

pub use config::Config;
pub use deadline::Deadline;
pub use deps::{BootError, Deps, boot, boot_with};
pub use lambda::{on_event, serve, serve_and_work, serve_streaming};
pub use observer::Observer;

/// What ends a `main`: printed by its `Debug`, which for these is their sentence.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
