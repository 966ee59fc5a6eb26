//! What each process is asked: something that it answers from what it has, so that only its own time counts.

use media_core::Mxc;
use support::{
    lambda::{
        Cloud,
        events::{request, text},
    },
    photos,
};

/// Whose process it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The least that `lambda_http` can be.
    Hello,
    /// A function, by its name.
    Function(&'static str),
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Function(name) => name,
        }
    }
}

/// A process and what it is asked, again and again.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) kind: Kind,
    /// What that is, in words.
    pub(crate) what: &'static str,
    /// The event.
    pub(crate) event: String,
}

pub(crate) async fn of_all(cloud: &Cloud) -> Vec<Asked> {
    let text_of_ours = cloud.has("some bytes", None).await;
    let picture = cloud.has(photos::fixture("transparent.png"), None).await;
    let of = |kind, what, event| Asked { kind, what, event };
    let function = |name, what, event| of(Kind::Function(name), what, event);
    let read = |what: &str, mxc: &Mxc, query: &str| {
        request("GET", &format!("/_matrix/client/v1/media/{what}/{}/{}{query}", mxc.origin, mxc.media_id))
            .into()
    };
    vec![
        of(Kind::Hello, "anything", request("GET", "/").into()),
        function("download-redirect", "a link", read("download", &text_of_ours, "")),
        function(
            "thumbnail",
            "a thumbnail that there is",
            read("thumbnail", &picture, "?width=640&height=480"),
        ),
        function(
            "upload",
            "to take ten bytes",
            request("POST", "/_matrix/media/v3/upload").bytes(b"some bytes").into(),
        ),
        function(
            "federation",
            "by who does not sign",
            request("GET", "/_matrix/federation/v1/media/download/abc").without("authorization").into(),
        ),
        function(
            "url-preview",
            "a preview of nothing",
            request("GET", "/_matrix/client/v1/media/preview_url").into(),
        ),
        function(
            "admin",
            "about media of ours",
            request(
                "GET",
                &format!("/_synapse/admin/v1/media/{}/{}", text_of_ours.origin, text_of_ours.media_id),
            )
            .into(),
        ),
        function("ingest", "to look at what is not there", text("sqs-s3-2.1.json")),
        function("remote-fetch", "to fetch under a lease that is over", order()),
    ]
}

/// An order for media that nobody has claimed: whoever carries it out looks at the record and finds none.
fn order() -> String {
    let mxc = support::lambda::cloud::new_name();
    let order = text("invoke-remote-fetch.json").replace("ORIGIN", "elsewhere.example");
    order.replace("MEDIA_ID", mxc.media_id.as_str()).replace("ATTEMPT", "attempt-1")
}
