//! The house rules that a machine can check: which way data flows, who may name what, that every file says what it is for.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// The layers, lowest first. A package may use what is below it, never its neighbours. This is the only place where the
/// order is written down.
const LAYERS: [&[&str]; 10] = [
    &["media-core", "jpeg-shrink", "telemetry", "vp8-rows"],
    &["storage", "imaging", "outbound"],
    &["thumbnailer", "matrix"],
    &["runtime"],
    &[
        "upload",
        "download-redirect",
        "thumbnail",
        "federation",
        "remote-fetch",
        "ingest",
        "url-preview",
        "admin",
    ],
    &["engine-host"],
    &["s3-engine", "dynamodb-engine"],
    &["gateway"],
    &["support"],
    &["it", "lambda", "conformance", "properties", "benches", "cold-start", "hello", "pictures"],
];

/// The engines know S3 and DynamoDB, and nothing of ours but each other's host.
const ENGINES: [&str; 3] = ["engine-host", "s3-engine", "dynamodb-engine"];

/// Whoever names one of these packages does the work that it stands for, and nobody else does. Tests may name anything.
const ONLY_IN: [(&str, &[&str]); 24] = [
    ("aws-sdk-s3", &["storage"]),
    ("aws-sdk-dynamodb", &["storage"]),
    ("aws-sdk-lambda", &["storage"]),
    ("aws-sdk-ssm", &["storage"]),
    ("aws-config", &["storage"]),
    ("image", &["imaging"]),
    ("fast_image_resize", &["imaging"]),
    ("fdeflate", &["imaging"]),
    ("gif", &["imaging"]),
    ("image-webp", &["imaging"]),
    ("jpeg-shrink", &["imaging"]),
    ("jxl", &["imaging"]),
    ("moxcms", &["imaging"]),
    ("png", &["imaging"]),
    ("tiff", &["imaging"]),
    ("vp8-rows", &["imaging"]),
    ("webp", &["imaging"]),
    ("zune-jpeg", &["imaging"]),
    ("reqwest", &["outbound"]),
    ("hickory-resolver", &["outbound"]),
    ("html5gum", &["url-preview"]),
    ("lambda_http", &["runtime"]),
    ("dynoxide-rs", &["dynamodb-engine"]),
    ("s3s", &["s3-engine"]),
];

/// What the rules need neither read a socket nor wait for.
const NOT_IN_CORE: [&str; 5] = ["tokio", "serde", "http", "axum", "tracing"];

fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .current_dir(workspace())
        .no_deps()
        .other_options(["--offline".into()])
        .exec()
        .unwrap()
}

/// What a package is built of; what only its tests use is another matter.
fn built_of(package: &Package) -> impl Iterator<Item = &str> {
    let normal = package.dependencies.iter().filter(|uses| uses.kind != DependencyKind::Development);
    normal.map(|uses| uses.name.as_str())
}

fn layers() -> BTreeMap<&'static str, usize> {
    let numbered = LAYERS.iter().enumerate();
    numbered.flat_map(|(layer, packages)| packages.iter().map(move |package| (*package, layer))).collect()
}

#[test]
fn data_flows_one_way() {
    let layers = layers();
    for package in metadata().workspace_packages() {
        let name = package.name.as_str();
        let layer = layers.get(name).unwrap_or_else(|| panic!("{name} is in no layer"));
        for used in built_of(package) {
            if let Some(below) = layers.get(used) {
                assert!(below < layer, "{name} uses {used}, which is not below it");
                assert!(!ENGINES.contains(&name) || ENGINES.contains(&used), "{name} knows {used}");
            }
        }
    }
}

#[test]
fn each_kind_of_work_has_one_home() {
    let tests = LAYERS[8..].concat();
    for package in metadata().workspace_packages() {
        let name = package.name.as_str();
        for used in built_of(package) {
            let homes = ONLY_IN.iter().find(|(work, _)| *work == used).map(|(_, homes)| homes);
            let at_home = homes.is_none_or(|homes| homes.contains(&name));
            assert!(at_home || tests.contains(&name), "{name} uses {used}");
            assert!(name != "media-core" || !NOT_IN_CORE.contains(&used), "{name} uses {used}");
        }
    }
}

#[test]
fn every_folder_is_named_as_its_package() {
    for package in metadata().workspace_packages() {
        let folder = package.manifest_path.parent().unwrap().file_name().unwrap();
        let name = package.name.as_str();
        // `core` is taken by the language.
        assert_eq!(folder, if name == "media-core" { "core" } else { name });
        assert_eq!(package.license.as_deref(), Some("MIT OR Apache-2.0"), "{name}");
        assert!(package.description.as_ref().is_some_and(|said| !said.is_empty()), "{name}");
    }
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let mut files = 0;
    for file in rust_files(&workspace()) {
        let text = fs::read_to_string(&file).unwrap();
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//! ") && first.len() > 12, "{}: {first:?}", file.display());
        files += 1;
    }
    assert!(files > 150, "{files} files were found");
}

#[test]
fn every_dependency_says_what_it_is_hired_for() {
    let manifest = fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
    let (_, rest) = manifest.split_once("# Everybody else's").unwrap();
    let (hired, _) = rest.split_once("\n[").unwrap();
    let mut is_introduced = false;
    let mut before = "";
    for line in hired.lines().skip(1).filter(|line| !line.is_empty()) {
        // A line that belongs to the one above shares its reason: `http-body` and `http-body-util`.
        let name = line.split([' ', '=']).next().unwrap_or_default();
        assert!(line.starts_with('#') || is_introduced || name.starts_with(before), "{line}");
        is_introduced = line.starts_with('#');
        before = name;
    }
}

#[test]
fn the_map_names_every_package() {
    let map = fs::read_to_string(workspace().join("ARCHITECTURE.md")).unwrap();
    for package in metadata().workspace_packages() {
        let folder = package.manifest_path.parent().unwrap().file_name().unwrap();
        assert!(map.contains(&format!("{folder}/")), "ARCHITECTURE.md has no caption for {folder}/");
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// What is not linked neither takes time to fetch and to start, nor can it be broken into.
#[test]
fn who_hands_out_links_is_built_of_no_codec_and_no_parser_of_pages() {
    let arguments =
        ["tree", "--package=download-redirect", "--edges=normal", "--prefix=none", "--locked", "--offline"];
    let tree = Command::new(env!("CARGO")).args(arguments).current_dir(workspace()).output().unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let built_of: BTreeSet<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(built_of.contains("aws-sdk-s3"), "{built_of:?}");
    let at_work = |home: &[&str]| home == ["imaging"] || home == ["url-preview"];
    let theirs = ONLY_IN.into_iter().filter(|(_, home)| at_work(home)).map(|(name, _)| name);
    let unwanted: Vec<_> = theirs
        .chain(["imaging", "thumbnailer", "url-preview"])
        .filter(|name| built_of.contains(name))
        .collect();
    assert!(unwanted.is_empty(), "{unwanted:?}");
}
