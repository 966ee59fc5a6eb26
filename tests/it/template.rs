//! `template.yaml` against the code: every function with its routes, its trigger, and the calls it really makes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    time::Duration,
};

use axum::{Router, body::Body};
use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use ingest::Ingest;
use matrix::layers;
use media_core::{Mxc, Record, State, limits::PART_BYTES, thumbnail::Shape};
use remote_fetch::Fetched;
use runtime::{Deadline, Deps};
use storage::{Key, Outcome, SdkCalls, functions::FetchOrder, secrets::SecretPlace};
use support::{Server, Setup, Web, homeserver::Homeserver, parameters::Parameters, photos};
use tower::ServiceExt as _;
use yaml_rust2::{Yaml, YamlLoader};

/// What a function is allowed beyond the calls that it makes in these tests, and why.
const EXPLAINED: [(&str, &str, &str); 14] = [
    ("upload", "s3:ListBucket", "without it a missing object is answered 403 instead of 404"),
    ("download-redirect", "s3:GetObject", "a signed link carries the rights of whoever signed it"),
    (
        "download-redirect",
        "ssm:GetParameter",
        "the key that signs links to CloudFront, where links lead there",
    ),
    ("thumbnail", "ssm:GetParameter", "as for `download-redirect`"),
    ("federation", "ssm:GetParameter", "as for `download-redirect`"),
    ("thumbnail", "s3:ListBucket", "as for `upload`"),
    ("federation", "s3:ListBucket", "as for `upload`"),
    ("ingest", "s3:ListBucket", "as for `upload`"),
    ("ingest", "sqs:", "Lambda itself receives with the function's rights"),
    ("ingest", "dynamodb:GetItem", "a write that lost asks what was there, where the engine does not say"),
    ("ingest", "dynamodb:DeleteItem", "a digest of what was deleted meanwhile takes its reference back"),
    ("url-preview", "AbortMultipartUpload", "a picture of several parts that S3 does not take in whole"),
    ("remote-fetch", "DeleteItem", "a claim that was lost meanwhile takes its reference back"),
    ("remote-fetch", "DeleteObject", "and its object"),
];

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
        _ => Router::new(),
    };
    layers::finish(routes, &deps.config.front)
}

async fn is_recognized(router: &Router, method: &Method, path: &str) -> bool {
    let path =
        path.replace("{serverName}", "example.org").replace("{mediaId}", "abc").replace("{fileName}", "x");
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
    let known: BTreeSet<_> =
        literals.filter(|text| text.starts_with("/_matrix/")).map(String::from).collect();
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
        assert_eq!(main.contains("runtime::serve("), mode == Some("BUFFERED"), "{name}");
        assert_eq!(main.contains("runtime::serve_streaming("), mode == Some("RESPONSE_STREAM"), "{name}");
    }
}

/// The policy says the actions alone, and both tables have the same ones: so which functions use which table.
#[test]
fn what_may_be_forgotten_is_kept_by_those_who_look_it_up() {
    for function in functions() {
        let mut resources = BTreeSet::new();
        collect_resources(&function.properties["Policies"], &mut resources);
        // Whose token it is, who is to be left alone, whose key it is.
        let looks_it_up = function.name != "ingest";
        assert_eq!(resources.contains("EphemeralTable.Arn"), looks_it_up, "{}", function.name);
    }
}

fn collect_resources(yaml: &Yaml, into: &mut BTreeSet<String>) {
    match yaml {
        Yaml::Hash(hash) => {
            for (key, value) in hash {
                match (key.as_str(), value) {
                    (Some("Resource"), Yaml::String(resource)) => drop(into.insert(resource.clone())),
                    _ => collect_resources(value, into),
                }
            }
        }
        Yaml::Array(items) => items.iter().for_each(|item| collect_resources(item, into)),
        _ => {}
    }
}

/// The IAM action that a call of the SDK needs.
fn action(operation: &str) -> String {
    match operation {
        "Invoke" => "lambda:InvokeFunction".to_owned(),
        "GetParameter" => "ssm:GetParameter".to_owned(),
        "PutObject" | "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" => {
            "s3:PutObject".to_owned()
        }
        "GetObject" | "DeleteObject" | "AbortMultipartUpload" => format!("s3:{operation}"),
        // And `PutObject` where the copy goes, which every upload needs.
        "HeadObject" | "CopyObject" => "s3:GetObject".to_owned(),
        other => format!("dynamodb:{other}"),
    }
}

