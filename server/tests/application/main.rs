//! The application: its endpoints in this process, and the binary as its users run it.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod api;
mod binary;
mod configuration;
mod examples;
mod faults;
mod hardening;
mod health_check;
#[cfg(target_os = "linux")]
mod hung_file_system;
mod listeners;
mod live;
#[cfg(target_os = "linux")]
mod readme;
#[path = "../support/mod.rs"]
mod support;
