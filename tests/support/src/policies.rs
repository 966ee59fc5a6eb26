//! What each function may do as `template.yaml` says it, and what the tests made use of.
//!
//! Every gateway under test runs by these policies. Each process notes in a file of its own which permissions it used and
//! what it was refused; a test during which anything was refused has failed, and after all tests [`complaints`] says what
//! nobody used.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use engine_host::{
    Policies,
    policies::{ACCOUNT, Effect, Note, Principal, REGION, Statement, Use},
};
use media_core::mxc::random_name;
use runtime::settings::{self, Setting};
use yaml_rust2::{Yaml, YamlLoader};

/// The variable by which a process learns where to note: in its parent's file.
pub const NOTES: &str = "POLICY_NOTES";

/// The folder of the files, beside the binaries.
const FOLDER: &str = "policy-notes";

/// Characters of chance in a file's name.
const FILE_CHARS: usize = 12;

/// What begins the line of a permission that was used; function, action and resource follow, each after a tab.
const USED: &str = "used";

/// What begins the line of a call that was refused.
const REFUSED: &str = "refused";

/// What begins the line that says which process notes.
const BY: &str = "by";

const TEMPLATE: &str = include_str!("../../../template.yaml");

/// One action on one resource that the template allows a function.
#[derive(Clone, Debug)]
struct Permission {
    is: Use,
    /// The resource as the template writes it.
    resource: String,
}

/// A function and what the template says of its permissions.
struct Function {
    name: String,
    statements: Vec<(Statement, Vec<String>)>,
    /// Why something is allowed that no test uses, by the action, or by the action and the resource after a blank.
    unused: BTreeMap<String, String>,
}

/// What the resources that policies speak of are called where these run.
#[derive(Clone, Debug)]
pub struct Names {
    /// The bucket.
    pub bucket: String,
    /// The table of records.
    pub table: String,
    /// The table of what may be forgotten.
    pub ephemeral_table: String,
    /// The function that is invoked.
    pub remote_fetch_function: String,
}

impl Default for Names {
    /// As a gateway calls them that is told nothing else.
    fn default() -> Self {
        let usual = |setting: &Setting| setting.default.expect("a usual name").to_owned();
        Self {
            bucket: usual(&settings::S3_BUCKET),
            table: usual(&settings::TABLE),
            ephemeral_table: usual(&settings::EPHEMERAL_TABLE),
            remote_fetch_function: usual(&settings::REMOTE_FETCH_FUNCTION),
        }
    }
}

/// The policies of all functions, each known by its name as the access key.
#[must_use]
pub fn of_the_template() -> Policies {
    with_names(&Names::default())
}

/// The same where resources are called something else.
#[must_use]
pub fn with_names(names: &Names) -> Policies {
    let principals = functions(names).into_iter().map(|function| Principal {
        // Any process that knows the name knows the secret: a second gateway beside the first, or one started anew.
        secret_key: format!("the-secret-of-{}", function.name),
        access_key: function.name,
        statements: function.statements.into_iter().map(|(statement, _)| statement).collect(),
    });
    Policies::new(principals, |said| match said {
        Note::Used(Use { principal, action, resource }) => note(&[USED, principal, action, resource]),
        Note::Refused(denied) => note(&[REFUSED, &denied.principal, &denied.action, &denied.resource]),
    })
}

/// Dropped at the end of a test: panics when anything was refused meanwhile.
#[derive(Debug)]
pub struct NothingRefused;

impl Drop for NothingRefused {
    fn drop(&mut self) {
        let text = fs::read_to_string(notes()).unwrap_or_default();
        let refused: Vec<_> = text.lines().filter(|line| line.starts_with(REFUSED)).collect();
        assert!(
            refused.is_empty() || std::thread::panicking(),
            "template.yaml does not allow what was done: {refused:?}"
        );
    }
}

