//! The signing key, kept where the cloud keeps secrets.

use outbound::signing::SigningKey;
use support::parameters::Parameters;
use tokio::process::Command;

use crate::process::{self, Process, refused};

const NAME: &str = "/matrix/signing-key";

/// A gateway on engines of its own, whose signing key is a parameter of this store: read in the name of `remote-fetch`.
fn gateway(folder: &std::path::Path, parameters: &Parameters) -> Command {
    let mut command = process::gateway_with(folder, parameters);
    command.env("MEDIA_SIGNING_KEY_PARAMETER", NAME);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_signing_key_may_be_a_parameter_which_is_read_once_and_decrypted() {
    let (folder, parameters) = (process::folder(), Parameters::start().await);
    let key = SigningKey::generate();
    parameters.keeps(NAME, &key.to_file_text());
    let process = Process::start(&mut gateway(folder.path(), &parameters)).await;
    for _ in 0..2 {
        // A development gateway publishes the key that it signs with.
        let published = process.client().get("/_matrix/key/v2/server").await.json();
        assert!(published["verify_keys"][key.key_id()].is_object(), "{published}");
    }
    assert_eq!(parameters.asked(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_that_is_missing_or_holds_no_key_is_named_and_not_repeated() {
    let (folder, parameters) = (process::folder(), Parameters::start().await);
    let missing = refused(&mut gateway(folder.path(), &parameters)).await;
    assert!(!missing.status.success());
    assert!(missing.said.contains(NAME) && missing.said.contains("ParameterNotFound"), "{}", missing.said);

    parameters.keeps(NAME, "hunter2 is no key");
    let wrong = refused(&mut gateway(folder.path(), &parameters)).await;
    assert!(!wrong.status.success());
    assert!(wrong.said.contains(&format!("{NAME} holds no signing key: line 1")), "{}", wrong.said);
    assert!(!wrong.said.contains("hunter2"), "{}", wrong.said);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_one_place() {
    let (folder, parameters) = (process::folder(), Parameters::start().await);
    let refused =
        refused(gateway(folder.path(), &parameters).env("MEDIA_SIGNING_KEY_FILE", "/nowhere")).await;
    assert!(!refused.status.success());
    for name in ["MEDIA_SIGNING_KEY_FILE", "MEDIA_SIGNING_KEY_PARAMETER"] {
        assert!(refused.said.contains(name), "{name}: {}", refused.said);
    }
    assert_eq!(parameters.asked(), 0);
}
