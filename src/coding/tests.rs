//! What was coded comes back, however it is cut; what is flushed is there; what is broken is told.

use super::*;
use proptest::prelude::*;

/// Decodes chunks as they come. The text so far after each, and whether it is whole at the end.
fn decoded<'a>(
    coding: Coding,
    chunks: impl IntoIterator<Item = &'a [u8]>,
    buffer: usize,
) -> Result<(Vec<Vec<u8>>, bool), BadCoding> {
    let mut decoder = Decoder::new(coding)?;
    let (mut text, mut after) = (Vec::new(), Vec::new());
    let mut output = vec![0; buffer];
    for mut chunk in chunks {
        loop {
            let step = decoder.step(chunk, &mut output)?;
            chunk = &chunk[step.read..];
            text.extend_from_slice(&output[..step.written]);
            if step.written < buffer && (chunk.is_empty() || step.read + step.written == 0) {
                break;
            }
        }
        after.push(text.clone());
    }
    Ok((after, decoder.is_whole()))
}

fn coded(coding: Coding, text: &[u8]) -> Vec<u8> {
    let (mut encoder, mut out) = (Encoder::new(coding).unwrap(), Vec::new());
    encoder.write(text, &mut out).unwrap();
    encoder.finish(&mut out).unwrap();
    out
}

fn page() -> Vec<u8> {
    (0..2_000)
        .flat_map(|i| format!("<p id={}>{}</p>", i * 7919 % 1000, i % 13).into_bytes())
        .collect()
}

#[test]
fn names_are_those_of_the_registry() {
    for coding in Coding::ALL {
        assert_eq!(Coding::named(coding.as_str().to_uppercase().as_bytes()), Some(coding));
    }
    assert_eq!(Coding::named(b"x-gzip"), Some(Coding::Gzip));
    for none in ["", "identity", "deflate", "gzip2", "dcb"] {
        assert_eq!(Coding::named(none.as_bytes()), None, "{none}");
    }
}

#[test]
fn what_is_flushed_is_there_at_once() {
    for coding in Coding::ALL {
        let mut encoder = Encoder::new(coding).unwrap();
        let mut chunks = Vec::new();
        for part in ["<html>", "<head>", "</head>", &"x".repeat(50_000)] {
            let mut out = Vec::new();
            encoder.write(part.as_bytes(), &mut out).unwrap();
            encoder.flush(&mut out).unwrap();
            chunks.push(out);
        }
        let mut out = Vec::new();
        encoder.finish(&mut out).unwrap();
        chunks.push(out);
        let (after, whole) = decoded(coding, chunks.iter().map(Vec::as_slice), 1000).unwrap();
        let lengths: Vec<usize> = after.iter().map(Vec::len).collect();
        assert_eq!((lengths, whole), (vec![6, 12, 19, 50_019, 50_019], true), "{coding:?}");
    }
}

#[test]
fn a_text_that_breaks_off_is_not_whole() {
    let page = page();
    for coding in Coding::ALL {
        let bytes = coded(coding, &page);
        assert_eq!(decoded(coding, [&bytes[..]], 4096).unwrap(), (vec![page.clone()], true));
        for cut in [1, 3, 10, bytes.len() / 2, bytes.len() - 9, bytes.len() - 1] {
            match decoded(coding, [&bytes[..cut]], 4096) {
                Ok((after, whole)) => {
                    assert!(!whole && page.starts_with(&after[0]), "{coding:?} {cut}");
                }
                Err(error) => panic!("{coding:?} {cut}: {error}"),
            }
        }
        // No text at all is a whole one.
        assert_eq!(decoded(coding, [], 10).unwrap(), (vec![], true));
        assert!(decoded(coding, [&b"<html>, and not coded at all"[..]], 100).is_err());
    }
}

#[test]
fn a_damaged_text_is_told() {
    let page = page();
    for coding in [Coding::Gzip, Coding::Zstd] {
        let mut bytes = coded(coding, &page);
        let at = bytes.len() - 5;
        bytes[at] ^= 0x55;
        // zstd checks nothing here: its frames need not have a checksum.
        let same = decoded(coding, [&bytes[..]], 4096).is_ok_and(|(after, _)| after[0] == page);
        assert!(!same, "{coding:?}");
    }
}

#[test]
fn gzip_may_have_several_members_and_padding() {
    let mut bytes = [coded(Coding::Gzip, b"one "), coded(Coding::Gzip, b"two")].concat();
    bytes.extend([0; 20]);
    let (after, whole) = decoded(Coding::Gzip, [&bytes[..]], 2).unwrap();
    assert_eq!((after.last().unwrap().as_slice(), whole), (&b"one two"[..], true));
    let (after, whole) = decoded(Coding::Gzip, bytes.chunks(1), 2).unwrap();
    assert_eq!((after.last().unwrap().as_slice(), whole), (&b"one two"[..], true));
}

#[test]
fn what_follows_a_whole_text_is_nobodys() {
    for coding in Coding::ALL {
        let bytes = [coded(coding, b"all of it"), b"trailing junk".to_vec()].concat();
        let (after, whole) = decoded(coding, [&bytes[..]], 100).unwrap();
        assert_eq!((&after[0][..], whole), (&b"all of it"[..], true), "{coding:?}");
    }
}

#[test]
fn a_spoilt_text_can_be_read_as_far_as_it_goes_and_no_further() {
    for coding in Coding::ALL {
        for text in [&page()[..], b"x"] {
            let (mut encoder, mut out) = (Encoder::new(coding).unwrap(), Vec::new());
            encoder.write(text, &mut out).unwrap();
            encoder.flush(&mut out).unwrap();
            let flushed = out.len();
            encoder.spoil(&mut out).unwrap();
            let (after, whole) = decoded(coding, [&out[..flushed]], 100).unwrap();
            assert_eq!((&after[0][..], whole), (text, false), "{coding:?}");
            assert!(decoded(coding, [&out[..]], 100).is_err(), "{coding:?}");
        }
    }
}

#[test]
fn windows_beyond_those_of_http_are_refused() {
    let mut zstd = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    zstd.set_parameter(zstd::stream::raw::CParameter::WindowLog(27)).unwrap();
    std::io::Write::write_all(&mut zstd, &page()).unwrap();
    assert!(decoded(Coding::Zstd, [&zstd.finish().unwrap()[..]], 4096).is_err());
    // Large windows of brotli begin like this.
    assert!(decoded(Coding::Brotli, [&[0x11, 30, 0, 0, 0, 0][..]], 4096).is_err());
}

/// A Pingora context must be both, with a lock for what is not `Sync`.
#[test]
fn can_live_in_a_context() {
    fn context<T: Send + Sync>() {}
    context::<std::sync::Mutex<(Decoder, Encoder)>>();
}

proptest! {
    #[test]
    fn what_was_coded_comes_back(
        parts in prop::collection::vec((prop::collection::vec(0u8..4, 0..3000), any::<bool>()), 0..6),
        cut in 1usize..500,
        buffer in 1usize..3000,
    ) {
        let text: Vec<u8> = parts.iter().flat_map(|(part, _)| part.clone()).collect();
        for coding in Coding::ALL {
            let (mut encoder, mut out) = (Encoder::new(coding).unwrap(), Vec::new());
            for (part, flush) in &parts {
                encoder.write(part, &mut out).unwrap();
                if *flush {
                    encoder.flush(&mut out).unwrap();
                }
            }
            encoder.finish(&mut out).unwrap();
            let (after, whole) = decoded(coding, out.chunks(cut), buffer).unwrap();
            prop_assert_eq!((after.last().unwrap(), whole), (&text, true));
        }
    }
}
