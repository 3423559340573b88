//! Reads `/proc/self/stat`, whose format is that of proc_pid_stat(5).

/// What is read of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) threads: u64,
    /// Clock ticks from boot to the start of the process.
    pub(super) start_ticks: u64,
    pub(super) virtual_bytes: u64,
    pub(super) resident_pages: u64,
}

/// `None` for what is no such line.
pub(super) fn parse(content: &[u8]) -> Option<Stat> {
    // The name of the command may hold spaces and parentheses, and need not be UTF-8.
    let end = content.iter().rposition(|byte| *byte == b')')?;
    let mut fields = std::str::from_utf8(&content[end + 1..])
        .ok()?
        .split_ascii_whitespace();
    // Behind the name comes the third field.
    let mut number = 3;
    let mut field = |wanted: usize| -> Option<u64> {
        let value = fields.nth(wanted - number)?;
        number = wanted + 1;
        value.parse().ok()
    };
    Some(Stat {
        threads: field(20)?,
        start_ticks: field(22)?,
        virtual_bytes: field(23)?,
        resident_pages: field(24)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER_NAME: &[u8] = b" S 1 42 42 0 -1 4194304 9 0 0 0 7 8 0 0 20 0 5 0 1234 4096000 77 18446744073709551615 1 1 0\n";

    fn parsed(name: &[u8]) -> Option<Stat> {
        parse(&[b"42 (", name, b")", AFTER_NAME].concat())
    }

    #[test]
    fn the_name_may_be_anything() {
        let stat = Stat {
            threads: 5,
            start_ticks: 1_234,
            virtual_bytes: 4_096_000,
            resident_pages: 77,
        };
        for name in [
            &b"server"[..],
            b"a b) S 9 (c",
            b")",
            b"",
            b"\xff\xfe",
            b"\n",
        ] {
            assert_eq!(parsed(name), Some(stat), "{}", name.escape_ascii());
        }
    }

    #[test]
    fn what_is_no_such_line_gives_nothing() {
        for content in [&b""[..], b"42 (x", b"42 (x) S 1 2", b"\xff"] {
            assert_eq!(parse(content), None);
        }
    }
}