fn granted(function: &Function) -> BTreeSet<String> {
    let mut granted = BTreeSet::new();
    collect_actions(&function.properties["Policies"], &mut granted);
    granted
}

fn collect_actions(yaml: &Yaml, into: &mut BTreeSet<String>) {
    match yaml {
        Yaml::Hash(hash) => {
            for (key, value) in hash {
                match (key.as_str(), value) {
                    (Some("Action"), Yaml::String(action)) => drop(into.insert(action.clone())),
                    (Some("Action"), Yaml::Array(actions)) => {
                        into.extend(actions.iter().map(|action| action.as_str().unwrap().to_owned()));
                    }
                    _ => collect_actions(value, into),
                }
            }
        }
        Yaml::Array(items) => items.iter().for_each(|item| collect_actions(item, into)),
        _ => {}
    }
}

/// What the test below makes sure of for each function, so for the gateway, too.
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
    let named = ["EphemeralTable", "MediaTable", "MediaBucket", "SigningKeyParameter", "LinkKeyParameter"];
    let name = named.into_iter().find(|name| resource.contains(name)).unwrap_or(resource);
    let prefix = resource.rsplit_once('}').map_or("", |(_, prefix)| prefix);
    format!("{name}{prefix}")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_function_may_make_the_calls_that_it_makes_and_no_others() {
    let homeserver = Homeserver::start().await;
    homeserver.knows(support::server::TOKEN, "@alice:example.org");
    let beside = crate::identity::beside(&homeserver).await;
    // As the template has it: by link, and the bytes to who comes back.
    let by_link = || Setup::new().set("MEDIA_FEDERATION_DELIVERY", "redirect");
    let (origin, home) = crate::federation::two_servers_over(by_link).await;

    let mut used = BTreeMap::new();
    used.insert("upload", calls_of_upload(&beside).await);
    used.insert("download-redirect", calls_of_reading("download-redirect", &beside, &home, &origin).await);
    used.insert("thumbnail", calls_of_reading("thumbnail", &beside, &home, &origin).await);
    used.insert("remote-fetch", calls_of_remote_fetch(&home, &origin).await);
    // Moves the origin's clock a day ahead, where other servers' keys have expired: so after whoever asks it.
    used.insert("federation", calls_of_federation(&origin).await);
    used.insert("url-preview", calls_of_url_preview().await);
    used.insert("ingest", calls_of_ingest(home.gateway.deps()).await);

    for function in functions() {
        let name = function.name.as_str();
        let used: BTreeSet<_> = used[name].by_operation().keys().map(|operation| action(operation)).collect();
        let granted = granted(&function);
        assert!(used.is_subset(&granted), "{name} may not {:?}", used.difference(&granted));
        for unused in granted.difference(&used) {
            let explained = EXPLAINED.iter().any(|(of, what, _)| *of == name && unused.contains(what));
            assert!(explained, "{name} may {unused} and does not");
        }
    }
}

/// Sends a request with the usual token straight to a function, and counts what it costs there.
async fn send(calls: &SdkCalls, router: &Router, method: Method, path: &str, body: Body) -> StatusCode {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {}", support::server::TOKEN))
        .body(body)
        .unwrap();
    calls.counting(router.clone().oneshot(request)).await.unwrap().status()
}

async fn calls_of_upload(beside: &Server) -> SdkCalls {
    let (calls, router) = (SdkCalls::default(), router("upload", beside.gateway.deps()));
    let path = "/_matrix/media/v3/upload";
    for length in [5, PART_BYTES + 5] {
        let status = send(&calls, &router, Method::POST, path, Body::from(vec![7; length])).await;
        assert_eq!(status, StatusCode::OK);
    }
    let pieces = [Ok(Bytes::from(vec![7; PART_BYTES + 5])), Err(std::io::Error::other("gone"))];
    let broken = Body::from_stream(stream::iter(pieces));
    assert_eq!(send(&calls, &router, Method::POST, path, broken).await, StatusCode::BAD_REQUEST);
    calls_of_filling(beside, &calls, &router).await;
    calls
}

