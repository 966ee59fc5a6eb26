//! `template.yaml` against the code: every function with its routes and its trigger. What it may do all tests hold, since
//! every gateway under test runs by those policies (`support::policies`).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use axum::{Router, body::Body};
use http::{Method, Request};
use http_body_util::BodyExt as _;
use matrix::layers;
use runtime::Deps;
use support::Server;
use tower::ServiceExt as _;
use yaml_rust2::{Yaml, YamlLoader};

fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// One function as the template describes it.
struct Function {
    /// The name of its folder, of its package and of its binary.
    name: String,
    id: String,
    properties: Yaml,
    routes: Vec<(Method, String)>,
}

fn template() -> Yaml {
    read("template.yaml")
}

/// The gateway beside the functions.
fn gateway_stack() -> Yaml {
    read("infra/gateway/stack.yaml")
}

fn read(file: &str) -> Yaml {
    let text = fs::read_to_string(workspace().join(file)).unwrap();
    YamlLoader::load_from_str(&text).unwrap().remove(0)
}

fn functions() -> Vec<Function> {
    let template = template();
    let resources = template["Resources"].as_hash().unwrap().iter();
    let functions = resources.filter(|(_, is)| is["Type"].as_str() == Some("AWS::Serverless::Function"));
    functions
        .map(|(id, is)| {
            let code = is["Properties"]["CodeUri"].as_str().unwrap();
            assert_eq!(is["Metadata"]["BuildMethod"].as_str(), Some("rust-cargolambda"));
            Function {
                name: code.strip_prefix("functions/").unwrap().to_owned(),
                id: id.as_str().unwrap().to_owned(),
                properties: is["Properties"].clone(),
                routes: is["Metadata"]["Routes"].as_vec().into_iter().flatten().map(route).collect(),
            }
        })
        .collect()
}

fn route(line: &Yaml) -> (Method, String) {
    let (method, path) = line.as_str().unwrap().split_once(' ').unwrap();
    (method.parse().unwrap(), path.to_owned())
}

/// What answers alone, as Lambda runs it.
fn router(name: &str, deps: &Deps) -> Router {
    let routes = match name {
        "upload" => upload::router(deps),
        "download-redirect" => download_redirect::router(deps),
        "thumbnail" => thumbnail::router(deps),
        "federation" => federation::router(deps),
        "url-preview" => url_preview::router(deps),
        "admin" => admin::router(deps),
        _ => Router::new(),
    };
    layers::finish(routes, &deps.config.front)
}

/// The routes of one function.
pub(crate) fn routes_of(name: &str) -> Vec<(Method, String)> {
    functions()
        .into_iter()
        .filter(|function| function.name == name)
        .flat_map(|function| function.routes)
        .collect()
}

/// A path with names in it.
pub(crate) fn filled(path: &str) -> String {
    [
        ("{serverName}", "example.org"),
        ("{mediaId}", "abc"),
        ("{fileName}", "x"),
        ("{userId}", "@a:example.org"),
        ("{roomId}", "!a:example.org"),
        ("{sha256}", "00"),
        ("{jobId}", "a"),
    ]
    .iter()
    .fold(path.to_owned(), |path, (name, value)| path.replace(name, value))
}

async fn is_recognized(router: &Router, method: &Method, path: &str) -> bool {
    let path = filled(path);
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    !String::from_utf8_lossy(&body).contains("M_UNRECOGNIZED")
}

#[test]
fn every_function_has_its_resource_and_every_resource_its_function() {
    let folders = fs::read_dir(workspace().join("functions")).unwrap();
    let folders: BTreeSet<_> =
        folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let functions = functions();
    assert_eq!(functions.iter().map(|function| function.name.clone()).collect::<BTreeSet<_>>(), folders);
    for Function { name, id, .. } in &functions {
        assert_eq!(*id, format!("{}Function", camel(name)));
    }
}

