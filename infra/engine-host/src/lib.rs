//! What an embedded engine needs to run: a thread, a socket, a folder of its own; and for tests faults and policies.
//!
//! Nothing here knows S3 or DynamoDB, let alone Matrix.

mod data_folder;
pub mod faults;
mod host;
pub mod policies;

pub use data_folder::{DataFolder, DataFolderError};
pub use faults::{Effect, Fault, Faults, When};
pub use host::{Running, accept, serve};
pub use policies::Policies;