/// Where this process notes, and whoever it starts.
#[must_use]
pub fn notes() -> &'static Path {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| {
        if let Some(parents) = parents_notes() {
            return parents;
        }
        // Ids of processes come again within one run of all tests.
        let file = folder().join(format!("{}-{}", std::process::id(), random_name(FILE_CHARS)));
        fs::create_dir_all(folder()).expect("a folder beside the binaries");
        append(&file, &[BY, &std::env::args().skip(1).collect::<Vec<_>>().join(" ")]);
        file
    })
}

/// What is wrong with the policies after all tests have run, sentence by sentence: permissions that nobody used and nobody
/// explains, explanations of what is used after all or not even allowed, and calls that were refused.
#[must_use]
pub fn complaints() -> Vec<String> {
    let (mut used, mut complaints) = (BTreeSet::new(), Vec::new());
    let files = fs::read_dir(folder()).into_iter().flatten();
    for file in files {
        let text = fs::read_to_string(file.expect("a file").path()).expect("what a test noted");
        let mut by = "?";
        for line in text.lines() {
            match line.split('\t').collect::<Vec<_>>()[..] {
                [BY, process] => by = process,
                [USED, principal, action, resource] => drop(used.insert(Use {
                    principal: principal.to_owned(),
                    action: action.to_owned(),
                    resource: resource.to_owned(),
                })),
                [REFUSED, principal, action, resource] => {
                    complaints.push(format!("{principal} may not {action} on {resource}, and did in {by}"));
                }
                _ => complaints.push(format!("{line} is no note, and is one of {by}")),
            }
        }
    }
    complaints.extend(functions(&Names::default()).iter().flat_map(|function| function.complaints(&used)));
    complaints
}

impl Function {
    fn complaints(&self, used: &BTreeSet<Use>) -> Vec<String> {
        let (mut complaints, mut explanations) = (Vec::new(), BTreeSet::new());
        for Permission { is, resource } in self.permissions() {
            let whole = format!("{} {resource}", is.action);
            let names = [whole.as_str(), is.action.as_str()];
            let explanation = names.into_iter().find(|name| self.unused.contains_key(*name));
            let is_used = used.contains(&is);
            if let (false, Some(explanation)) = (is_used, explanation) {
                explanations.insert(explanation.to_owned());
            }
            if !is_used && explanation.is_none() {
                complaints.push(format!("{} may {whole}, which no test makes use of", self.name));
            }
        }
        let idle = self.unused.keys().filter(|name| !explanations.contains(*name));
        complaints.extend(idle.map(|name| format!("{}: {name} is used, or not allowed at all", self.name)));
        complaints
    }

    fn permissions(&self) -> Vec<Permission> {
        let mut permissions = Vec::new();
        for (statement, written) in &self.statements {
            for action in &statement.actions {
                for (resource, written) in statement.resources.iter().zip(written) {
                    let (principal, action, known) = (self.name.clone(), action.clone(), resource.clone());
                    let is = Use { principal, action, resource: known };
                    permissions.push(Permission { is, resource: written.clone() });
                }
            }
        }
        permissions
    }
}

fn functions(names: &Names) -> Vec<Function> {
    let template = YamlLoader::load_from_str(TEMPLATE).expect("YAML").remove(0);
    let resources = template["Resources"].as_hash().expect("resources").values();
    let functions = resources.filter(|is| is["Type"].as_str() == Some("AWS::Serverless::Function"));
    functions
        .map(|is| {
            let folder = is["Properties"]["CodeUri"].as_str().expect("a folder");
            let policies = is["Properties"]["Policies"].as_vec().into_iter().flatten();
            let statements = policies.flat_map(|policy| policy["Statement"].as_vec().expect("statements"));
            let unused = is["Metadata"]["UnusedByTests"].as_hash().into_iter().flatten();
            Function {
                name: folder.trim_start_matches("functions/").to_owned(),
                statements: statements.filter_map(granted).map(|is| statement(is, names)).collect(),
                unused: unused.map(|(name, why)| (text(name), text(why))).collect(),
            }
        })
        .collect()
}

