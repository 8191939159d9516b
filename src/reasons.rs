//! How every verdict is written: a closed list of causes, each with a stable token and the clause that it follows from.

/// An enum of causes with `as_str`, `clause`, `ALL` and `Display`.
macro_rules! reasons {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$doc:meta])* $variant:ident => $token:literal, $clause:literal; )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum $name {
            $( $(#[$doc])* $variant, )+
        }

        impl $name {
            /// Every cause there is, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The token for logs and metrics: stable from release to release.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $token),+ }
            }

            /// The clause this follows from.
            pub const fn clause(self) -> &'static str {
                match self { $(Self::$variant => $clause),+ }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{} ({})", self.as_str(), self.clause())
            }
        }
    };
}

pub(crate) use reasons;
