//! A block as bytes: how it lies in a batch, in the journal and in the store.
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | version of all that follows: 1; 2 is the same, and says that the rows are aged |
//! | 4 | CRC-32 of all that follows, little-endian |
//! | number | length of the columns before they are compressed |
//! | number | length of the columns as they are here |
//! | | the columns, as one zstd frame |
//! | | keys: 8 bytes for each distinct visitor, then 8 for each visit that has a number. They are random, so compressing them would only cost time |
//!
//! A *number* takes as many bytes as it needs, seven bits in each, the lowest first; all bytes but
//! the last have the eighth bit. A *signed* number is stored as the number 2n, or -2n - 1 below
//! zero. A *column of texts* begins with the distinct texts in it, the most frequent first (their
//! count, then each as its place in the dictionary + 1; 0: no text), and goes on with a number for
//! each value: its place among these. So most values take one byte before they are compressed, and
//! less after. The columns are, in this order:
//!
//! 1. the dictionary: count of texts, length of each, then all texts (UTF-8) one after another. The
//!    empty text has place 0 and is not stored;
//! 2. visits: count; for each its visitor (0: none, else 1 + place among the keys); for each
//!    whether it has a number (0, 1); a column of texts: entry pages; count of traits' columns, and
//!    each of these: length and name of the dimension, column of texts;
//! 3. lists of properties: count (the empty one has place 0 and is not stored), length of each, two
//!    columns of texts: all names, all values;
//! 4. rows: count; times (signed: milliseconds since the row before); kinds; flags; visits (signed:
//!    how far its place is before that of the next visit that no row has had, so 0 is a new visit);
//!    view numbers; pages, names, details (columns of texts); places of lists; two columns of signed
//!    numbers.
//!
//! Reading trusts nothing: each value takes at least a byte of the columns, these are at most 64
//! MiB whatever they claim to be, and every place is compared with the length of what it points
//! into.

use super::{Block, NONE, Text, Visits};
use crate::model::rollup::Dimension;
use crate::model::row::{Flags, Kind};
use crate::model::visitor_hash::VisitorHash;
use indexmap::IndexSet;
use std::sync::Arc;
use thiserror::Error;

/// The first byte. Another one for each change of what follows.
const VERSION: u8 = 1;

/// The same, of rows that are aged.
const AGED: u8 = 2;

/// Whether a block says that it is aged, without reading it.
pub fn is_aged(bytes: &[u8]) -> bool {
    bytes.first() == Some(&AGED)
}

/// Of columns, before they are compressed: what decoding may take memory for, whatever a block
/// says.
const COLUMNS_MAX: usize = 64 << 20;

/// zstd's own default: a million rows take 19.4 bytes each and 0.07 s to unpack, in blocks of
/// 8,000. With LZ4 it would be 23.7 bytes and 0.06 s.
const LEVEL: i32 = 3;

/// These bytes are not a block, or not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a block of event rows is damaged")]
pub struct Damaged;

impl Block {
    pub fn encode(&self) -> Vec<u8> {
        let (columns, keys) = self.write();
        // In memory, and into a buffer that is large enough, it cannot fail.
        let packed = zstd::bulk::compress(&columns, LEVEL).unwrap_or_default();
        let mut out = Writer(vec![if self.aged { AGED } else { VERSION }, 0, 0, 0, 0]);
        out.number(columns.len() as u64);
        out.number(packed.len() as u64);
        let mut out = out.0;
        out.extend(packed);
        out.extend(keys);
        let sum = crc32fast::hash(&out[5..]).to_le_bytes();
        out[1..5].copy_from_slice(&sum);
        out
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let (version, rest) = bytes.split_first().ok_or(Damaged)?;
        let (sum, rest) = rest.split_first_chunk().ok_or(Damaged)?;
        let known = matches!(*version, VERSION | AGED);
        if !known || crc32fast::hash(rest) != u32::from_le_bytes(*sum) {
            return Err(Damaged);
        }
        Ok(Self { aged: *version == AGED, ..Self::unpack(rest)? })
    }

    pub(super) fn unpack(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut reader = Reader(bytes);
        let length = usize::try_from(reader.number()?).map_err(|_| Damaged)?;
        if length > COLUMNS_MAX {
            return Err(Damaged);
        }
        let packed = reader.count()?;
        let packed = reader.bytes(packed)?;
        let columns = zstd::bulk::decompress(packed, length).map_err(|_| Damaged)?;
        Self::read(&columns, reader.0)
    }

