//! Every feature through the front door of a real gateway: real router, real SDK, real engines, real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod acquaintances;
mod alarms;
mod budgets;
mod checks;
mod crashes;
mod delivery;
mod direct;
mod downloads;
mod federation;
mod front;
mod gateways;
mod health;
mod identity;
mod links;
mod logs;
mod main_job;
mod manners;
mod memory;
mod metrics;
mod neighbours;
mod outages;
mod previews;
mod process;
mod races;
mod secrets;
mod serving;
mod settings;
mod template;
mod thumbnails;
mod tidy;
mod traces;
mod uploads;
