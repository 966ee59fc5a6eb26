//! The command line: every setting of [`runtime::settings`] as an option, an option before its variable.

use clap::{Arg, ArgMatches, Command};
use runtime::{
    config::environment,
    settings::{self, Setting},
};

use crate::development;

/// The subcommand that asks a running gateway how it is.
pub(crate) const HEALTH: &str = "health";

/// Its one argument: whom it asks.
pub(crate) const HEALTH_OF: &str = "gateway";

/// Reads the command line; `--help`, `--version` and mistakes end the process, as they do everywhere.
#[must_use]
pub fn from_command_line() -> ArgMatches {
    command().get_matches()
}

/// How [`runtime::Config`] finds each setting: option, variable, and for a machine that says nothing about who its users
/// are, a development user of the gateway's own.
pub fn lookup(options: ArgMatches) -> Result<impl Fn(&str) -> Option<String>, development::NoToken> {
    // What is no setting, such as the variables that say where a process runs, is no option.
    let option = move |name: &str| options.try_get_one::<String>(name).ok().flatten().cloned();
    let said = move |name: &str| option(name).or_else(|| environment(name));
    let standing_in = development::defaults(&said)?;
    Ok(move |name: &str| said(name).or_else(|| standing_in.get(name).cloned()))
}

fn command() -> Command {
    Command::new("gateway")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A Matrix media repository on one machine: every function behind one port.")
        .after_help(
            "Without a homeserver the gateway runs in development: it makes up a user and prints the access token.",
        )
        .args(settings::ALL.iter().map(option))
        .subcommand(
            Command::new(HEALTH)
                .about("Asks a running gateway how it is: ends with 0 when it is well, with 1 when not")
                .arg(
                    Arg::new(HEALTH_OF)
                        .value_name("ADDRESS:PORT")
                        .help("Where it listens [default: as MEDIA_LISTEN says]"),
                ),
        )
}

fn option(setting: &'static Setting) -> Arg {
    let default = setting.default.filter(|value| !value.is_empty());
    let default = default.map_or_else(String::new, |value| format!(" [default: {value}]"));
    Arg::new(setting.name)
        .long(option_name(setting))
        .value_name(setting.unit)
        .help(format!("{}{default} [env: {}]", setting.help, setting.name))
}

/// `MEDIA_MAX_UPLOAD_BYTES` is `max-upload-bytes`.
fn option_name(setting: &Setting) -> String {
    setting.name.trim_start_matches("MEDIA_").to_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound_and_names_every_setting() {
        command().debug_assert();
        let help = command().render_long_help().to_string();
        for setting in settings::ALL {
            assert!(help.contains(setting.name) && help.contains(setting.unit), "{}", setting.name);
        }
    }

    #[test]
    fn an_option_goes_before_everything() {
        let options = command().get_matches_from(["gateway", "--server-name", "example.org"]);
        assert_eq!(options.get_one::<String>("MEDIA_SERVER_NAME").unwrap(), "example.org");
    }
}
