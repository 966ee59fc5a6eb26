//! Objects that landed, from the S3 engine's queue to `ingest`, in the shape that Lambda hands them over.

use std::{sync::Arc, time::Duration};

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use ingest::Ingest;
use runtime::{Deadline, Deps};
use s3_engine::{Message, Notifications};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Batches handled at the same time.
const WORKERS: usize = 2;

/// Messages in one batch.
const BATCH: usize = 4;

/// How long a batch may take before its messages are handed out again: more than each of them may spend on a picture.
const VISIBILITY: Duration = Duration::from_mins(2);

/// How long one look at the queue waits for a message.
const POLL: Duration = Duration::from_secs(20);

/// The wait before a message that came too early is handed out again; each further time doubles it.
const FIRST_RETRY: Duration = Duration::from_millis(200);

/// Takes messages and has them handled until told to stop. What was not handled by then comes again after a restart.
pub(crate) fn pump(tasks: &TaskTracker, queue: &Notifications, deps: &Deps, stopping: &CancellationToken) {
    let ingest = Arc::new(Ingest::new(deps));
    for _ in 0..WORKERS {
        let (queue, ingest, stopping) = (queue.clone(), Arc::clone(&ingest), stopping.clone());
        tasks.spawn(async move {
            while let Some(batch) = stopping.run_until_cancelled(queue.receive(BATCH, VISIBILITY, POLL)).await
            {
                match batch {
                    Ok(batch) => handle(&queue, &ingest, batch).await,
                    Err(error) => {
                        tracing::error!(%error, "The queue of arrivals cannot be read");
                        tokio::time::sleep(FIRST_RETRY).await;
                    }
                }
            }
        });
    }
}

async fn handle(queue: &Notifications, ingest: &Ingest, batch: Vec<Message>) {
    if batch.is_empty() {
        return;
    }
    let mut event = SqsEvent::default();
    event.records = batch.iter().map(as_sqs).collect();
    let failed = match ingest.objects_landed(event, Deadline::NONE).await {
        Ok(answer) => answer.batch_item_failures,
        Err(error) => {
            tracing::error!(%error, "A batch of arrivals failed; it comes again");
            return;
        }
    };
    for message in batch {
        let again = failed.iter().any(|failure| failure.item_identifier == message.receipt);
        let told = if again {
            let doublings = message.receive_count.saturating_sub(1).min(8);
            queue.change_visibility(&message.receipt, FIRST_RETRY * 2_u32.pow(doublings)).await
        } else {
            queue.delete(&message.receipt).await
        };
        if let Err(error) = told {
            tracing::error!(%error, "The queue of arrivals could not be told; the message comes again");
        }
    }
}

fn as_sqs(message: &Message) -> SqsMessage {
    let mut sqs = SqsMessage::default();
    sqs.message_id = Some(message.receipt.clone());
    sqs.receipt_handle = Some(message.receipt.clone());
    sqs.body = Some(message.body.clone());
    sqs
}
