//! The properties over input that is made up: text of the letters and words that matter to each parser, and plain noise.

use properties::{content_disposition, multipart, range, server_name, x_matrix};
use proptest::{
    collection::vec,
    prelude::{Strategy, any, prop_oneof},
    proptest,
    sample::select,
    test_runner::Config,
};

/// Nothing is written beside the tests: what fails goes into the corpus by hand.
fn config() -> Config {
    Config { failure_persistence: None, cases: 512, ..Config::default() }
}

/// Up to `pieces` of these words, with a letter of any kind here and there.
fn text_of(words: &'static [&'static str], pieces: usize) -> impl Strategy<Value = String> {
    let word = select(words).prop_map(ToOwned::to_owned);
    let letter = any::<char>().prop_map(String::from);
    vec(prop_oneof![8 => word, 1 => letter], 0..pieces).prop_map(|pieces| pieces.concat())
}

fn bytes_of(words: &'static [&'static str], pieces: usize) -> impl Strategy<Value = Vec<u8>> {
    let word = select(words).prop_map(|word| word.as_bytes().to_vec());
    let byte = any::<u8>().prop_map(|byte| vec![byte]);
    vec(prop_oneof![8 => word, 1 => byte], 0..pieces).prop_map(|pieces| pieces.concat())
}

const NAME_WORDS: &[&str] = &[
    "a",
    "Z",
    "0",
    "9",
    "-",
    ".",
    ":",
    "[",
    "]",
    "::",
    "1.2.3.4",
    "8448",
    "example.org",
    "+",
    "f00d",
    "%",
    "_",
];

const DISPOSITION_WORDS: &[&str] = &[
    "inline",
    "attachment",
    ";",
    "; ",
    "=",
    "filename",
    "filename*",
    "utf-8''",
    "UTF-8'en'",
    "%e2%98%95",
    "%",
    "%f",
    "\"",
    "\\",
    " ",
    "\t",
    "a.png",
    "'",
    "*",
    "\r\n",
    "\0",
    "\u{85}",
    "\u{1F414}",
    "ä",
    "/",
    "..",
];

const X_MATRIX_WORDS: &[&str] = &[
    "X-Matrix",
    "x-matrix",
    " ",
    "  ",
    "\t",
    ",",
    "=",
    "\"",
    "\\",
    "origin",
    "destination",
    "key",
    "sig",
    "a.test",
    "b.test:80",
    "ed25519:1",
    "YWJj",
    "Bearer",
    "origin=a.test",
    ",key=ed25519:1",
    ",sig=YWJj",
    "\\\"",
    "X-Matrix ",
];

const CONDITION_WORDS: &[&str] = &[
    "\"abc\"",
    "W/",
    "\"",
    ",",
    ", ",
    "*",
    "ä",
    "abc",
    "\"x\"",
    "\"a,b\"",
    "\"\"",
    " ",
    "\t",
    "W/\"abc\"",
    "Tue, 24 Nov",
];

const RANGE_WORDS: &[&str] =
    &["bytes", "Bytes", "=", "-", "0", "9", "00", "18446744073709551615", " ", ",", "items", "+"];

const CONTENT_TYPE_WORDS: &[&str] = &[
    "multipart/mixed",
    "Multipart/Mixed",
    "; ",
    ";",
    "boundary=",
    "BOUNDARY=",
    "\"",
    "\\",
    "b",
    "bb",
    "--",
    " ",
    "x=y",
    "\"boundary=no\"",
    "charset=utf-8",
];

const ANSWER_WORDS: &[&str] = &[
    "--b",
    "--b--",
    "\r\n--b",
    "\n--b",
    "\r\n",
    "\n",
    "\r",
    "-",
    "--",
    "b",
    " ",
    "\t",
    "{}",
    "--b\r\n\r\n{}\r\n--b\r\n",
    "--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\n",
    "Content-Type:",
    "a/b",
    "\r\n\r\n",
    "Content-Disposition: inline; filename=a",
    "Location: https://a.test/",
    "Content-Length: 7",
    ": ",
    "\r\n--b                                                                \r\n",
    "\r\n--b                                                                 \r\n",
];