/// A name that is filled by two at once, and one whose bytes go straight to S3.
async fn calls_of_filling(beside: &Server, calls: &SdkCalls, router: &Router) {
    let client = beside.client();
    let create = "/_matrix/media/v1/create";
    assert_eq!(send(calls, router, Method::POST, create, Body::empty()).await, StatusCode::OK);
    let (raced, _) = client.create().await;
    let path = format!("/_matrix/media/v3/upload/{}/{}", raced.origin, raced.media_id);
    let race = futures_util::future::join(
        send(calls, router, Method::PUT, &path, Body::from("one")),
        send(calls, router, Method::PUT, &path, Body::from("two")),
    );
    let (one, two) = race.await;
    assert_eq!(BTreeSet::from([one.as_u16(), two.as_u16()]), BTreeSet::from([200, 409]));
    let (direct, reply) = client.create().await;
    let url = reply["com.beeper.msc3870.upload_url"].as_str().unwrap();
    assert!(support::client::plain_http().put(url).body("bytes").send().await.unwrap().status().is_success());
    let path = format!("/_matrix/media/v1/upload/{}/{}/complete", direct.origin, direct.media_id);
    assert_eq!(send(calls, router, Method::POST, &path, Body::empty()).await, StatusCode::OK);
}

/// Our media beside a homeserver that is asked, and another server's that has to be fetched.
async fn calls_of_reading(name: &str, beside: &Server, home: &Server, origin: &Server) -> SdkCalls {
    let calls = SdkCalls::default();
    let photo = photos::fixture("transparent.png");
    let ours = beside.client().upload(photo.clone(), "image/png", "").await;
    beside.thumbnails_of(&ours).await;
    // So that the access is the first of its day, and the token has to be asked about again.
    beside.surroundings.clock.advance(Duration::from_hours(24));
    let theirs = origin.client().upload(photo, "image/png", "").await;
    for (server, mxc) in [(beside, &ours), (home, &theirs)] {
        let router = router(name, server.gateway.deps());
        let path = match name {
            "thumbnail" => {
                format!("thumbnail/{}/{}?width=500&height=200&method=crop", mxc.origin, mxc.media_id)
            }
            _ => format!("download/{}/{}", mxc.origin, mxc.media_id),
        };
        let path = format!("/_matrix/client/v1/media/{path}");
        let status = send(&calls, &router, Method::GET, &path, Body::empty()).await;
        assert_eq!(status, StatusCode::TEMPORARY_REDIRECT, "{path}");
    }
    calls
}

/// The server asks itself: its own signature is as good as another's.
async fn calls_of_federation(origin: &Server) -> SdkCalls {
    let deps = origin.gateway.deps();
    let (calls, router) = (SdkCalls::default(), router("federation", deps));
    let photo = photos::fixture("transparent.png");
    let mxc = origin.client().upload(photo, "image/png", "").await;
    origin.thumbnails_of(&mxc).await;
    origin.surroundings.clock.advance(Duration::from_hours(24));
    for path in [
        format!("/_matrix/federation/v1/media/download/{}", mxc.media_id),
        format!("/_matrix/federation/v1/media/thumbnail/{}?width=500&height=200&method=crop", mxc.media_id),
    ] {
        let key = deps.signing_key.clone().unwrap();
        let signed = key.authorize_get(&deps.server_name, &deps.server_name, &path).unwrap();
        let ask = || Request::get(&path).header(header::AUTHORIZATION, &signed).body(Body::empty()).unwrap();
        for _ in 0..2 {
            let answer = calls.counting(router.clone().oneshot(ask())).await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
        }
    }
    calls
}

/// A page with a picture, of a user whose token has to be asked about and who is charged for what comes.
async fn calls_of_url_preview() -> SdkCalls {
    let homeserver = Homeserver::start().await;
    homeserver.knows(support::server::TOKEN, "@alice:example.org");
    let web = Web::start().await;
    let page = format!("<title>Large</title><img src='{}'>", web.url("/large.bmp"));
    web.page("/", page);
    let large = photos::drawn_as_bitmap(2000, 1600);
    assert!(large.len() > PART_BYTES);
    web.answers("/large.bmp", 200, &[("content-type", "image/bmp")], large);
    let server = crate::previews::setup()
        .set("MEDIA_DEV_TOKENS", "")
        .set("MEDIA_HOMESERVER_URL", &homeserver.url())
        .start()
        .await;
    let (calls, router) = (SdkCalls::default(), router("url-preview", server.gateway.deps()));
    let path = format!("/_matrix/client/v1/media/preview_url?url={}", web.url("/"));
    assert_eq!(send(&calls, &router, Method::GET, &path, Body::empty()).await, StatusCode::OK);
    let pictures = server.objects_in_s3().await;
    assert!(pictures.keys().all(|key| key.starts_with("previews/")) && pictures.len() == 1, "{pictures:?}");
    calls
}