/// What stands under a condition stands: by whatever parameters, the code may be what makes use of it.
fn granted(yaml: &Yaml) -> Option<&Yaml> {
    match yaml {
        Yaml::Array(choice) => {
            assert_eq!(choice[2].as_str(), Some("AWS::NoValue"), "either a statement or none");
            granted(&choice[1])
        }
        statement => Some(statement),
    }
}

/// A statement, and its resources as they are written.
fn statement(yaml: &Yaml, names: &Names) -> (Statement, Vec<String>) {
    for key in yaml.as_hash().expect("a statement").keys() {
        let known = ["Sid", "Effect", "Action", "Resource"];
        assert!(known.contains(&text(key).as_str()), "{key:?} of a statement is not understood here");
    }
    let effect = match yaml["Effect"].as_str() {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        other => panic!("{other:?} is no effect"),
    };
    let written = texts(&yaml["Resource"]);
    let resources = written.iter().map(|resource| name_of(resource, names)).collect();
    (Statement { effect, actions: texts(&yaml["Action"]), resources }, written)
}

/// A resource's name (ARN) on the embedded engines. The parser leaves out the tags, so `!GetAtt Bucket.Arn` is `Bucket.Arn`,
/// and what is between `${` and `}` is the same.
fn name_of(written: &str, names: &Names) -> String {
    // As CloudFormation names it. By reference its role would need the function, which needs its role.
    let written = &written.replace("${AWS::StackName}-AdminFunction-*", "admin");
    if !written.contains("${") && !written.starts_with("arn:") && written != "*" {
        return value_of(written, names);
    }
    let mut pieces = written.split("${");
    let mut name = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (variable, rest) = piece.split_once('}').expect("a variable that ends");
        name += &value_of(variable, names);
        name += rest;
    }
    name
}

fn value_of(variable: &str, names: &Names) -> String {
    let table = |name: &str| format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}");
    match variable {
        "AWS::Partition" => "aws".to_owned(),
        "AWS::Region" => REGION.to_owned(),
        "AWS::AccountId" => ACCOUNT.to_owned(),
        "MediaBucket.Arn" => format!("arn:aws:s3:::{}", names.bucket),
        "MediaTable.Arn" => table(&names.table),
        "EphemeralTable.Arn" => table(&names.ephemeral_table),
        "RemoteFetchFunction.Arn" => {
            let function = &names.remote_fetch_function;
            format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}")
        }
        "ScannerFunction" => format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:scanner"),
        "ArrivalsQueue.Arn" => format!("arn:aws:sqs:{REGION}:{ACCOUNT}:arrivals"),
        // As the tests name them.
        "SigningKeyParameter" => "/matrix/signing-key".to_owned(),
        "LinkKeyParameter" => "/matrix/links/1".to_owned(),
        "AdminSecretParameter" => "/matrix/media-admin".to_owned(),
        _ => panic!("a policy names {variable}, which is not known here"),
    }
}

fn texts(yaml: &Yaml) -> Vec<String> {
    yaml.as_vec().map_or_else(|| vec![text(yaml)], |texts| texts.iter().map(text).collect())
}

fn text(yaml: &Yaml) -> String {
    yaml.as_str().expect("a text").to_owned()
}

fn note(words: &[&str]) {
    append(notes(), words);
}

/// One line in one write, so that lines of several processes never mix.
fn append(file: &Path, words: &[&str]) {
    let line = words.join("\t") + "\n";
    let mut file = OpenOptions::new().append(true).create(true).open(file).expect("a file for notes");
    file.write_all(line.as_bytes()).expect("a line is noted");
}

fn folder() -> PathBuf {
    let binary = std::env::current_exe().expect("a process has a file");
    let beside = binary.parent().expect("a folder");
    // A test is in `deps`, below the binaries.
    let binaries = if beside.ends_with("deps") { beside.parent().expect("a folder") } else { beside };
    binaries.join(FOLDER)
}

#[expect(clippy::disallowed_methods, reason = "a setting of the tests; the product's are read elsewhere")]
fn parents_notes() -> Option<PathBuf> {
    std::env::var(NOTES).ok().map(PathBuf::from)
}
