//! Who may do what: the policies of IAM as far as roles of functions use them, judged in front of an engine.
//!
//! A host that is told of no policies has one pair of credentials that may do everything, and pays nothing for this.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use http::{HeaderMap, header};

/// The account that everything embedded belongs to.
pub const ACCOUNT: &str = "000000000000";

/// The region that everything embedded is in: engines have none, but names of resources do.
pub const REGION: &str = "us-east-1";

/// The policies of everybody who has one. Clones share what was noted.
#[derive(Clone)]
pub struct Policies(Arc<Inner>);

struct Inner {
    principals: BTreeMap<String, Principal>,
    seen: Mutex<BTreeSet<Use>>,
    note: Box<dyn Fn(&Note<'_>) + Send + Sync>,
}

/// Somebody with credentials and a policy.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The access key, which is also its name here.
    pub access_key: String,
    /// The secret that belongs to it.
    pub secret_key: String,
    /// What it may do; what no statement allows is refused.
    pub statements: Vec<Statement>,
}

/// One statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What follows from it.
    pub effect: Effect,
    /// Patterns of actions such as `s3:GetObject`, in any case; `*` is any text, `?` any character.
    pub actions: Vec<String>,
    /// Patterns of the names of resources (ARNs), case and all.
    pub resources: Vec<String>,
}

/// What follows from a statement that matches. A denial goes before every permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The call is allowed.
    Allow,
    /// The call is refused, whatever else allows it.
    Deny,
}

/// One permission that was made use of: of whom, and which action and which resource of a statement, as it writes them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// Whose permission it is.
    pub principal: String,
    /// The pattern of the action.
    pub action: String,
    /// The pattern of the resource.
    pub resource: String,
}

/// What the host is told.
#[derive(Debug)]
pub enum Note<'a> {
    /// A permission was used for the first time.
    Used(&'a Use),
    /// A call was refused.
    Refused(&'a Denied),
}

/// A call that no policy allows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "User: arn:aws:iam::{ACCOUNT}:user/{principal} is not authorized to perform: {action} on resource: {resource} because no \
     identity-based policy allows the {action} action"
)]
pub struct Denied {
    /// Who made it.
    pub principal: String,
    /// The action that it needs.
    pub action: String,
    /// The name of the resource that it needs it on.
    pub resource: String,
}

impl Policies {
    /// Policies of these, told apart by their access keys. `note` hears of every permission once, when it is first used,
    /// and of every refusal.
    pub fn new(
        principals: impl IntoIterator<Item = Principal>,
        note: impl Fn(&Note<'_>) + Send + Sync + 'static,
    ) -> Self {
        let principals = principals.into_iter().map(|principal| (principal.access_key.clone(), principal));
        Self(Arc::new(Inner {
            principals: principals.collect(),
            seen: Mutex::default(),
            note: Box::new(note),
        }))
    }

    /// The secret of whoever has this access key and a policy.
    #[must_use]
    pub fn secret_of(&self, access_key: &str) -> Option<&str> {
        self.0.principals.get(access_key).map(|principal| principal.secret_key.as_str())
    }

    /// Whether `access_key` may do `action` on `resource`, which counts as using the permission, or as a refusal.
    ///
    /// # Errors
    /// [`Denied`] when no statement of its policy allows it, when one denies it, or when there is no such access key.
    pub fn permit(&self, access_key: &str, action: &str, resource: &str) -> Result<(), Denied> {
        self.judge(access_key, action, resource).inspect_err(|denied| (self.0.note)(&Note::Refused(denied)))
    }

    /// As [`Self::permit`] for what nobody asked for in so many words: that it is refused is told to nobody.
    #[must_use]
    pub fn happens_to_permit(&self, access_key: &str, action: &str, resource: &str) -> bool {
        self.judge(access_key, action, resource).is_ok()
    }

    fn judge(&self, access_key: &str, action: &str, resource: &str) -> Result<(), Denied> {
        let statements = self.0.principals.get(access_key).map(|principal| principal.statements.as_slice());
        let matching = |effect| {
            let of_effect = statements.unwrap_or_default().iter().filter(move |it| it.effect == effect);
            of_effect.filter_map(|statement| statement.matching(action, resource))
        };
        let mut allowed = matching(Effect::Allow).peekable();
        if matching(Effect::Deny).next().is_some() || allowed.peek().is_none() {
            return Err(Denied {
                principal: access_key.to_owned(),
                action: action.to_owned(),
                resource: resource.to_owned(),
            });
        }
        for (action, resource) in allowed {
            self.note_use(Use {
                principal: access_key.to_owned(),
                action: action.to_owned(),
                resource: resource.to_owned(),
            });
        }
        Ok(())
    }

    fn note_use(&self, used: Use) {
        // Noted under the lock, so that whoever hears of it hears of each once.
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.contains(&used) {
            (self.0.note)(&Note::Used(&used));
            seen.insert(used);
        }
    }
}

impl fmt::Debug for Policies {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Policies").field(&self.0.principals.keys()).finish()
    }
}