/// `download-redirect` is `DownloadRedirect`.
fn camel(name: &str) -> String {
    name.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_function_answers_its_own_routes_and_no_others() {
    let server = Server::start().await;
    let functions = functions();
    for function in &functions {
        let router = router(&function.name, server.gateway.deps());
        for other in &functions {
            for (method, path) in &other.routes {
                let recognized = is_recognized(&router, method, path).await;
                assert_eq!(recognized, function.name == other.name, "{}: {method} {path}", function.name);
            }
        }
    }
}

#[test]
fn every_path_of_the_protocol_is_somebodys() {
    let source = fs::read_to_string(workspace().join("shared/matrix/src/routes.rs")).unwrap();
    let literals = source.split('"').skip(1).step_by(2);
    let known: BTreeSet<_> = literals
        .filter(|text| text.starts_with("/_matrix/") || text.starts_with("/_synapse/"))
        .map(String::from)
        .collect();
    let routed = functions().into_iter().flat_map(|function| function.routes).map(|(_, path)| path);
    assert_eq!(routed.collect::<BTreeSet<_>>(), known);
}

#[test]
fn what_has_no_route_is_woken_otherwise() {
    let template = template();
    for Function { name, id, properties, routes } in functions() {
        let has_url = !properties["FunctionUrlConfig"].is_badvalue();
        assert_eq!(has_url, !routes.is_empty(), "{name}");
        let mapped = template["Resources"].as_hash().unwrap().values().any(|is| {
            is["Type"].as_str() == Some("AWS::Lambda::EventSourceMapping")
                && is["Properties"]["FunctionName"].as_str() == Some(&id)
        });
        assert_eq!(mapped, name == "ingest", "{name}");
    }
    let queues = &template["Resources"]["MediaBucket"]["Properties"]["NotificationConfiguration"];
    let prefixes: Vec<_> = queues["QueueConfigurations"].as_vec().unwrap().iter().collect();
    let prefixes =
        prefixes.iter().map(|queue| queue["Filter"]["S3Key"]["Rules"][0]["Value"].as_str().unwrap());
    assert_eq!(prefixes.collect::<Vec<_>>(), gateway::NOTIFY_PREFIXES);
}

#[test]
fn every_variable_that_is_set_is_a_setting() {
    let template = template();
    let globals = &template["Globals"]["Function"]["Environment"]["Variables"];
    let functions = functions();
    let own = functions.iter().map(|function| &function.properties["Environment"]["Variables"]);
    let variables = own.chain([globals]).filter_map(Yaml::as_hash).flat_map(|variables| variables.keys());
    let known: BTreeSet<_> = runtime::settings::ALL.iter().map(|setting| setting.name).collect();
    let stack = gateway_stack();
    let container = &stack["Resources"]["Task"]["Properties"]["ContainerDefinitions"][0];
    let of_the_gateway = container["Environment"].as_vec().unwrap().iter().map(|variable| &variable["Name"]);
    for variable in variables.chain(of_the_gateway).map(|name| name.as_str().unwrap()) {
        assert!(known.contains(variable), "{variable}");
    }
}

#[test]
fn the_signing_key_is_read_by_the_one_function_that_signs() {
    let name = runtime::settings::SIGNING_KEY_PARAMETER.name;
    let globals = &template()["Globals"]["Function"]["Environment"]["Variables"];
    assert!(globals[name].is_badvalue());
    for Function { name: function, properties, .. } in functions() {
        let is_set = !properties["Environment"]["Variables"][name].is_badvalue();
        assert_eq!(is_set, function == "remote-fetch", "{function}");
    }
}

/// A function URL is open to everybody, so whoever has one has to know whom it speaks to; and nobody else needs to.
#[test]
fn who_can_be_reached_knows_the_secret_of_the_front() {
    for Function { name, properties, .. } in functions() {
        let has_url = !properties["FunctionUrlConfig"].is_badvalue();
        let secrets = &properties["Environment"]["Variables"]["MEDIA_ORIGIN_SECRETS"];
        assert_eq!(!secrets.is_badvalue(), has_url, "{name}");
        let edge = &template()["Resources"]["Edge"]["Properties"]["Parameters"];
        let id = format!("{}Host", camel(&name));
        assert_eq!(!edge[id.as_str()].is_badvalue(), has_url, "{name}");
    }
}

/// Who may work long, and who only fetches: each has its share, so that downloads and uploads have the rest.
#[test]
fn nobody_who_works_long_can_take_the_place_of_those_who_answer_at_once() {
    for Function { name, properties, .. } in functions() {
        let is_quick = ["upload", "download-redirect"].contains(&name.as_str());
        let is_reserved = !properties["ReservedConcurrentExecutions"].is_badvalue();
        // Arrivals are bounded where they are taken from the queue.
        assert_eq!(is_reserved, !is_quick && name != "ingest", "{name}");
    }
    let arrivals = &template()["Resources"]["IngestArrivals"]["Properties"];
    assert!(arrivals["ScalingConfig"]["MaximumConcurrency"].as_i64().is_some());
    assert_eq!(arrivals["FunctionResponseTypes"][0].as_str(), Some("ReportBatchItemFailures"));
}

#[test]
fn an_arrival_is_not_shown_again_while_it_is_worked_on() {
    let template = template();
    let timeout = |id: &str| template["Resources"][id]["Properties"]["Timeout"].as_i64().unwrap();
    let queue = &template["Resources"]["ArrivalsQueue"]["Properties"];
    assert!(queue["VisibilityTimeout"].as_i64().unwrap() >= 6 * timeout("IngestFunction"));
    let dead_letters = &queue["RedrivePolicy"]["deadLetterTargetArn"];
    assert_eq!(dead_letters.as_str(), Some("ArrivalsDeadLetterQueue.Arn"));
}

/// Both outlive a mistake, and the one that cannot be made again can be brought back to any second of a month.
#[test]
fn what_is_kept_is_kept_from_mistakes() {
    let template = template();
    for id in ["MediaTable", "EphemeralTable"] {
        let table = &template["Resources"][id];
        assert_eq!(table["DeletionPolicy"].as_str(), Some("Retain"), "{id}");
        assert_eq!(table["Properties"]["DeletionProtectionEnabled"].as_bool(), Some(true), "{id}");
    }
    let media = &template["Resources"]["MediaTable"]["Properties"]["PointInTimeRecoverySpecification"];
    assert_eq!(media["PointInTimeRecoveryEnabled"].as_bool(), Some(true));
    let ephemeral = &template["Resources"]["EphemeralTable"]["Properties"]["TimeToLiveSpecification"];
    assert_eq!(ephemeral["Enabled"].as_bool(), Some(true));
    let bucket = &template["Resources"]["MediaBucket"];
    assert_eq!(bucket["DeletionPolicy"].as_str(), Some("Retain"));
    for switch in ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"] {
        let access = &bucket["Properties"]["PublicAccessBlockConfiguration"];
        assert_eq!(access[switch].as_bool(), Some(true), "{switch}");
    }
}

