//! Every function as the process that Lambda starts: with the template's environment, before a Runtime API of our own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod administering;
mod arrivals;
mod deadlines;
mod faults;
mod federating;
mod fetching;
mod function;
mod large;
mod main_job;
mod requests;
