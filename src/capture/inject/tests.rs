//! Where the tag goes, and that nothing else happens to a page, however it is cut.

use super::*;
use proptest::prelude::*;

const TAG: &str = "<script defer src=\"/headcount.js\"></script>";

/// Feeds a page in chunks, the end of the stream with the last or on its own.
fn fed<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, end_alone: bool) -> Vec<u8> {
    let mut injector = Injector::new(Bytes::from_static(TAG.as_bytes()));
    let mut out = Vec::new();
    let mut chunks = chunks.into_iter().peekable();
    while let Some(chunk) = chunks.next() {
        let mut body = Some(Bytes::copy_from_slice(chunk));
        injector.feed(&mut body, chunks.peek().is_none() && !end_alone);
        out.extend(body.unwrap_or_default());
    }
    if end_alone {
        let mut body = None;
        injector.feed(&mut body, true);
        out.extend(body.unwrap_or_default());
    }
    out
}

/// A page with `@` where the tag belongs: whole, byte by byte, and cut at every place.
fn check(marked: &str) {
    let page = marked.replacen('@', "", 1);
    let page = page.as_bytes();
    let expected = marked.replacen('@', TAG, 1);
    let same = |out: Vec<u8>| assert_eq!(String::from_utf8_lossy(&out), expected);
    same(fed([page], false));
    same(fed([page], true));
    same(fed(page.chunks(1), true));
    for cut in 0..=page.len() {
        let (a, b) = page.split_at(cut);
        same(fed([a, b], false));
    }
}

#[test]
fn first_in_the_head() {
    check("<!doctype html><html lang=en><head>@<title>x</title></head><body>y</body></html>");
    check("<!DOCTYPE HTML>\n<HTML><HEAD>@<META CHARSET=utf-8></HEAD><BODY></BODY></HTML>");
    check("<head prefix=\"og: > here\" data-x='<head>'\n>@<body>");
    check("<html><head/>@<title>x</title>");
    check("<head>@<head><body><body>");
}

#[test]
fn first_in_the_body_where_there_is_no_head() {
    check("<html><title>x</title><body class=a>@<p>y");
    check("<body>@</body><head></head>");
}

#[test]
fn at_the_end_where_there_is_neither() {
    check("<!doctype html><title>x</title><p>y@");
    check("just text @");
    check("<header>a</header><heading>b</heading><tbody>c</tbody>@");
    check("<p>an unfinished <head@");
}

#[test]
fn a_page_of_nothing_stays_one() {
    assert_eq!(fed([], true), b"");
    assert_eq!(fed([&b""[..], b""], false), b"");
    let mut body = None;
    Injector::new(Bytes::from_static(TAG.as_bytes())).fallback(&mut body, true);
    assert_eq!(body, None);
}

#[test]
fn what_only_looks_like_a_head_is_not_one() {
    check("<!-- <head> --><html><head>@</head>");
    check("<!-- a -- <head> > --!><html><head>@</head>");
    check("<script>'<head>'</script><head>@");
    check("<script><!-- <script> <head> </script> <head> --></script><body>@");
    check("<style><head></style><body>@");
    check("<title><head></title><textarea></head><head></textarea><body>@");
    check("<svg><![CDATA[<head>]]></svg><body>@");
    check("<iframe><head></iframe><noscript><body></noscript><xmp><head></xmp><body>@");
    check("<a title='<head>'>x</a><body>@");
    check("</head><body>@");
    check("<?php <body>?>@");
    check("<plaintext><head><body>@");
}

#[test]
fn inside_a_template_it_would_do_nothing() {
    check("<template><head></head><body></body></template>x@");
    check("<head>@<template><body></template></head>");
}

#[test]
fn bytes_that_are_not_text_pass() {
    let page = b"\xff<head>\xc3\x28\0</head>\xfe";
    let expected = [b"\xff<head>", TAG.as_bytes(), b"\xc3\x28\0</head>\xfe"].concat();
    assert_eq!(fed([page.as_slice()], false), expected);
    assert_eq!(fed(page.chunks(1), false), expected);
}

#[test]
fn a_tag_longer_than_the_parser_may_hold_ends_the_search() {
    let page = format!("<head data-x='{}'></head>", "x".repeat(2 * PARSER_MEMORY));
    let expected = format!("{page}{TAG}");
    assert!(fed(page.as_bytes().chunks(1000), false) == expected.as_bytes());
    // Fed at once it need not be held.
    let inside = page.replace("'>", &format!("'>{TAG}"));
    assert!(fed([page.as_bytes()], false) == inside.as_bytes());
}