impl Statement {
    /// The patterns that match, if the statement is about this at all.
    fn matching(&self, action: &str, resource: &str) -> Option<(&str, &str)> {
        let lower = action.to_ascii_lowercase();
        let action = self.actions.iter().find(|pattern| matches(&pattern.to_ascii_lowercase(), &lower))?;
        let resource = self.resources.iter().find(|pattern| matches(pattern, resource))?;
        Some((action, resource))
    }
}

/// The access key that a request says it is signed with, in its header. Whether it is, is another question.
#[must_use]
pub fn access_key(headers: &HeaderMap) -> Option<&str> {
    let signed = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (_, credential) = signed.split_once("Credential=")?;
    credential.split('/').next()
}

/// Whether the whole text is what the pattern says: `*` is any text, `?` any one character (IAM user guide, "Using wildcards
/// in resource ARNs").
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = &pattern[1..];
            text.char_indices().any(|(at, _)| matches(rest, &text[at..])) || matches(rest, "")
        }
        Some(wanted) => text.chars().next().is_some_and(|found| {
            (wanted == '?' || wanted == found)
                && matches(&pattern[wanted.len_utf8()..], &text[found.len_utf8()..])
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_match(pattern: &str, text: &str, expected: bool) {
        assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
    }

    #[test]
    fn a_pattern_is_the_whole_text() {
        check_match("arn:aws:s3:::b", "arn:aws:s3:::b", true);
        check_match("arn:aws:s3:::b", "arn:aws:s3:::b/k", false);
        check_match("arn:aws:s3:::b/o/*", "arn:aws:s3:::b/o/k", true);
        check_match("arn:aws:s3:::b/o/*", "arn:aws:s3:::b/o/", true);
        check_match("arn:aws:s3:::b/o/*", "arn:aws:s3:::b/other/k", false);
        check_match("*", "", true);
        check_match("s3:Get*ing", "s3:getobjecttagging", false);
        check_match("a?c", "aéc", true);
        check_match("a?c", "ac", false);
    }

    fn statement(effect: Effect, action: &str, resource: &str) -> Statement {
        Statement { effect, actions: vec![action.to_owned()], resources: vec![resource.to_owned()] }
    }

    fn policies(statements: Vec<Statement>) -> (Policies, Arc<Mutex<Vec<String>>>) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&heard);
        let reader = Principal { access_key: "reader".to_owned(), secret_key: "s".to_owned(), statements };
        let policies = Policies::new([reader], move |note| {
            noted.lock().unwrap().push(match note {
                Note::Used(used) => format!("used {} {} {}", used.principal, used.action, used.resource),
                Note::Refused(denied) => format!("refused {} {}", denied.action, denied.resource),
            });
        });
        (policies, heard)
    }

    #[test]
    fn what_is_not_allowed_is_refused_and_a_denial_goes_first() {
        let (policies, _) = policies(vec![
            statement(Effect::Allow, "s3:get*", "b/*"),
            statement(Effect::Deny, "s3:*", "b/secret/*"),
        ]);
        assert!(policies.permit("reader", "s3:GetObject", "b/k").is_ok());
        assert!(policies.permit("reader", "s3:PutObject", "b/k").is_err());
        assert!(policies.permit("reader", "s3:GetObject", "b/secret/k").is_err());
        assert!(policies.permit("nobody", "s3:GetObject", "b/k").is_err());
    }

    #[test]
    fn every_use_is_told_once_and_every_refusal_each_time() {
        let (policies, heard) = policies(vec![statement(Effect::Allow, "s3:GetObject", "b/*")]);
        for _ in 0..2 {
            assert!(policies.permit("reader", "s3:GetObject", "b/k").is_ok());
            assert!(policies.permit("reader", "s3:GetObject", "c/k").is_err());
            assert!(!policies.happens_to_permit("reader", "s3:ListBucket", "b"));
        }
        let heard = heard.lock().unwrap().clone();
        assert_eq!(
            heard,
            ["used reader s3:GetObject b/*", "refused s3:GetObject c/k", "refused s3:GetObject c/k"]
        );
    }

    #[test]
    fn a_request_says_who_signed_it() {
        let mut headers = HeaderMap::new();
        assert_eq!(access_key(&headers), None);
        let signed =
            "AWS4-HMAC-SHA256 Credential=upload/20261125/us-east-1/s3/aws4_request, SignedHeaders=host";
        headers.insert(header::AUTHORIZATION, signed.parse().unwrap());
        assert_eq!(access_key(&headers), Some("upload"));
    }
}
