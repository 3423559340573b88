//! The known word that an unknown one was probably meant to be.

/// How alike two words have to be, from 0 to 1, to suggest one for the other.
const ALIKE: f64 = 0.8;

/// The known word nearest to this one, if one is near. A key that stands in another section than
/// its own (`level` for `log.level`) is near.
pub(crate) fn nearest(word: &str, known: impl IntoIterator<Item = String>) -> Option<String> {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let alike = |known: &str| {
        let whole = strsim::jaro_winkler(word, known);
        let lasts = strsim::jaro_winkler(&last(word), &last(known));
        whole.max(0.99 * lasts)
    };
    known
        .into_iter()
        .map(|known| (alike(&known), known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}

/// `; did you mean …?`, or a way to learn what is known.
pub(super) fn suggestion(word: &str, known: impl IntoIterator<Item = String>) -> String {
    match nearest(word, known) {
        Some(near) => format!("did you mean {near}?"),
        None => "tallied-server --print-config lists the keys".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_its_word_and_a_stranger_none() {
        let known = || ["listen", "log.level", "http.duration_buckets"].map(str::to_owned);
        for (word, meant) in [
            ("lisen", Some("listen")),
            ("level", Some("log.level")),
            ("log.levle", Some("log.level")),
            ("http.duration_bukets", Some("http.duration_buckets")),
            ("duration_buckets", Some("http.duration_buckets")),
            ("zoo", None),
        ] {
            assert_eq!(nearest(word, known()).as_deref(), meant, "{word}");
        }
    }
}
