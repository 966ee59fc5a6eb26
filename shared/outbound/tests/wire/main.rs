//! What we ask of others, asked over real sockets: real DNS messages, real TLS, real HTTP.

mod back_off;
mod board;
mod discovery;
mod dns;
mod homeserver;
mod keys;
mod media;
mod notaries;
mod pages;
mod world;
