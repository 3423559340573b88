//! The `endpoint` label of a path that is a route's own: one without parameters.
//!
//! Salvo's router skips empty segments and decodes each of the others, and the hoop writes the segments of the route that matched. So
//! `/health/`, `//health` and `/he%61lth` are all counted under `/health`.

/// `path` may have a query, which no label has.
pub(crate) fn of_path(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    let label: String = segments
        .map(|segment| format!("/{}", decoded(segment)))
        .collect();
    match label.is_empty() {
        true => "/".to_owned(),
        false => label,
    }
}

/// A percent sign that begins no byte stands for itself.
fn decoded(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, behind @ ..] = rest {
        let digit = |index: usize| {
            behind
                .get(index)
                .and_then(|&byte| char::from(byte).to_digit(16))
        };
        match digit(0).zip(digit(1)) {
            Some((high, low)) if *first == b'%' => {
                bytes.push((high * 16 + low) as u8);
                rest = &behind[2..];
            }
            _ => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_what_the_hoop_writes() {
        for (path, label) in [
            ("/", "/"),
            ("", "/"),
            ("//", "/"),
            ("/?x=/y", "/"),
            ("/health", "/health"),
            ("/health/", "/health"),
            ("//health///live/", "/health/live"),
            ("/health/?a=b", "/health"),
            ("/he%61lth", "/health"),
            ("/a%2Fb/%e2%82%AC", "/a/b/€"),
            ("/100%/%4", "/100%/%4"),
            ("/%ff", "/\u{fffd}"),
        ] {
            assert_eq!(of_path(path), label, "{path}");
        }
    }
}
