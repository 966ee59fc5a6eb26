//! The environment that `template.yaml` gives a function, with its references resolved as CloudFormation would.

use std::{collections::BTreeMap, fs, path::PathBuf};

use yaml_rust2::{Yaml, YamlLoader};

use super::{
    RuntimeApi,
    cloud::{Cloud, SERVER_NAME, SIGNING_KEY_PARAMETER},
    events::ORIGIN_SECRET,
};

/// Everything that a process of this function finds in its environment.
pub fn of(function: &str, cloud: &Cloud, api: &RuntimeApi) -> BTreeMap<String, String> {
    let stack = Stack::new(cloud);
    let properties = stack.properties_of(function);
    let globals = &stack.template["Globals"]["Function"]["Environment"]["Variables"];
    let own = &properties["Environment"]["Variables"];
    let mut variables = BTreeMap::new();
    for (name, value) in [globals, own].into_iter().filter_map(Yaml::as_hash).flatten() {
        variables.insert(name.as_str().expect("the name of a variable").to_owned(), stack.resolved(value));
    }
    let memory_mib = properties["MemorySize"].as_i64().expect("a size");
    variables.extend(of_lambda(function, memory_mib, api));
    variables.extend(of_this_machine(function, cloud));
    variables
}

/// What Lambda itself adds (Lambda developer guide, "Defined runtime environment variables").
#[must_use]
pub fn of_lambda(function: &str, memory_mib: i64, api: &RuntimeApi) -> [(String, String); 8] {
    [
        ("AWS_LAMBDA_RUNTIME_API", api.address().to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory_mib.to_string()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("TZ", ":UTC".to_owned()),
        ("LANG", "en_US.UTF-8".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
}

/// Where AWS is, here, and who the function is to it.
fn of_this_machine(function: &str, cloud: &Cloud) -> [(String, String); 6] {
    let settings = &cloud.settings;
    let secret = cloud.policies.secret_of(function).expect("a policy").to_owned();
    [
        ("AWS_REGION", settings.region.clone().expect("a region")),
        ("AWS_ACCESS_KEY_ID", function.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("MEDIA_S3_ENDPOINT", settings.s3_endpoint.clone().expect("an endpoint")),
        ("MEDIA_SSM_ENDPOINT", cloud.parameters.url()),
        ("MEDIA_DYNAMODB_ENDPOINT", settings.dynamodb_endpoint.clone().expect("an endpoint")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
}

struct Stack {
    template: Yaml,
    /// What `!Ref` finds; every condition is false.
    values: BTreeMap<String, String>,
}

impl Stack {
    fn new(cloud: &Cloud) -> Self {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
        let template = YamlLoader::load_from_str(&fs::read_to_string(file).expect("the template"))
            .expect("YAML")
            .remove(0);
        let defaults = template["Parameters"].as_hash().expect("parameters").iter();
        let defaults =
            defaults.filter_map(|(name, is)| Some((name.as_str()?.to_owned(), scalar(&is["Default"])?)));
        let mut values: BTreeMap<_, _> = defaults.collect();
        let settings = &cloud.settings;
        for (name, value) in [
            ("ServerName", SERVER_NAME),
            ("HomeserverUrl", &cloud.homeserver.url()),
            ("OriginSecret", ORIGIN_SECRET),
            ("SigningKeyParameter", SIGNING_KEY_PARAMETER),
            // So that the old paths show something.
            ("LegacyFrozenSince", "2100-01-01T00:00:00Z"),
            ("MediaBucket", &settings.bucket),
            ("MediaTable", &settings.table),
            ("EphemeralTable", &settings.ephemeral_table),
            ("RemoteFetchFunction", &settings.remote_fetch_function),
        ] {
            values.insert(name.to_owned(), value.to_owned());
        }
        Self { template, values }
    }

    fn properties_of(&self, function: &str) -> Yaml {
        let code = format!("functions/{function}");
        let resources = self.template["Resources"].as_hash().expect("resources").values();
        let mut properties = resources.map(|resource| &resource["Properties"]);
        properties.find(|is| is["CodeUri"].as_str() == Some(&code)).expect("a function of that name").clone()
    }

    /// The tags are lost in reading: what is named like something is a reference to it, a list is an `!If`.
    fn resolved(&self, value: &Yaml) -> String {
        if let Some([_condition, _then, otherwise]) = value.as_vec().map(Vec::as_slice) {
            return self.resolved(otherwise);
        }
        let text = scalar(value).unwrap_or_else(|| panic!("{value:?}"));
        match self.values.get(&text) {
            Some(value) => value.clone(),
            None => self.substituted(&text),
        }
    }

    fn substituted(&self, text: &str) -> String {
        let Some((before, rest)) = text.split_once("${") else { return text.to_owned() };
        let (name, after) = rest.split_once('}').expect("a variable that ends");
        format!("{before}{}{}", self.values[name], self.substituted(after))
    }
}

fn scalar(value: &Yaml) -> Option<String> {
    match value {
        Yaml::String(text) => Some(text.clone()),
        Yaml::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}
