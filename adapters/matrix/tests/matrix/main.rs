//! What is recorded of a request, case by case, over real sockets: a name here is `group::case::subject::way`. The
//! cases know no framework, and each runs on every subject. Each has a server of its own, and says all that the server's
//! `http_…` metrics hold afterwards, to the last series.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

#[macro_use]
mod over;

mod answers;
mod axum;
mod axum_only;
mod client_leaves;
mod connections;
mod drain;
mod ends;
mod fails_midway;
mod hyper;
mod hyper_only;
mod lengths;
mod many_requests;
mod many_streams;
mod nested;
mod salvo;
mod salvo_only;
mod subject;
mod table;
