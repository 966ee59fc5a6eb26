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

/// `GET`: what a client's user has uploaded (MSC4034).
pub const USAGE: &str = "/_matrix/media/unstable/org.matrix.msc4034/usage";

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

// What follows is Synapse's administration API (`docs/admin_api/media_admin_api.md` and its neighbours there), for the part
// of it that is about media. Tools of Synapse's administrators write a slash behind some of them, which is taken, too.

/// `GET`: what is known of one piece of media. `DELETE`: it is deleted.
pub const ADMIN_MEDIA: &str = "/_synapse/admin/v1/media/{serverName}/{mediaId}";

/// `POST`: hides media and all that has its bytes.
pub const ADMIN_QUARANTINE: &str = "/_synapse/admin/v1/media/quarantine/{serverName}/{mediaId}";

/// `POST`: undoes that.
pub const ADMIN_UNQUARANTINE: &str = "/_synapse/admin/v1/media/unquarantine/{serverName}/{mediaId}";

/// `POST`: hides the media of a room. The second is older.
pub const ADMIN_QUARANTINE_ROOM: [&str; 2] =
    ["/_synapse/admin/v1/room/{roomId}/media/quarantine", "/_synapse/admin/v1/quarantine_media/{roomId}"];

/// `POST`: hides what a user uploaded.
pub const ADMIN_QUARANTINE_USER: &str = "/_synapse/admin/v1/user/{userId}/media/quarantine";

/// `POST`: spares media from quarantine and purges.
pub const ADMIN_PROTECT: &str = "/_synapse/admin/v1/media/protect/{mediaId}";

/// `POST`: no longer.
pub const ADMIN_UNPROTECT: &str = "/_synapse/admin/v1/media/unprotect/{mediaId}";

/// `GET`: what was hidden and shown again, in order.
pub const ADMIN_QUARANTINE_CHANGES: &str = "/_synapse/admin/v1/media/quarantine_changes";

/// `GET`: the media of a room.
pub const ADMIN_ROOM_MEDIA: &str = "/_synapse/admin/v1/room/{roomId}/media";

/// `POST`: forgets other servers' media that nobody asked for in a while.
pub const ADMIN_PURGE_CACHE: &str = "/_synapse/admin/v1/purge_media_cache";

/// `POST`: deletes our own media that nobody asked for in a while. The second is older.
pub const ADMIN_DELETE_UNUSED: [&str; 2] =
    ["/_synapse/admin/v1/media/delete", "/_synapse/admin/v1/media/{serverName}/delete"];

/// `GET`: what a user uploaded. `DELETE`: a page of it is deleted.
pub const ADMIN_USER_MEDIA: &str = "/_synapse/admin/v1/users/{userId}/media";

/// `GET`: how much each user has uploaded.
pub const ADMIN_USER_STATISTICS: &str = "/_synapse/admin/v1/statistics/users/media";

// And this is what matrix-media-repo has besides (`docs/admin.md` there), as far as there is the like of it here, and what
// there is to undo it.

/// `POST`: forgets other servers' media that nobody asked for since `before_ts`.
pub const ADMIN_PURGE_REMOTE: &str = "/_matrix/media/unstable/admin/purge/remote";

/// `POST`: the same, and with `include_local=true` deletes ours.
pub const ADMIN_PURGE_OLD: &str = "/_matrix/media/unstable/admin/purge/old";

/// `POST`: deletes what is quarantined.
pub const ADMIN_PURGE_QUARANTINED: &str = "/_matrix/media/unstable/admin/purge/quarantined";

/// `POST`: deletes what a user uploaded.
pub const ADMIN_PURGE_USER: &str = "/_matrix/media/unstable/admin/purge/user/{userId}";

/// `POST`: deletes the media of a room.
pub const ADMIN_PURGE_ROOM: &str = "/_matrix/media/unstable/admin/purge/room/{roomId}";

/// `POST`: deletes what comes from a server.
pub const ADMIN_PURGE_SERVER: &str = "/_matrix/media/unstable/admin/purge/server/{serverName}";

/// `POST`: deletes one piece of media, ours or another server's.
pub const ADMIN_PURGE_MEDIA: &str = "/_matrix/media/unstable/admin/purge/{serverName}/{mediaId}";

/// `POST`: hides one piece of media and all that has its bytes, or undoes that.
pub const ADMIN_HIDE_MEDIA: [&str; 2] = [
    "/_matrix/media/unstable/admin/quarantine/{serverName}/{mediaId}",
    "/_matrix/media/unstable/admin/unquarantine/{serverName}/{mediaId}",
];

/// `POST`: hides what a user uploaded, or undoes that.
pub const ADMIN_HIDE_USER: [&str; 2] = [
    "/_matrix/media/unstable/admin/quarantine/user/{userId}",
    "/_matrix/media/unstable/admin/unquarantine/user/{userId}",
];

/// `POST`: hides the media of a room, or undoes that.
pub const ADMIN_HIDE_ROOM: [&str; 2] = [
    "/_matrix/media/unstable/admin/quarantine/room/{roomId}",
    "/_matrix/media/unstable/admin/unquarantine/room/{roomId}",
];

/// `POST`: hides what comes from a server, or undoes that.
pub const ADMIN_HIDE_SERVER: [&str; 2] = [
    "/_matrix/media/unstable/admin/quarantine/server/{serverName}",
    "/_matrix/media/unstable/admin/unquarantine/server/{serverName}",
];

/// `POST`: hides whatever has these bytes, now and ever after, or undoes that.
pub const ADMIN_HIDE_BYTES: [&str; 2] = [
    "/_matrix/media/unstable/admin/quarantine/sha256/{sha256}",
    "/_matrix/media/unstable/admin/unquarantine/sha256/{sha256}",
];

/// `GET`: how much there is of each server.
pub const ADMIN_USAGE: &str = "/_matrix/media/unstable/admin/usage";

/// `GET`: how much there is of one.
pub const ADMIN_USAGE_OF: &str = "/_matrix/media/unstable/admin/usage/{serverName}";

/// `GET`: the latest jobs.
pub const ADMIN_JOBS: &str = "/_matrix/media/unstable/admin/tasks/all";

/// `GET`: those of them that are not done.
pub const ADMIN_UNFINISHED_JOBS: &str = "/_matrix/media/unstable/admin/tasks/unfinished";

/// `GET`: one job. `DELETE`: it is to stop.
pub const ADMIN_JOB: &str = "/_matrix/media/unstable/admin/tasks/{jobId}";

/// `DELETE`: users delete what they uploaded themselves (MSC2278, under the unstable name that matrix-media-repo has for
/// it: the proposal's own is the path of a download, which goes to another function).
pub const DELETE_OWN: &str = "/_matrix/media/unstable/download/{serverName}/{mediaId}";
