//! Every path that is answered, as the specification writes it.
//!
//! Client-server API, "Content repository" (1.19), unless said otherwise. `{serverName}`, `{mediaId}` and `{fileName}` are
//! one percent-encoded segment each.

/// `POST`: a client brings bytes. The `r0` and `v1` forms are older names that clients still use.
pub const UPLOAD: [&str; 3] =
    ["/_matrix/media/v3/upload", "/_matrix/media/r0/upload", "/_matrix/media/v1/upload"];

/// `GET`: what a client may upload.
pub const CONFIG: [&str; 4] = [
    "/_matrix/client/v1/media/config",
    "/_matrix/media/v3/config",
    "/_matrix/media/r0/config",
    "/_matrix/media/v1/config",
];

/// `GET`: the bytes, under the name they were uploaded with.
pub const DOWNLOAD: &str = "/_matrix/client/v1/media/download/{serverName}/{mediaId}";

/// `GET`: the bytes, under the name in the path.
pub const DOWNLOAD_AS: &str = "/_matrix/client/v1/media/download/{serverName}/{mediaId}/{fileName}";

/// `GET`: a smaller picture.
pub const THUMBNAIL: &str = "/_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}";

/// `GET`: another server wants the bytes (server-server API, "Content repository").
pub const FEDERATION_DOWNLOAD: &str = "/_matrix/federation/v1/media/download/{mediaId}";

/// `GET`: another server wants a smaller picture.
pub const FEDERATION_THUMBNAIL: &str = "/_matrix/federation/v1/media/thumbnail/{mediaId}";