    /// Columns, and the random keys of visitors and visits, which nothing makes smaller.
    pub(super) fn write(&self) -> (Vec<u8>, Vec<u8>) {
        let mut out = Writer(Vec::with_capacity(self.len() * 24));
        let mut keys = Vec::new();

        let texts = self.texts.get(1..).unwrap_or_default();
        out.number(texts.len() as u64);
        texts.iter().for_each(|text| out.number(text.len() as u64));
        texts.iter().for_each(|text| out.0.extend(text.as_bytes()));

        let mut counts = vec![0; self.texts.len() + 1];
        self.write_visits(&mut out, &mut keys, &mut counts);

        let lists = self.lists.get(1..).unwrap_or_default();
        out.number(lists.len() as u64);
        lists.iter().for_each(|list| out.number(list.len() as u64));
        let pairs: Vec<(Text, Text)> = lists.iter().flatten().copied().collect();
        out.texts(&pairs.iter().map(|pair| pair.0).collect::<Vec<_>>(), &mut counts);
        out.texts(&pairs.iter().map(|pair| pair.1).collect::<Vec<_>>(), &mut counts);

        out.number(self.len() as u64);
        let mut before = 0;
        for at in &self.at {
            out.signed(at.wrapping_sub(before));
            before = *at;
        }
        self.kind.iter().for_each(|kind| out.number(*kind as u64));
        self.flags.iter().for_each(|flags| out.number(flags.0.into()));
        let mut next = 0;
        for of in &self.of {
            let of = i64::from(*of);
            out.signed(next - of);
            next = next.max(of + 1);
        }
        self.view.iter().for_each(|view| out.number((*view).into()));
        for column in [&self.page, &self.name, &self.detail] {
            out.texts(column, &mut counts);
        }
        self.properties.iter().for_each(|list| out.number((*list).into()));
        for column in &self.numbers {
            column.iter().for_each(|number| out.signed(*number));
        }
        (out.0, keys)
    }

    fn write_visits(&self, out: &mut Writer, keys: &mut Vec<u8>, counts: &mut [u32]) {
        let visits = &self.visits;
        out.number(visits.len() as u64);
        let mut visitors = IndexSet::<_, foldhash::fast::RandomState>::default();
        for visitor in &visits.visitor {
            // New ones are counted up; 0 is none.
            out.number(visitor.map_or(0, |visitor| visitors.insert_full(visitor).0 as u64 + 1));
        }
        visitors.iter().for_each(|visitor| keys.extend(visitor.bytes()));
        for visit in &visits.visit {
            out.number((*visit != 0).into());
            if *visit != 0 {
                keys.extend(visit.to_le_bytes());
            }
        }
        out.texts(&visits.entry, counts);
        out.number(visits.traits.len() as u64);
        for (dimension, column) in &visits.traits {
            let name = dimension.as_str();
            out.number(name.len() as u64);
            out.0.extend(name.as_bytes());
            out.texts(column, counts);
        }
    }

    pub(super) fn read(columns: &[u8], keys: &[u8]) -> Result<Self, Damaged> {
        let mut reader = Reader(columns);
        let mut block = Self { texts: reader.dictionary()?, ..Self::default() };
        let texts = block.texts.len();
        block.visits = Visits::read(&mut reader, keys, texts)?;

        let count = reader.count()?;
        let lengths = reader.column(count, Reader::count)?;
        let all = lengths.iter().try_fold(0, |sum: usize, length| sum.checked_add(*length));
        let all = all.ok_or(Damaged)?;
        let mut pairs = reader.texts(all, texts)?.into_iter().zip(reader.texts(all, texts)?);
        block.lists = Vec::with_capacity(count + 1);
        block.lists.push(Vec::new());
        block.lists.extend(lengths.into_iter().map(|length| pairs.by_ref().take(length).collect()));

        let count = reader.count()?;
        let mut at = 0_i64;
        block.at = reader.column(count, |reader| {
            at = at.wrapping_add(reader.signed()?);
            Ok(at)
        })?;
        block.kind = reader.column(count, |reader| {
            u8::try_from(reader.number()?).ok().and_then(Kind::from_number).ok_or(Damaged)
        })?;
        block.flags = reader.column(count, |reader| Ok(Flags(reader.small()?)))?;
        let (mut next, visits) = (0_i64, block.visits.len());
        block.of = reader.column(count, |reader| {
            let of = next.checked_sub(reader.signed()?).ok_or(Damaged)?;
            let of = u32::try_from(of).ok().filter(|of| (*of as usize) < visits).ok_or(Damaged)?;
            next = next.max(i64::from(of) + 1);
            Ok(of)
        })?;
        block.view = reader.column(count, Reader::small)?;
        block.page = reader.texts(count, texts)?;
        block.name = reader.texts(count, texts)?;
        block.detail = reader.texts(count, texts)?;
        let lists = block.lists.len();
        block.properties = reader.column(count, |reader| reader.index(lists))?;
        for column in &mut block.numbers {
            *column = reader.column(count, Reader::signed)?;
        }
        if reader.0.is_empty() { Ok(block) } else { Err(Damaged) }
    }
}

