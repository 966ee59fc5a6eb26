//! CloudWatch's embedded metric format: a log line that is a set of figures as well.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>.
//! Namespace apart, names are those of Powertools for AWS Lambda, whose dashboards then fit: the dimension `service`, and for
//! `ColdStart` also `function_name`. Further dimensions would be metrics of their own, at the price of one each; what tells
//! requests apart are properties of the line, which cost nothing and can be searched.

use media_core::Timestamp;
use serde_json::{Map, Value, json};
use telemetry::{Metric, Work};

/// Where CloudWatch lists the figures.
pub const NAMESPACE: &str = "MatrixMedia";

/// The dimension of every figure: which deployment.
pub const SERVICE: &str = "service";

/// The second dimension of [`Metric::ColdStart`]: which function of it.
pub const FUNCTION_NAME: &str = "function_name";

/// Whose figures they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The value of [`SERVICE`].
    pub service: String,
    /// The value of [`FUNCTION_NAME`].
    pub function_name: String,
}

/// One line: what was counted of a piece of work that ended at `at`, and what else is known of it.
///
/// What is zero is left out: CloudWatch takes no figure for none, and a line costs by its length.
pub(crate) fn line(source: &Source, at: Timestamp, work: &Work, properties: Map<String, Value>) -> String {
    let (cold, counted): (Vec<_>, Vec<_>) =
        work.counted().into_iter().partition(|(metric, _)| *metric == Metric::ColdStart);
    let mut directives = Vec::new();
    for (metrics, dimensions) in [(&counted, &[SERVICE][..]), (&cold, &[FUNCTION_NAME, SERVICE])] {
        if !metrics.is_empty() {
            let definitions = metrics.iter().map(|(metric, _)| definition(*metric)).collect::<Vec<_>>();
            directives
                .push(json!({ "Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": definitions }));
        }
    }
    let mut root = properties;
    root.insert("_aws".to_owned(), json!({ "Timestamp": at.0, "CloudWatchMetrics": directives }));
    root.insert(SERVICE.to_owned(), source.service.as_str().into());
    root.insert(FUNCTION_NAME.to_owned(), source.function_name.as_str().into());
    for (metric, count) in counted.into_iter().chain(cold) {
        root.insert(metric.name().to_owned(), count.into());
    }
    Value::Object(root).to_string()
}

fn definition(metric: Metric) -> Value {
    json!({ "Name": metric.name(), "Unit": metric.unit().name() })
}
