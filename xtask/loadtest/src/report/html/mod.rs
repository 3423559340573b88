//! Placeholder until the page is there.
pub(crate) fn page(_report: &super::data::Report) -> String {
    String::new()
}
