//! What the tests stand on. Everything here speaks HTTP to a real gateway; nothing reaches inside it.

#![expect(
    clippy::missing_panics_doc,
    reason = "whatever goes wrong here ends the test, which is what it is for"
)]

pub mod authority;
mod aws;
pub mod client;
pub mod cloudfront;
pub mod homeserver;
pub mod lambda;
pub mod neighbour;
pub mod origin;
pub mod parameters;
pub mod photos;
pub mod policies;
pub mod server;
pub mod wait;
pub mod web;

pub use authority::{Authority, TlsFront};
pub use aws::{Left, left_behind};
pub use client::{Answer, Client, plain_http};
pub use cloudfront::CloudFront;
pub use lambda::{Outcome, RuntimeApi};
pub use neighbour::{Neighbour, SecondPart};
pub use origin::{Origin, Reply};
pub use server::{Server, Setup};
pub use wait::eventually;
pub use web::Web;
