//! What only Salvo has: hoops inside and outside of ours, catchers, its own bodies and routes.

mod answers;
mod before_the_last_byte;
mod compression;
mod ends;
mod two_metrics;
mod websocket;
