//! The whole run: all servers up at once, every operation put to each of them in turn, then their memory.

use std::time::Duration;

use crate::{
    error::Error,
    gateway,
    load::{self, Measured},
    media::Media,
    operation::Operation,
    options::Options,
    page_cache,
    process::Memory,
    quiet,
    server::{Kind, Server},
    synapse,
    table::{self, Row, Taken},
};

/// Work that a measurement left behind is told when it took longer than this.
const NOTEWORTHY: Duration = Duration::from_secs(1);

/// Measures everything that the options name.
pub(crate) async fn run(options: &Options) -> Result<(), Error> {
    let servers = start(options).await?;
    let at_start = memory_of(&servers)?;
    let mut media = Vec::new();
    for server in &servers {
        media.push(Media::bring(server).await?);
    }
    quiet::wait(&servers).await?;
    page_cache::fill(options.folder.as_deref()).await?;

    let mut of_synapse = Vec::new();
    table::speeds_head()?;
    for operation in options.operations() {
        for &connections in &options.connections {
            let rows = measure(options, &servers, &media, operation, connections, &mut of_synapse).await?;
            for row in rows {
                table::speed(&row)?;
            }
        }
    }

    let at_end = memory_of(&servers)?;
    let each = servers.iter().zip(at_start).zip(at_end);
    let taken = each.map(|((server, at_start), at_end)| Taken { kind: server.kind, at_start, at_end });
    table::memory(&taken.collect::<Vec<_>>())?;
    Ok(())
}

fn memory_of(servers: &[Server]) -> Result<Vec<Memory>, Error> {
    servers.iter().map(|server| Ok(server.child.process().memory()?)).collect()
}

async fn start(options: &Options) -> Result<Vec<Server>, Error> {
    let folder = options.folder.as_deref();
    let mut servers =
        vec![gateway::start(Kind::Durable, folder).await?, gateway::start(Kind::Fast, folder).await?];
    if let Some(python) = &options.synapse {
        servers.push(synapse::start(python, folder).await?);
    }
    Ok(servers)
}

/// The same load on each server, one right after the other, so that all meet the machine in the same state.
async fn measure(
    options: &Options,
    servers: &[Server],
    media: &[Media],
    operation: Operation,
    connections: u16,
    of_synapse: &mut Vec<(Operation, u16, Measured)>,
) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for (server, media) in servers.iter().zip(media) {
        let operation = if server.kind == Kind::Synapse { operation.for_synapse() } else { operation };
        let key = (operation, connections);
        if server.kind == Kind::Synapse && find(of_synapse, key).is_some() {
            continue;
        }
        let times = (options.warm_up_time(), options.measuring_time());
        let measured = load::measure(server, media, operation, connections, times).await?;
        let left_behind = quiet::wait(servers).await?;
        if left_behind > NOTEWORTHY {
            table::note(&format!(
                "{} worked on for {:.1} s after {} over {connections} connections.",
                server.kind.name(),
                left_behind.as_secs_f64(),
                operation.name(),
            ))?;
        }
        if server.kind == Kind::Synapse {
            of_synapse.push((operation, connections, measured));
        }
        rows.push(Row { operation, connections, kind: server.kind, measured, synapse: None });
    }
    for row in &mut rows {
        if row.kind != Kind::Synapse {
            row.synapse = find(of_synapse, (operation.for_synapse(), connections));
        }
    }
    Ok(rows)
}

fn find(of_synapse: &[(Operation, u16, Measured)], key: (Operation, u16)) -> Option<Measured> {
    of_synapse
        .iter()
        .find(|(operation, connections, _)| (*operation, *connections) == key)
        .map(|found| found.2)
}
