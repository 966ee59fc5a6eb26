//! What one user may upload: in all, lately, at a time; and how an operator writes that down.

use std::{str::FromStr, time::Duration};

use ruma_common::UserId;

use crate::{
    admit::is_named_by,
    limits::{Limits, MAX_WINDOWS, MIN_WINDOW},
};

/// What one user may upload. `None`: as much as they like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// What they may have here in all, in bytes.
    pub total_bytes: Option<u64>,
    /// How many files they may have here in all.
    pub files: Option<u64>,
    /// What they may upload within a time, whatever becomes of it.
    pub windows: Vec<Window>,
    /// The largest of their uploads through us, in bytes.
    pub upload_bytes: Option<u64>,
    /// Media ids that they may have created and not filled.
    pub pending: Option<u32>,
}

/// So much within so long, looked at from every moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How long; at least [`MIN_WINDOW`].
    pub period: Duration,
    /// How much, in bytes.
    pub bytes: u64,
}

/// What an operator says of some users. What a rule does not say is as it is for everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Of whom: `*` for any letters.
    users: String,
    total_bytes: Said<u64>,
    files: Said<u64>,
    upload_bytes: Option<u64>,
    pending: Option<u32>,
    windows: Vec<Window>,
}

/// One limit in a rule: not there, `off`, or so much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Said<N> {
    #[default]
    Nothing,
    Off,
    Limit(N),
}

impl Allowance {
    /// Whether anything of it is counted from one upload to the next, which costs a read and a write on each.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.total_bytes.is_some() || self.files.is_some() || !self.windows.is_empty()
    }
}

impl Limits {
    /// What `user` may upload: as the first rule says that names them, and else as it is for everybody.
    #[must_use]
    pub fn allowance_of(&self, user: &UserId) -> Allowance {
        let general = Allowance {
            total_bytes: self.user_bytes,
            files: None,
            windows: Vec::new(),
            upload_bytes: Some(self.upload_bytes),
            pending: Some(self.pending_uploads),
        };
        let rule = self.users.iter().find(|rule| is_named_by(&rule.users, user.as_str()));
        match rule {
            Some(rule) => rule.applied_to(&general),
            None => general,
        }
    }
}

impl Rule {
    fn applied_to(&self, general: &Allowance) -> Allowance {
        Allowance {
            total_bytes: self.total_bytes.or(general.total_bytes),
            files: self.files.or(general.files),
            windows: self.windows.clone(),
            // Nobody gets more through the door than it has room for.
            upload_bytes: [self.upload_bytes, general.upload_bytes].into_iter().flatten().min(),
            pending: self.pending.or(general.pending),
        }
    }
}

impl<N: Copy> Said<N> {
    fn or(self, otherwise: Option<N>) -> Option<N> {
        match self {
            Self::Nothing => otherwise,
            Self::Off => None,
            Self::Limit(limit) => Some(limit),
        }
    }
}

/// `@bot_*:example.org total:10G files:5000 upload:50M pending:20 24h:1G`: users, then limits in any order. Sizes have `K`,
/// `M`, `G` or `T` behind them, each 1024 of the one before; times `s`, `m`, `h`, `d` or `w`.
impl FromStr for Rule {
    type Err = NotARule;

    fn from_str(text: &str) -> Result<Self, NotARule> {
        let mut words = text.split_ascii_whitespace();
        let users = words.next().ok_or(NotARule)?.to_owned();
        let mut rule = Self {
            users,
            total_bytes: Said::Nothing,
            files: Said::Nothing,
            upload_bytes: None,
            pending: None,
            windows: Vec::new(),
        };
        for word in words {
            let (name, value) = word.split_once(':').ok_or(NotARule)?;
            rule.say(name, value).ok_or(NotARule)?;
        }
        Ok(rule)
    }
}

impl Rule {
    fn say(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "total" => self.total_bytes = said(value, size)?,
            "files" => self.files = said(value, |text| text.parse().ok())?,
            "upload" => self.upload_bytes = Some(size(value)?),
            "pending" => self.pending = Some(value.parse().ok().filter(|&count| count > 0)?),
            _ => {
                let window = Window { period: period(name)?, bytes: size(value)? };
                let is_new = self.windows.iter().all(|other| other.period != window.period);
                if !is_new || self.windows.len() == MAX_WINDOWS {
                    return None;
                }
                self.windows.push(window);
            }
        }
        Some(())
    }
}

/// What is no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a rule such as `@bot_*:example.org total:10G files:5000 24h:1G`")]
pub struct NotARule;

fn said<N>(value: &str, read: impl Fn(&str) -> Option<N>) -> Option<Said<N>> {
    if value == "off" { Some(Said::Off) } else { read(value).map(Said::Limit) }
}

fn size(text: &str) -> Option<u64> {
    let (digits, unit) =
        text.split_at(text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len()));
    let power = match unit {
        "" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1024_u64.pow(power))
}

fn period(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        "w" => 7 * 24 * 60 * 60,
        _ => return None,
    };
    let is_plain = digits.bytes().all(|digit| digit.is_ascii_digit());
    let seconds = digits.parse::<u32>().ok().filter(|_| is_plain).map(|count| u64::from(count) * seconds)?;
    Some(Duration::from_secs(seconds)).filter(|period| *period >= MIN_WINDOW)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(rules: &[&str]) -> Limits {
        let users = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        Limits { users, user_bytes: Some(7), ..Limits::default() }
    }

    fn of(limits: &Limits, user: &str) -> Allowance {
        limits.allowance_of(user.try_into().unwrap())
    }

    #[test]
    fn the_first_rule_that_names_a_user_is_theirs_and_says_what_is_not_as_for_everybody() {
        let limits = limits(&[
            "@bot_*:example.org total:off pending:500",
            "@*:example.org total:10G files:5000 upload:1M 24h:1G 30d:4G",
        ]);
        let general = of(&limits, "@a:elsewhere.example");
        assert_eq!((general.total_bytes, general.pending), (Some(7), Some(5)));
        let bot = of(&limits, "@bot_1:example.org");
        assert_eq!((bot.total_bytes, bot.pending, bot.is_counted()), (None, Some(500), false));
        let user = of(&limits, "@a:example.org");
        assert_eq!(user.total_bytes, Some(10 << 30));
        assert_eq!((user.files, user.upload_bytes, user.pending), (Some(5000), Some(1 << 20), Some(5)));
        let day = Window { period: Duration::from_hours(24), bytes: 1 << 30 };
        let month = Window { period: Duration::from_hours(24 * 30), bytes: 4 << 30 };
        assert_eq!(user.windows, [day, month]);
    }

    #[test]
    fn nobody_may_upload_more_at_a_time_than_everybody() {
        let limits = limits(&["* upload:1T"]);
        assert_eq!(of(&limits, "@a:example.org").upload_bytes, Some(limits.upload_bytes));
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for nonsense in [
            "",
            "* total",
            "* total:",
            "* total:1X",
            "* total:-1",
            "* total:99999999999T",
            "* files:1K",
            "* pending:0",
            "* upload:off",
            "* 24h:off",
            "* 24:1G",
            "* h:1G",
            "* +1h:1G",
            "* 1s:1G",
            "* ä:1G",
            "* 24h:1G 1d:2G",
            "* 1h:1 2h:1 3h:1 4h:1 5h:1",
        ] {
            assert_eq!(nonsense.parse::<Rule>(), Err(NotARule), "{nonsense:?}");
        }
    }
}
