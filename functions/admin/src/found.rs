//! The record that a call is about.

use matrix::Result;
use media_core::{Mxc, Record, Refusal, State};
use runtime::Deps;

/// What is here under this name, as it is at this moment.
///
/// # Errors
/// [`Refusal::NotFound`] when there is nothing, nothing yet, or nothing any more.
pub(crate) async fn find(deps: &Deps, mxc: &Mxc) -> Result<Record> {
    let record = deps.store.records.get_latest(mxc).await?;
    let record = record.filter(|record| !matches!(record.state, State::Deleting(_) | State::Barred));
    Ok(record.ok_or(Refusal::NotFound)?)
}
