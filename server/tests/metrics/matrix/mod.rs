//! What is recorded of a request, case by case, over real sockets: a name here is
//! `subject::case::protocol`. Every case has a server of its own, and says all that the server's
//! `http_…` metrics hold afterwards, to the last series. `requests.rs` has what this form does
//! not suit: many requests at a time, odd bodies, the end of a drain.

mod answers;
mod before_the_last_byte;
mod client_leaves;
mod compression;
mod connections;
mod conversation;
mod ends;
mod fails_midway;
mod handlers;
mod http2;
mod lengths;
mod many_streams;
mod nested;
mod observed;