/// What browsers are told of bytes is the same, whether CloudFront hands them out or we do.
#[test]
fn cloudfront_shows_bytes_as_we_do() {
    let shown = read("infra/delivery.yaml")["Resources"]["Shown"]["Properties"].clone();
    let shown = &shown["ResponseHeadersPolicyConfig"];
    let security = &shown["SecurityHeadersConfig"];
    let mut headers = BTreeMap::from([
        (
            "content-security-policy".to_owned(),
            security["ContentSecurityPolicy"]["ContentSecurityPolicy"].clone(),
        ),
        ("referrer-policy".to_owned(), security["ReferrerPolicy"]["ReferrerPolicy"].clone()),
    ]);
    // It has one value, which nobody writes down.
    assert!(!security["ContentTypeOptions"].is_badvalue());
    headers.insert("x-content-type-options".to_owned(), Yaml::String("nosniff".to_owned()));
    for header in shown["CustomHeadersConfig"]["Items"].as_vec().unwrap() {
        headers.insert(header["Header"].as_str().unwrap().to_lowercase(), header["Value"].clone());
    }
    let ours = matrix::respond::content_headers();
    let ours =
        ours.iter().map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap().to_owned()));
    let theirs = headers.into_iter().map(|(name, value)| (name, value.as_str().unwrap().to_owned()));
    assert_eq!(theirs.collect::<BTreeMap<_, _>>(), ours.collect::<BTreeMap<_, _>>());
}

