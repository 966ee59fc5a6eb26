//! Every feature through the front door of a real gateway: real router, real SDK, real engines, real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod budgets;
mod crashes;
mod downloads;
mod federation;
mod identity;
mod logs;
mod main_job;
mod manners;
mod memory;
mod outages;
mod process;
mod races;
mod settings;
mod template;
mod thumbnails;
mod tidy;
mod uploads;
