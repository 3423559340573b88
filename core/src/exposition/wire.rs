//! Protobuf's wire format: tags, varints, doubles, and messages with their length before them.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

/// A field that is a varint.
pub(super) const fn varint_tag(field: u8) -> u8 {
    field << 3
}

/// A field that is a double.
pub(super) const fn double_tag(field: u8) -> u8 {
    field << 3 | 1
}

/// A field that is a message or a string.
pub(super) const fn message_tag(field: u8) -> u8 {
    field << 3 | 2
}

/// How many bytes a varint has.
#[inline]
pub(super) fn varint_length(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

#[inline]
pub(super) fn push_varint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

/// Bytes of a double field.
pub(super) const DOUBLE: usize = 9;

/// A double field.
#[inline]
pub(super) fn push_double(into: &mut Vec<u8>, tag: u8, value: f64) {
    // In one piece, so that room is made once.
    let mut field = [tag; DOUBLE];
    field[1..].copy_from_slice(&value.to_le_bytes());
    into.extend_from_slice(&field);
}

/// A string field.
pub(super) fn push_text(into: &mut Vec<u8>, tag: u8, text: &[u8]) {
    into.push(tag);
    push_varint(into, text.len() as u64);
    into.extend_from_slice(text);
}

/// A message of two strings, of which the first is a whole field already.
pub(super) fn push_pair(into: &mut Vec<u8>, tag: u8, first: &[u8], second: u8, text: &[u8]) {
    let length = first.len() + 1 + varint_length(text.len() as u64) + text.len();
    into.push(tag);
    push_varint(into, length as u64);
    into.extend_from_slice(first);
    push_text(into, second, text);
}

/// A message whose length is not known yet: room for `width` bytes of it was left.
#[derive(Clone, Copy)]
pub(super) struct Open {
    begin: usize,
    width: usize,
}

impl Open {
    /// Leaves room for a length of `width` bytes, the likely one: what is written has to be moved where it
    /// is another.
    pub(super) fn new(into: &mut Vec<u8>, width: usize) -> Self {
        let begin = into.len();
        into.resize(begin + width, 0);
        Self { begin, width }
    }

    /// Writes the length of what was written since.
    pub(super) fn close(self, into: &mut Vec<u8>) {
        let Self { begin, width } = self;
        let end = into.len();
        let length = end - begin - width;
        let needed = varint_length(length as u64);
        if needed != width {
            into.resize(end.max(begin + needed + length), 0);
            into.copy_within(begin + width..end, begin + needed);
            into.truncate(begin + needed + length);
        }
        let mut rest = length;
        for byte in &mut into[begin..begin + needed] {
            *byte = rest as u8 | 0x80;
            rest >>= 7;
        }
        into[begin + needed - 1] &= 0x7f;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{Open, push_varint, varint_length};

    #[test]
    fn varints_of_every_length() {
        for bits in 0..=64_u32 {
            let values = [u64::MAX.unbounded_shr(64 - bits), 1_u64.unbounded_shl(bits)];
            for value in values {
                let mut bytes = Vec::new();
                push_varint(&mut bytes, value);
                let length = varint_length(value);
                assert_eq!(length, bytes.len(), "{value}");
                let groups = bytes.iter().enumerate();
                let read = groups.map(|(i, byte)| u64::from(byte & 0x7f) << (7 * i));
                assert_eq!(read.sum::<u64>(), value);
                let continued = bytes.iter().map(|byte| byte & 0x80 != 0);
                assert!(continued.eq((1..=length).map(|n| n < length)), "{value}");
            }
        }
    }

    #[test]
    fn a_length_stands_before_what_was_written() {
        for width in 1..=4 {
            for length in [0, 1, 127, 128, 16_383, 16_384, 2_100_000] {
                let mut into = b"before".to_vec();
                let open = Open::new(&mut into, width);
                into.extend((0..length).map(|n| n as u8));
                open.close(&mut into);
                let mut expected = b"before".to_vec();
                push_varint(&mut expected, length as u64);
                expected.extend((0..length).map(|n| n as u8));
                assert!(into == expected, "{width} {length}");
            }
        }
    }
}
