//! What we ask of others: media and keys of other servers, and the homeserver's word on whose token it is.
//!
//! This is the only crate that opens connections to anything but S3 and DynamoDB. Whatever goes to a host that somebody
//! else chose passes the [`fence`]: names are resolved once, every address is checked, and the connection is made to the
//! checked addresses and no other, for each hop anew.
//!
//! - [`Peers`] finds another server ([`discovery`]) and speaks to it.
//! - [`media::FederationMedia`] brings one piece of media, as a stream.
//! - [`server_keys::ServerKeys`] knows other servers' keys, [`incoming::verify`] checks requests with them, and
//!   [`signing::SigningKey`] signs ours.
//! - [`multipart::Multipart`] and [`x_matrix::parse`] read what they send.
//! - [`Memory`] is what all processes know together: other servers' keys, and who is to be left alone because it fails.
//! - [`pages::Pages`] gets what a link leads to, for its preview, where the operator's [`sites`] let it.
//! - [`homeserver::Homeserver`] and [`scanner::ScannerUrl`] are the operator's own and need no fence; [`administration`] is
//!   what administrators may ask the homeserver.

pub mod administration;
pub mod discovery;
pub mod fence;
pub mod homeserver;
pub mod incoming;
pub mod limits;
pub mod media;
pub mod multipart;
pub mod pages;
pub mod scanner;
pub mod server_keys;
pub mod signing;
pub mod sites;
pub mod x_matrix;

mod back_off;
mod cache_control;
mod client;
mod links;
mod looks;
mod memory;
mod peers;
mod reply;
mod resolver;
mod trust;
mod unpacking;
mod well_known;

pub use fence::{Fence, Fenced};
pub use memory::Memory;
pub use peers::{Peers, Settings};
pub use sites::Sites;
pub use trust::Trust;

/// Why this process cannot speak to others at all.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The additional certificate authorities cannot be used.
    #[error("the additional certificate authorities cannot be used: {0}")]
    Roots(String),
    /// TLS is not to be had.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The system's resolver is not to be had.
    #[error("the resolver cannot be set up: {0}")]
    Dns(String),
    /// The HTTP client is not to be had.
    #[error("the HTTP client cannot be set up: {0}")]
    Http(String),
}

/// Why another server could not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// It is, or pretends to be, in a private network.
    #[error(transparent)]
    Fenced(#[from] Fenced),
    /// Anything else: a sentence for the log.
    #[error("{0}")]
    Failed(String),
}