impl Visits {
    fn read(reader: &mut Reader<'_>, keys: &[u8], texts: usize) -> Result<Self, Damaged> {
        let mut visits = Self::default();
        let count = reader.count()?;
        let visitors = reader.column(count, |reader| reader.index(count + 1))?;
        let known = visitors.iter().max().copied().unwrap_or_default() as usize;
        let mut keys = Reader(keys);
        let known = keys.keys(known)?;
        visits.visitor = visitors
            .into_iter()
            .map(|i| Some(VisitorHash::from_stored(known[(i as usize).checked_sub(1)?])))
            .collect();
        visits.visit = reader.column(count, |reader| match reader.index(2)? {
            0 => Ok(0),
            _ => Ok(u64::from_le_bytes(keys.keys(1)?[0])),
        })?;
        if !keys.0.is_empty() {
            return Err(Damaged);
        }
        visits.entry = reader.texts(count, texts)?;
        for _ in 0..reader.count()? {
            let length = reader.count()?;
            let name = str::from_utf8(reader.bytes(length)?).map_err(|_| Damaged)?;
            let column = reader.traits(count, texts)?;
            // A dimension that this version does not have is left out.
            visits.traits.extend(Dimension::parse(name).map(|dimension| (dimension, column)));
        }
        // As many as there are dimensions, and in their order: see `Visits::traits`.
        let ordered = visits.traits.is_sorted_by(|(a, _), (b, _)| a < b);
        if ordered { Ok(visits) } else { Err(Damaged) }
    }
}

pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    /// Seven bits a byte, the lowest first; all but the last byte have the eighth bit.
    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// Small ones of either sign are short: 0, -1, 1, -2 …
    fn signed(&mut self, number: i64) {
        self.number((number << 1 ^ number >> 63) as u64);
    }

    /// Which texts there are in the column, the most frequent first, and then their places in this
    /// list: most take one byte. `counts` are zeros, one more than texts.
    fn texts(&mut self, column: &[Text], counts: &mut [u32]) {
        // 0 is `NONE`.
        let shifted = |text: &Text| text.wrapping_add(1) as usize;
        let mut here = Vec::new();
        for text in column {
            let count = &mut counts[shifted(text)];
            if *count == 0 {
                here.push(*text);
            }
            *count += 1;
        }
        here.sort_by_key(|text| std::cmp::Reverse(counts[shifted(text)]));
        self.number(here.len() as u64);
        for (place, text) in (0..).zip(&here) {
            self.number(shifted(text) as u64);
            counts[shifted(text)] = place;
        }
        column.iter().for_each(|text| self.number(counts[shifted(text)].into()));
        here.iter().for_each(|text| counts[shifted(text)] = 0);
    }
}

/// Takes apart what a [`Writer`] wrote. Whatever takes memory takes at least a byte here, too.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn number(&mut self) -> Result<u64, Damaged> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(Damaged)?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Damaged)
    }

    fn signed(&mut self) -> Result<i64, Damaged> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn small<N: TryFrom<u64>>(&mut self) -> Result<N, Damaged> {
        N::try_from(self.number()?).map_err(|_| Damaged)
    }

    /// How many of something follow: no more than there are bytes.
    fn count(&mut self) -> Result<usize, Damaged> {
        let count: usize = self.small()?;
        if count <= self.0.len() { Ok(count) } else { Err(Damaged) }
    }

    /// A place among so many.
    fn index(&mut self, of: usize) -> Result<u32, Damaged> {
        let index: u32 = self.small()?;
        if (index as usize) < of { Ok(index) } else { Err(Damaged) }
    }

    fn bytes(&mut self, count: usize) -> Result<&'b [u8], Damaged> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(Damaged)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn keys(&mut self, count: usize) -> Result<&'b [[u8; 8]], Damaged> {
        let bytes = self.bytes(count.checked_mul(8).ok_or(Damaged)?)?;
        Ok(bytes.as_chunks().0)
    }

    fn column<T>(
        &mut self,
        count: usize,
        mut one: impl FnMut(&mut Self) -> Result<T, Damaged>,
    ) -> Result<Vec<T>, Damaged> {
        if count > self.0.len() {
            return Err(Damaged);
        }
        let mut column = Vec::with_capacity(count);
        for _ in 0..count {
            column.push(one(self)?);
        }
        Ok(column)
    }

    fn dictionary(&mut self) -> Result<Vec<Arc<str>>, Damaged> {
        let count = self.count()?;
        let lengths = self.column(count, Self::count)?;
        let mut texts = Vec::with_capacity(count + 1);
        texts.push(Arc::default());
        for length in lengths {
            let text = str::from_utf8(self.bytes(length)?).map_err(|_| Damaged)?;
            texts.push(text.into());
        }
        Ok(texts)
    }

    fn traits(&mut self, count: usize, texts: usize) -> Result<Vec<Text>, Damaged> {
        let here = self.count()?;
        let here = self.column(here, |reader| Ok(reader.index(texts + 1)?.wrapping_sub(1)))?;
        self.column(count, |reader| Ok(here[reader.index(here.len())? as usize]))
    }

    fn texts(&mut self, count: usize, texts: usize) -> Result<Vec<Text>, Damaged> {
        let column = self.traits(count, texts)?;
        if column.contains(&NONE) { Err(Damaged) } else { Ok(column) }
    }
}
