//! The protocol at the door: which paths there are, who is asking, and what they are told.
//!
//! A handler here reads as a sentence: its arguments are the parsed request, in the order in which the checks must run
//! (who is asking comes first, always), its result is an answer or an [`Error`], which one table turns into a status and
//! an `errcode`.

pub mod auth;
pub mod error;
pub mod layers;
pub mod params;
pub mod peer;
pub mod reader;
pub mod respond;
pub mod routes;

pub use auth::{Authenticator, Requester};
pub use error::{Error, Result};
pub use params::{MediaPath, Query};
pub use peer::{FederationGate, Peer};
pub use reader::Reader;
