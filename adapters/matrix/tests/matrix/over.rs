//! From a case to its tests: one for each subject and way.

/// Makes the tests of each case, which is a function of a subject and a way: `over! { [http1, http2] case, … }`. The ways are
/// protocols, or `leaving`: all those in which a client may leave. A group for the subjects of one framework begins
/// with its name.
macro_rules! over {
    (salvo $($rest:tt)*) => {
        over! { @ways [salvo_instrumented SalvoInstrumented, salvo_observed SalvoObserved] $($rest)* }
    };
    (salvo_observed $($rest:tt)*) => {
        over! { @ways [salvo_observed SalvoObserved] $($rest)* }
    };
    (axum $($rest:tt)*) => {
        over! { @ways [axum Axum] $($rest)* }
    };
    (hyper $($rest:tt)*) => {
        over! { @ways [hyper Hyper] $($rest)* }
    };
    ([$($way:ident),+] $($rest:tt)*) => {
        over! {
            @ways [
                salvo_instrumented SalvoInstrumented,
                salvo_observed SalvoObserved,
                axum Axum,
                hyper Hyper
            ]
            [$($way),+] $($rest)*
        }
    };
    (@ways $subjects:tt [http1, http2] $($rest:tt)*) => {
        over! {
            @cases $subjects
            [http1 tallied_matrix::Protocol::Http1, http2 tallied_matrix::Protocol::Http2] $($rest)*
        }
    };
    (@ways $subjects:tt [http1] $($rest:tt)*) => {
        over! { @cases $subjects [http1 tallied_matrix::Protocol::Http1] $($rest)* }
    };
    (@ways $subjects:tt [http2] $($rest:tt)*) => {
        over! { @cases $subjects [http2 tallied_matrix::Protocol::Http2] $($rest)* }
    };
    (@ways $subjects:tt [leaving] $($rest:tt)*) => {
        over! {
            @cases $subjects [
                http1_close tallied_matrix::Leaving::Http1Close,
                http2_reset tallied_matrix::Leaving::Http2Reset,
                http2_close tallied_matrix::Leaving::Http2Close
            ] $($rest)*
        }
    };
    (@cases $subjects:tt $ways:tt $($case:ident),* $(,)?) => {
        over! { @cases $subjects $ways $($case: $case;)* }
    };
    (@cases $subjects:tt $ways:tt $($case:ident: $run:expr;)*) => {$(
        mod $case {
            #[allow(unused_imports, reason = "not every case needs all")]
            use super::*;
            over! { @subjects $subjects $ways $run }
        }
    )*};
    (@subjects [$($name:ident $subject:ident),+] $ways:tt $run:expr) => {$(
        mod $name {
            #[allow(unused_imports, reason = "not every case needs all")]
            use super::*;
            over! { @tests $subject $ways $run }
        }
    )+};
    (@tests $subject:ident [$($way:ident $value:path),+] $run:expr) => {$(
        #[test]
        fn $way() {
            ($run)(crate::subject::Subject::$subject, $value);
        }
    )+};
}
