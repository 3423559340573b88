//! What is recorded, the same for every library.

use std::fmt::Write;

/// The bounds of a request duration, in seconds.
pub const BOUNDS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Values that fall into all twelve buckets in no order that a branch predictor could learn.
pub fn values() -> Vec<f64> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    (0..4096)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            // Uniform over the buckets, and within each somewhere below its bound.
            let bucket = (state >> 33) as usize % (BOUNDS.len() + 1);
            BOUNDS.get(bucket).map_or(20.0, |bound| bound * 0.9)
        })
        .collect()
}

/// How many label sets a lookup goes through: those of a service of moderate size.
pub const LABEL_SETS: usize = 64;

/// Method, endpoint and status of [`LABEL_SETS`] series: sixteen endpoints, two methods, two
/// answers.
pub fn label_sets() -> Vec<[String; 3]> {
    (0..LABEL_SETS)
        .map(|i| {
            let mut name = String::new();
            endpoint(&mut name, i % 16);
            [
                if i & 16 == 0 { "GET" } else { "POST" }.to_owned(),
                name,
                if i & 32 == 0 { "200" } else { "404" }.to_owned(),
            ]
        })
        .collect()
}

/// Puts the `number`th endpoint's name into a buffer.
pub fn endpoint(into: &mut String, number: usize) {
    into.clear();
    write!(into, "/api/v1/resource-{number:06}/{{id}}").expect("a String takes everything");
}