#[test]
fn utf16_without_a_charset_is_shown_no_rubbish() {
    for page in [b"\xff\xfe<\0h\0e\0a\0d\0>\0", b"\xfe\xff\0<\0h\0e\0a\0d\0>"] {
        let expected = [page.as_slice(), &[0; TAG.len()]].concat();
        assert_eq!(fed([page.as_slice()], false), expected);
        assert_eq!(fed(page.chunks(1), true), expected);
    }
    check("\u{feff}<head>@</head>");
}

#[test]
fn chunks_without_the_tag_are_not_copied() {
    let mut injector = Injector::new(Bytes::from_static(TAG.as_bytes()));
    for chunk in ["<!doctype html><html>", "<head><title>", "</title></head><body>"] {
        let chunk = Bytes::copy_from_slice(chunk.as_bytes());
        let mut body = Some(chunk.clone());
        injector.feed(&mut body, false);
        let body = body.unwrap();
        assert_eq!(body.as_ptr() == chunk.as_ptr(), !body.ends_with(b"<title>"));
    }
    let mut body = None;
    injector.feed(&mut body, false);
    assert_eq!(body, None, "an empty call stays one");
    injector.feed(&mut body, true);
    assert_eq!(body, None, "the tag went out before");
}

#[test]
fn after_a_panic_the_page_goes_on_and_the_tag_comes_last() {
    let mut injector = Injector::new(Bytes::from_static(TAG.as_bytes()));
    let mut out = Vec::new();
    for (n, chunk) in ["<html>", "<head>", "</head>"].into_iter().enumerate() {
        let mut body = Some(Bytes::from_static(chunk.as_bytes()));
        match n {
            1 => injector.fallback(&mut body, false),
            _ => injector.feed(&mut body, n == 2),
        }
        out.extend(body.unwrap());
    }
    assert_eq!(out, format!("<html><head></head>{TAG}").as_bytes());

    // Once out, it stays the only one; at the very end, it comes at once.
    let mut body = Some(Bytes::from_static(b"x"));
    injector.fallback(&mut body, true);
    assert_eq!(body.unwrap(), "x");
    let mut body = Some(Bytes::from_static(b"x"));
    Injector::new(Bytes::from_static(TAG.as_bytes())).fallback(&mut body, true);
    assert_eq!(body.unwrap(), format!("x{TAG}"));
}

/// A Pingora context must be both.
#[test]
fn can_live_in_a_context() {
    fn context<T: Send + Sync + 'static>() {}
    context::<Injector>();
}

/// Pieces that matter to an HTML parser, between anything at all.
fn htmlish() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "<!doctype html>",
            "<html>",
            "<head>",
            "</head>",
            "<HEAD a=1>",
            "<body",
            ">",
            "<",
            "<!--",
            "-->",
            "<script>",
            "</script>",
            "<title>",
            "</title>",
            "<textarea>",
            "'",
            "\"",
            "<template>",
            "</template>",
            "<svg>",
            "<![CDATA[",
            "]]>",
            "<select>",
            "<table>",
            "/>",
            "<plaintext>",
            "<noscript>",
            "<frameset>",
            "<xmp>",
            "<head",
            " x='",
            "<math><annotation-xml>",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_page_comes_out_with_one_tag_more(
        page in htmlish(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        panics_at in prop::option::of(0..6usize),
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(page.len() + 1)).collect();
        cuts.extend([0, page.len()]);
        cuts.sort_unstable();
        let mut injector = Injector::new(Bytes::from_static(TAG.as_bytes()));
        let mut out = Vec::new();
        for (n, cut) in cuts.windows(2).enumerate() {
            let mut body = Some(Bytes::copy_from_slice(&page[cut[0]..cut[1]]));
            let last = n + 2 == cuts.len();
            match panics_at == Some(n) {
                true => injector.fallback(&mut body, last),
                false => injector.feed(&mut body, last),
            }
            out.extend(body.unwrap());
        }
        if page.is_empty() {
            prop_assert_eq!(out, page);
            return Ok(());
        }
        prop_assert_eq!(out.len(), page.len() + TAG.len());
        let utf16 = page.starts_with(b"\xff\xfe") || page.starts_with(b"\xfe\xff");
        let tag = if utf16 { vec![0; TAG.len()] } else { TAG.into() };
        let at = out.windows(tag.len()).rposition(|part| part == tag);
        prop_assert!(at.is_some());
        out.drain(at.unwrap()..at.unwrap() + tag.len());
        prop_assert_eq!(out, page);
    }

    /// Where a page is cut does not decide where the tag goes.
    #[test]
    fn cuts_do_not_move_the_tag(page in htmlish()) {
        prop_assert_eq!(fed([page.as_slice()], false), fed(page.chunks(1), true));
    }
}