/// Of S3's own answers CloudFront keeps what the record says of the bytes, and passes on what signs nothing.
#[test]
fn cloudfront_keeps_an_object_by_what_its_record_says() {
    let kept = read("infra/delivery.yaml")["Resources"]["Kept"]["Properties"].clone();
    let kept = &kept["CachePolicyConfig"]["ParametersInCacheKeyAndForwardedToOrigin"]["QueryStringsConfig"];
    let parameters = kept["QueryStrings"].as_vec().unwrap().iter().filter_map(Yaml::as_str);
    let overrides = ["response-cache-control", "response-content-disposition", "response-content-type"];
    assert_eq!(parameters.collect::<Vec<_>>(), overrides);
}

/// Otherwise the answers would not be understood: as the template has it, the function has to speak.
#[test]
fn who_hands_out_bytes_streams_and_the_template_knows_it() {
    for Function { name, properties, .. } in functions() {
        let main = fs::read_to_string(workspace().join(format!("functions/{name}/src/main.rs"))).unwrap();
        let mode = properties["FunctionUrlConfig"]["InvokeMode"].as_str();
        let is_buffered = main.contains("runtime::serve(") || main.contains("runtime::serve_and_work(");
        assert_eq!(is_buffered, mode == Some("BUFFERED"), "{name}");
        assert_eq!(main.contains("runtime::serve_streaming("), mode == Some("RESPONSE_STREAM"), "{name}");
    }
}

/// What every test makes sure of for each function ([`support::policies`]), so for the gateway, too.
#[test]
fn the_gateway_beside_the_functions_may_what_they_may_and_no_more() {
    let mut theirs = BTreeSet::new();
    // Arrivals are told to the one, and the gateway fetches by itself.
    for function in functions().iter().filter(|function| function.name != "ingest") {
        collect_grants(&function.properties["Policies"], &mut theirs);
    }
    theirs.retain(|(action, _)| action != "lambda:InvokeFunction");
    let mut its = BTreeSet::new();
    collect_grants(&gateway_stack()["Resources"]["TaskRole"]["Properties"]["Policies"], &mut its);
    assert_eq!(its, theirs);
}

/// Each action with the place that it is granted on, whichever way a template says that.
fn collect_grants(yaml: &Yaml, into: &mut BTreeSet<(String, String)>) {
    let list = |yaml: &Yaml| yaml.as_vec().cloned().unwrap_or_else(|| vec![yaml.clone()]);
    match yaml {
        Yaml::Hash(_) if !yaml["Action"].is_badvalue() => {
            for action in list(&yaml["Action"]) {
                for resource in list(&yaml["Resource"]) {
                    into.insert((action.as_str().unwrap().to_owned(), place(resource.as_str().unwrap())));
                }
            }
        }
        Yaml::Hash(hash) => hash.values().for_each(|value| collect_grants(value, into)),
        Yaml::Array(items) => items.iter().for_each(|item| collect_grants(item, into)),
        _ => {}
    }
}

/// `MediaTable.Arn` is `….table/${MediaTable}`, and `${MediaBucket.Arn}/remote/*` is `….${MediaBucket}/remote/*`.
fn place(resource: &str) -> String {
    let named = [
        "EphemeralTable",
        "MediaTable",
        "MediaBucket",
        "SigningKeyParameter",
        "AdminSecretParameter",
        "LinkKeyParameter",
    ];
    let name = named.into_iter().find(|name| resource.contains(name)).unwrap_or(resource);
    let prefix = resource.rsplit_once('}').map_or("", |(_, prefix)| prefix);
    format!("{name}{prefix}")
}
