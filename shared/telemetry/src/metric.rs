//! Every figure there is: its name, its unit and what it means. The one table that the alarms, the dashboard and
//! `docs/alarms.md` are held against.

/// What a figure is measured in, by the names that CloudWatch knows (`MetricDatum`, `Unit`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// So many times.
    Count,
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Milliseconds,
}

impl Unit {
    /// CloudWatch's name of it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Bytes => "Bytes",
            Self::Milliseconds => "Milliseconds",
        }
    }
}

macro_rules! metrics {
    ($($name:ident, $unit:ident, $help:literal;)*) => {
        /// One figure.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Metric {
            $(#[doc = $help] $name,)*
        }

        impl Metric {
            /// All of them, in the order in which a person wants to read them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name that CloudWatch knows it by.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// What it is measured in.
            #[must_use]
            pub fn unit(self) -> Unit {
                match self { $(Self::$name => Unit::$unit,)* }
            }

            /// What it means, in a sentence.
            #[must_use]
            pub fn help(self) -> &'static str {
                match self { $(Self::$name => $help,)* }
            }
        }
    };
}

metrics! {
    Requests, Count, "Requests that were answered";
    ClientErrors, Count, "Requests that were refused (4xx)";
    Faults, Count, "Requests that failed through a fault of ours or of what we stand on (5xx)";
    Latency, Milliseconds, "From a request to the last byte of its answer, waiting for media on its way included";
    ColdStart, Count, "Processes that did their first piece of work";
    Jobs, Count, "Orders to fetch that were carried out, and arrivals that were looked at";
    FailedJobs, Count, "Of these, those that failed through a fault and come again";
    ThumbnailHits, Count, "Thumbnails that were there when somebody asked for them";
    ThumbnailMisses, Count, "Thumbnails that were not, or whose picture had to be tried";
    RemoteHits, Count, "Requests for other servers' media that was here";
    RemoteMisses, Count, "Requests for other servers' media that had to be fetched or waited for";
    PreviewHits, Count, "Previews that were remembered, of pages that have none as well";
    PreviewMisses, Count, "Previews that were not";
    ThumbnailsMade, Count, "Thumbnails that were made, on demand or on arrival";
    BytesReceived, Bytes, "Bodies of requests; what clients put straight into S3 is not among them";
    BytesSent, Bytes, "Bodies of answers; what links lead to is not among them";
    BytesFetched, Bytes, "What other servers and pages sent";
    LeaseTakeovers, Count, "Fetches that somebody else had begun and died over";
    LeasesLost, Count, "Fetches that stopped because somebody else had taken them over";
    Orphans, Count, "Objects that no record names, since another was first; they were taken away again";
    S3Reads, Count, "Calls to S3 at the price of GET";
    S3Writes, Count, "Calls to S3 at the price of PUT, which COPY and LIST have as well";
    DynamoDbReads, Count, "Calls to DynamoDB that read";
    DynamoDbWrites, Count, "Calls to DynamoDB that write";
    Invocations, Count, "Functions that were invoked by functions";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_a_name_of_its_own_and_says_what_it_means() {
        let names: std::collections::BTreeSet<_> = Metric::ALL.iter().map(|metric| metric.name()).collect();
        assert_eq!(names.len(), Metric::ALL.len());
        for (index, metric) in Metric::ALL.iter().enumerate() {
            assert_eq!(*metric as usize, index, "{metric:?}");
            assert!(!metric.help().is_empty() && !metric.help().ends_with('.'), "{metric:?}");
        }
    }
}
