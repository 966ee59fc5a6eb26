//! Every path that is answered, as the specification writes it.
//!
//! Client-server API, "Content repository" (1.19), unless said otherwise. `{serverName}`, `{mediaId}` and `{fileName}` are
//! one percent-encoded segment each.

/// `POST`: a client brings bytes. The `r0` and `v1` forms are older names that clients still use.
pub const UPLOAD: [&str; 3] =
    ["/_matrix/media/v3/upload", "/_matrix/media/r0/upload", "/_matrix/media/v1/upload"];

/// `POST`: a name for bytes that come later. It exists under `v1` alone.
pub const CREATE: &str = "/_matrix/media/v1/create";

/// `PUT`: the bytes for such a name. It exists under `v3` alone.
pub const UPLOAD_TO: &str = "/_matrix/media/v3/upload/{serverName}/{mediaId}";

/// `POST`: the bytes for such a name went straight to the store (MSC3870, as the proposal writes it and as the clients of
/// mautrix do).
pub const COMPLETE: [&str; 2] = [
    "/_matrix/media/v1/upload/{serverName}/{mediaId}/complete",
    "/_matrix/media/unstable/com.beeper.msc3870/upload/{serverName}/{mediaId}/complete",
];

/// `GET`: what a client may upload.
pub const CONFIG: [&str; 4] = [
    "/_matrix/client/v1/media/config",
    "/_matrix/media/v3/config",
    "/_matrix/media/r0/config",
    "/_matrix/media/v1/config",
];

/// `GET`: what a web page says of itself. The old paths want a token, too.
pub const PREVIEW_URL: [&str; 4] = [
    "/_matrix/client/v1/media/preview_url",
    "/_matrix/media/v3/preview_url",
    "/_matrix/media/r0/preview_url",
    "/_matrix/media/v1/preview_url",
];

/// `GET`: the bytes, under the name they were uploaded with.
pub const DOWNLOAD: &str = "/_matrix/client/v1/media/download/{serverName}/{mediaId}";

/// `GET`: the bytes, under the name in the path.
pub const DOWNLOAD_AS: &str = "/_matrix/client/v1/media/download/{serverName}/{mediaId}/{fileName}";

/// `GET`: a smaller picture.
pub const THUMBNAIL: &str = "/_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}";

/// `GET`: the bytes, on the old paths that ask for no token.
pub const LEGACY_DOWNLOAD: [&str; 3] = [
    "/_matrix/media/v3/download/{serverName}/{mediaId}",
    "/_matrix/media/r0/download/{serverName}/{mediaId}",
    "/_matrix/media/v1/download/{serverName}/{mediaId}",
];

/// `GET`: the same, under the name in the path.
pub const LEGACY_DOWNLOAD_AS: [&str; 3] = [
    "/_matrix/media/v3/download/{serverName}/{mediaId}/{fileName}",
    "/_matrix/media/r0/download/{serverName}/{mediaId}/{fileName}",
    "/_matrix/media/v1/download/{serverName}/{mediaId}/{fileName}",
];

/// `GET`: a smaller picture, on the old paths.
pub const LEGACY_THUMBNAIL: [&str; 3] = [
    "/_matrix/media/v3/thumbnail/{serverName}/{mediaId}",
    "/_matrix/media/r0/thumbnail/{serverName}/{mediaId}",
    "/_matrix/media/v1/thumbnail/{serverName}/{mediaId}",
];

/// `GET`: another server wants the bytes (server-server API, "Content repository").
pub const FEDERATION_DOWNLOAD: &str = "/_matrix/federation/v1/media/download/{mediaId}";

/// `GET`: another server wants a smaller picture.
pub const FEDERATION_THUMBNAIL: &str = "/_matrix/federation/v1/media/thumbnail/{mediaId}";
