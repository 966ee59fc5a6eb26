//! What a person sees who starts the gateway: where it is, who they are, and three lines to try.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    path::Path,
};

use runtime::config::Identity;

use crate::Gateway;

/// A small photograph to try things with, written beside the data.
const SAMPLE: &[u8] = include_bytes!("sample.jpg");

/// The sample's name in the data folder.
const SAMPLE_NAME: &str = "sample.jpg";

/// Prints to standard output; a closed pipe is nobody's fault.
pub fn say(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

/// The whole greeting.
#[must_use]
pub fn text(gateway: &Gateway) -> String {
    let config = &gateway.deps().config;
    let base = format!("http://{}", gateway.address());
    let mut text = format!("\nA media repository for {} answers at {base}\n", config.server_name);
    if let Some(links) = &config.store.links {
        let _ = writeln!(text, "Signed links lead to {} (MEDIA_LINK_URL)", links.url);
    } else if let Some(links) = &config.store.s3_public_endpoint {
        let _ = writeln!(text, "Signed links lead to {links} (MEDIA_PUBLIC_URL)");
    }
    if let Identity::Development(tokens) = &config.identity
        && let Some((token, user)) = tokens.iter().min_by_key(|(_, user)| user.as_str())
    {
        let _ = write!(
            text,
            "Development: the access token of {user} is {token}\n{}",
            to_try(&base, token, config)
        );
    }
    text.push_str(
        "\nCtrl-C ends it; what was acknowledged is there when it starts again. --help shows every option.\n",
    );
    text
}

fn to_try(base: &str, token: &str, config: &runtime::Config) -> String {
    let sample = config.gateway.data_folder.join(SAMPLE_NAME);
    // Absolute, since the lines may be pasted elsewhere.
    let sample = match write_sample(&sample).and_then(|()| sample.canonicalize()) {
        Ok(sample) => sample,
        Err(error) => {
            return format!("(No sample picture to try: {} cannot be written: {error})\n", sample.display());
        }
    };
    let (sample, auth) = (sample.display(), format!("-H 'Authorization: Bearer {token}'"));
    format!(
        "
Upload a photograph, download it again, get it small:

  MXC=$(curl -sS {auth} -H 'Content-Type: image/jpeg' --data-binary '@{sample}' '{base}/_matrix/media/v3/upload?filename=sample.jpg' | sed 's|.*mxc://||; s|\".*||'); echo \"mxc://$MXC\"
  curl -sSL {auth} -o copy.jpg \"{base}/_matrix/client/v1/media/download/$MXC\" && ls -l copy.jpg
  curl -sSL {auth} -o small.jpg \"{base}/_matrix/client/v1/media/thumbnail/$MXC?width=320&height=240\" && ls -l small.jpg
"
    )
}

fn write_sample(sample: &Path) -> io::Result<()> {
    if sample.exists() { Ok(()) } else { std::fs::write(sample, SAMPLE) }
}
