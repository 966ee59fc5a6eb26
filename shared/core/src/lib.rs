//! The rules of the media repository, as plain values that decide and never act.
//!
//! Nothing here reads a clock, a socket or a table: a caller loads a [`Record`], asks [`access::decide`] or
//! [`admit::admit`], and carries out the answer. That is why the rules can be tested as values.

pub mod access;
pub mod admit;
pub mod allowance;
pub mod chosen;
pub mod clock;
pub mod disposition;
pub mod legacy;
pub mod limits;
pub mod mxc;
pub mod neighbours;
pub mod parameters;
pub mod rate;
pub mod record;
pub mod refusal;
pub mod retain;
pub mod thumbnail;
pub mod usage;

pub use allowance::Allowance;
pub use clock::{Clock, Day, Timestamp};
pub use legacy::Legacy;
pub use limits::Limits;
pub use mxc::{MediaId, Mxc};
pub use neighbours::Neighbours;
pub use rate::Rate;
pub use record::{Content, Record, Reservation, Sha256, State};
pub use refusal::Refusal;
pub use ruma_common::{OwnedServerName, OwnedUserId, ServerName, UserId};
pub use usage::Usage;
