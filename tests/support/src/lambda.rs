//! What Lambda is to a function: a Runtime API, an environment, events, and AWS around it.

pub mod cloud;
pub mod environment;
pub mod events;
pub mod runtime_api;

pub use cloud::Cloud;
pub use runtime_api::{Outcome, RuntimeApi};
