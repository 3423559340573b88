//! GET /live: the metrics as they change.

use tallied::{RegisterError, Registry};
use tallied_salvo::{HttpMetrics, Live};

use super::config::Config;

/// The page of this program.
///
/// # Errors
/// When the registry holds its metric already.
pub(super) fn page(
    config: &Config,
    http: HttpMetrics,
    registry: &Registry,
) -> Result<Live, RegisterError> {
    let name = env!("CARGO_PKG_NAME");
    let options = Live::builder()
        .http(http)
        .name(name, env!("CARGO_PKG_VERSION"));
    // None of the keys is a secret.
    let rows = config.rows().into_iter();
    let options = rows.fold(options, |options, (key, value, origin)| {
        options.configuration(&key, &value, &origin)
    });
    options.register(registry).map(Live::from)
}
