//! Which version runs.

use tallied::{Family, Gauge, RegisterError, Registry};

/// Registers `tallied_build_info`.
///
/// # Errors
/// When the registry holds a metric of that name already, or adds its label.
pub(crate) fn register(registry: &Registry) -> Result<(), RegisterError> {
    let build = Family::<Gauge, 1>::new(["version"]);
    build.get_or_create(&[env!("CARGO_PKG_VERSION")]).set(1);
    registry.register(
        "tallied_build_info",
        "The version that runs; always 1",
        build,
    )?;
    Ok(())
}
