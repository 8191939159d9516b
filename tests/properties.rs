//! x
use proptest::prelude::*;
proptest! { #[test] fn a(x in 0u8..) { prop_assert!(x<=255); } }
