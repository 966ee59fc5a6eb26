//! The protocol at the door: which paths there are, who is asking, and what they are told.
//!
//! A handler here reads as a sentence: its arguments are the parsed request, in the order in which the checks must run
//! (who is asking comes first, always), its result is an answer or an [`Error`], which one table turns into a status and
//! an `errcode`.

pub mod administrator;
pub mod auth;
pub mod bell;
pub mod caller;
pub mod error;
pub mod front;
pub mod layers;
pub mod params;
pub mod peer;
pub mod reader;
pub mod respond;
pub mod routes;
pub mod serve;
pub mod throttle;

pub use administrator::{Administrator, Administrators, PastQuarantine};
pub use auth::{ActingAs, Authenticator, Requester};
pub use bell::Bell;
pub use caller::{AddressHeader, Caller, Visitor};
pub use error::{Error, Result};
pub use front::Front;
pub use params::{MediaPath, PathText, Query};
pub use peer::{FederationGate, Peer};
pub use reader::{Ask, Door, Reader};
pub use serve::Wanted;
pub use throttle::Throttle;