proptest! {
    #![proptest_config(config())]

    #[test]
    fn server_names_are_read_by_the_grammar(name in text_of(NAME_WORDS, 12), noise in any::<String>()) {
        server_name::what_is_accepted_is_in_the_grammar(&name);
        server_name::what_is_accepted_is_in_the_grammar(&noise);
    }

    #[test]
    fn plausible_server_names_are_read(
        host in "[a-zA-Z0-9.-]{0,260}",
        ipv6 in "\\[[0-9a-fA-F:.]{0,46}\\]",
        port in "(:[+0-9]{0,6})?",
    ) {
        server_name::what_is_accepted_is_in_the_grammar(&format!("{host}{port}"));
        server_name::what_is_accepted_is_in_the_grammar(&format!("{ipv6}{port}"));
    }

    #[test]
    fn real_addresses_are_server_names(address in any::<std::net::Ipv6Addr>(), port in any::<u16>()) {
        let name = format!("[{address}]:{port}");
        server_name::what_is_accepted_is_in_the_grammar(&name);
        server_name::both_halves_decide(&name, "id");
        server_name::a_name_is_shown_as_it_was_written(&format!("mxc://{name}/id"));
    }

    #[test]
    fn media_names_are_read_by_the_grammar(
        origin in text_of(NAME_WORDS, 6),
        id in "[A-Za-z0-9_./%-]{0,8}",
        rest in any::<String>(),
    ) {
        server_name::both_halves_decide(&origin, &id);
        server_name::both_halves_decide("example.org", &id);
        server_name::both_halves_decide(&origin, &rest);
        server_name::a_name_is_shown_as_it_was_written(&format!("mxc://{origin}/{id}{rest}"));
    }

    #[test]
    fn file_names_are_written_and_read_back(
        name in text_of(DISPOSITION_WORDS, 20),
        noise in any::<String>(),
    ) {
        content_disposition::any_name_is_written_and_read_back("image/png", &name);
        content_disposition::any_name_is_written_and_read_back(&name, &noise);
    }

    #[test]
    fn long_file_names_are_cut_and_read_back(name in "(\\PC|\"){0,300}") {
        content_disposition::any_name_is_written_and_read_back("text/html", &name);
    }

    #[test]
    fn dispositions_of_others_give_clean_names(
        header in text_of(DISPOSITION_WORDS, 30),
        noise in any::<String>(),
    ) {
        content_disposition::any_header_gives_a_clean_name(&header);
        content_disposition::any_header_gives_a_clean_name(&format!("inline; filename={noise}"));
        content_disposition::any_header_gives_a_clean_name(&format!("inline; filename*=utf-8''{noise}"));
    }

    #[test]
    fn signatures_that_are_read_can_be_written(header in text_of(X_MATRIX_WORDS, 30)) {
        x_matrix::what_is_read_can_be_written(&header);
        x_matrix::what_is_read_can_be_written(&format!("X-Matrix origin=a.test,key=k,sig=s{header}"));
    }

    #[test]
    fn any_values_of_a_signature_are_read_back(
        destination in text_of(X_MATRIX_WORDS, 8),
        key in text_of(X_MATRIX_WORDS, 8), sig in any::<String>()
    ) {
        x_matrix::any_values_are_read_back(&destination, &key, &sig);
    }

    #[test]
    fn what_we_sign_is_read_back(
        origin in "[a-z0-9.]{1,9}(:[0-9]{1,4})?",
        destination in "[a-z0-9.]{1,9}|\\[::1\\]",
        target in "[/a*][!-~]{0,30}",
    ) {
        x_matrix::what_we_sign_is_read_back(&origin, &destination, &target);
    }

    #[test]
    fn ranges_are_the_ones_that_were_asked_for(
        noise in text_of(RANGE_WORDS, 8),
        range in "bytes=([0-9]{0,21}|[0-9]{0,2})-([0-9]{0,21}|[0-9]{0,2})",
        length in prop_oneof![0..100_u64, any::<u64>()]
    ) {
        range::a_range_is_the_one_that_was_asked_for(&range, length);
        range::a_range_is_the_one_that_was_asked_for(&noise, length);
    }

    #[test]
    fn the_headers_of_a_request_decide_one_after_the_other(
        matching in text_of(CONDITION_WORDS, 6),
        none_match in text_of(CONDITION_WORDS, 6),
        if_range in text_of(CONDITION_WORDS, 3),
        range in "bytes=[0-9]{0,2}-[0-9]{0,2}", length in 0..100_u64
    ) {
        range::the_headers_decide_one_after_the_other([&matching, &none_match, &if_range, &range], length);
        range::the_headers_decide_one_after_the_other([range::ETAG, "", range::ETAG, &range], length);
    }

    #[test]
    fn lists_of_tags_name_what_they_name(
        list in text_of(CONDITION_WORDS, 8),
        tags in "(W/)?\"[!#-~]{0,4}\"([ \t]{0,2},[ \t]{0,2}(W/)?\"[!#-~]{0,4}\"){0,4}"
    ) {
        range::only_what_names_the_tag_matches(&list);
        range::only_what_names_the_tag_matches(&tags);
        range::a_list_may_come_in_several_lines(&list, &tags);
    }

    #[test]
    fn an_answer_is_read_the_same_however_it_is_cut(
        answer in bytes_of(ANSWER_WORDS, 30),
        pieces in vec(any::<u8>(), 0..5), content_type in text_of(CONTENT_TYPE_WORDS, 8)
    ) {
        multipart::it_does_not_matter_how_the_answer_is_cut("multipart/mixed; boundary=b", &answer, &pieces);
        multipart::it_does_not_matter_how_the_answer_is_cut(&content_type, &answer, &pieces);
    }

    #[test]
    fn an_answer_with_two_parts_is_read_the_same_however_it_is_cut(
        headers in bytes_of(ANSWER_WORDS, 10),
        media in bytes_of(ANSWER_WORDS, 20), pieces in vec(any::<u8>(), 0..5)
    ) {
        let answer = [b"--b\r\n\r\n{}\r\n--b\r\n", &headers[..], b"\r\n\r\n", &media, b"\r\n--b--"].concat();
        multipart::it_does_not_matter_how_the_answer_is_cut("multipart/mixed; boundary=b", &answer, &pieces);
    }

    #[test]
    fn media_may_look_like_delimiters(
        boundary in "b|bb|--|[ -~]{1,70}",
        media in bytes_of(ANSWER_WORDS, 30), pieces in vec(any::<u8>(), 0..5)
    ) {
        multipart::the_media_is_all_before_its_delimiter(&boundary, &media, &pieces);
    }

    #[test]
    fn what_we_send_is_read_back(
        content_type in text_of(CONTENT_TYPE_WORDS, 8),
        name in text_of(DISPOSITION_WORDS, 8),
        media in vec(any::<u8>(), 0..2000),
        pieces in vec(any::<u8>(), 0..5)
    ) {
        multipart::what_we_send_is_read_back(&content_type, &name, &media, &pieces);
        multipart::a_link_that_we_send_is_read_back(&name, &pieces);
    }
}