async fn calls_of_remote_fetch(home: &Server, origin: &Server) -> SdkCalls {
    let deps = home.gateway.deps();
    let calls = SdkCalls::default();
    read_signing_key(&calls).await;
    let theirs = origin.client().upload(vec![7; PART_BYTES + 5], "a/b", "").await;
    let missing = Mxc::new_on(&theirs.origin);
    for mxc in [&theirs, &missing] {
        let now = deps.clock.now();
        let claimed = deps.store.records.claim(mxc, "attempt", now, now + deps.limits.remote_time).await;
        let Outcome::Won(lease) = claimed.unwrap() else { panic!("lost to nobody") };
        let order = FetchOrder::new(mxc, &lease.held_by, lease.fence);
        let fetched = calls.counting(remote_fetch::fetch(deps, order, Deadline::NONE)).await.unwrap();
        assert_eq!(fetched == Fetched::Stored, *mxc == theirs);
    }
    let broken = stream::iter([Ok(Bytes::from(vec![7; PART_BYTES + 5])), Err(cut_off())]);
    let mut broken = storage::Incoming::new(Box::pin(broken), u64::MAX, None);
    let key = Key::new_remote();
    let put = deps.store.blobs.put(&key, &theirs, "a/b", &mut broken);
    assert!(calls.counting(put).await.is_err());
    calls
}

/// What the function does first, when a process of it starts.
async fn read_signing_key(calls: &SdkCalls) {
    let parameters = Parameters::start().await;
    parameters.keeps("/key", "as kept");
    let place = SecretPlace {
        parameter: "/key".to_owned(),
        region: Some("eu-west-1".to_owned()),
        credentials: Some(("AKIATEST".to_owned(), "secret".to_owned())),
        endpoint: Some(parameters.url()),
    };
    assert_eq!(storage::secrets::read(&place, calls).await.unwrap(), "as kept");
}

fn cut_off() -> storage::BodyError {
    storage::BodyError::CutOff("gone".to_owned())
}

/// Beside the gateway's own `ingest`, which finds the object before its record is there and comes back too late.
async fn calls_of_ingest(deps: &Deps) -> SdkCalls {
    let calls = SdkCalls::default();
    let (mxc, key) = (Mxc::new_on(&deps.server_name), Key::new_original());
    let photo = stream::iter([Ok(photos::fixture("photo.jpg"))]);
    let mut photo = storage::Incoming::new(Box::pin(photo), u64::MAX, None);
    let written = deps.store.blobs.put(&key, &mxc, "image/jpeg", &mut photo).await.unwrap();
    let record = Record {
        mxc,
        state: State::Stored(media_core::Content {
            object_key: key.to_string(),
            content_type: "image/jpeg".to_owned(),
            size_bytes: written.size_bytes,
            sha256: Some(written.sha256),
            upload_name: None,
        }),
        created_at: deps.clock.now(),
        uploader: None,
        authenticated: true,
        quarantined_by: None,
        protected: false,
        last_access: None,
        picture: None,
    };
    assert!(deps.store.records.reserve(&record).await.unwrap().is_won());
    let event = crate::thumbnails::arrival(&key.to_string());
    let answer = calls.counting(Ingest::new(deps).objects_landed(event, Deadline::NONE)).await.unwrap();
    assert!(answer.batch_item_failures.is_empty());
    let small = Shape::new(32, 32, media_core::thumbnail::Method::Crop);
    let found = deps.store.records.get_with_thumbnails(&record.mxc).await.unwrap().unwrap();
    assert!(found.thumbnails.iter().any(|thumbnail| thumbnail.shape == small));
    calls
}
