//! Names of the system as label values.

use std::borrow::Cow;

/// Bytes as a label value: what is not UTF-8 is written as `\xff`, so that names stay apart.
#[cfg(target_os = "linux")]
pub(crate) fn label(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().escape_ascii().map(char::from));
    }
    Cow::Owned(text)
}

/// A path as a label value.
#[cfg(not(target_os = "linux"))]
pub(crate) fn path_label(path: &std::path::Path) -> Cow<'_, str> {
    path.to_string_lossy()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::label;

    #[test]
    fn bytes_that_are_no_text_are_escaped() {
        assert_eq!(label("/mnt/größe".as_bytes()), "/mnt/größe");
        assert_eq!(label(b"/mnt/\xff\xfez\xc3"), r"/mnt/\xff\xfez\xc3");
        assert_ne!(label(b"/mnt/\xff"), label(b"/mnt/\xfe"));
    }
}
