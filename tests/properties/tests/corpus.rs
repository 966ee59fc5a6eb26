//! What fuzzing left behind, once more: the properties hold for every file of the corpus, and the corpus stays small.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fs, panic::catch_unwind, path::PathBuf};

use properties::TARGETS;

/// Files kept of one target.
const MAX_FILES: usize = 30;

/// All files kept of one target, in bytes.
const MAX_CORPUS_BYTES: usize = 20 * 1024;

#[test]
fn what_was_found_once_passes_for_good() {
    for target in TARGETS {
        for file in files(&format!("corpus/{}", target.name)) {
            let input = fs::read(&file).unwrap();
            assert!(catch_unwind(|| (target.hold)(&input)).is_ok(), "{} does not pass", file.display());
        }
    }
}

#[test]
fn the_corpus_is_there_and_small() {
    for target in TARGETS {
        let files = files(&format!("corpus/{}", target.name));
        assert!((5..=MAX_FILES).contains(&files.len()), "{} has {} files", target.name, files.len());
        let bytes: usize = files.iter().map(|file| fs::read(file).unwrap().len()).sum();
        assert!(bytes <= MAX_CORPUS_BYTES, "{} has {bytes} bytes", target.name);
    }
}

#[test]
fn every_property_has_its_target_its_corpus_and_its_words() {
    let names: Vec<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    for folder in ["corpus", "targets", "dictionaries"] {
        let stems = files(folder);
        let stems: Vec<_> = stems.iter().map(|file| file.file_stem().unwrap().to_str().unwrap()).collect();
        assert_eq!(stems, names, "tests/fuzz/{folder}");
    }
}

/// What is in a folder of the fuzzer, in order.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(folder);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
