//! Every feature through the front door of a real gateway: real router, real SDK, real engines, real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod acquaintances;
mod administration;
mod alarms;
mod blobs;
mod budgets;
mod checks;
mod corpus;
mod crashes;
mod delivery;
mod direct;
mod downloads;
mod federation;
mod front;
mod gateways;
mod health;
mod hostile_pages;
mod identity;
mod kept_previews;
mod limits;
mod links;
mod logs;
mod main_job;
mod manners;
mod memory;
mod metrics;
mod neighbours;
mod orders;
mod outages;
mod previews;
mod process;
mod races;
mod retaining;
mod scanning;
mod secrets;
mod serving;
mod settings;
mod template;
mod thumbnails;
mod tidy;
mod traces;
mod uploads;
