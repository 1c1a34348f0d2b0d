//! Sets of flags, as the generated code declares them.

/// Declares a set of flags as the crate `bitflags` does, of which the generated code needs this much: so the
/// guest crate depends on nothing.
#[doc(hidden)]
#[macro_export]
macro_rules! __flags {
    (
        $(#[$attribute:meta])*
        pub struct $name:ident: $bits:ty {
            $($(#[$flag_attribute:meta])* const $flag:ident = $value:expr;)*
        }
    ) => {
        $(#[$attribute])*
        pub struct $name($bits);

        impl $name {
            $($(#[$flag_attribute])* pub const $flag: Self = Self($value);)*

            /// None of them.
            pub const fn empty() -> Self {
                Self(0)
            }

            /// All of them.
            pub const fn all() -> Self {
                Self(0 $(| $value)*)
            }

            /// Whether those are among these.
            pub const fn contains(self, those: Self) -> bool {
                self.0 & those.0 == those.0
            }

            /// The set as bits.
            pub const fn bits(&self) -> $bits {
                self.0
            }
        }

        impl ::core::ops::BitOr for $name {
            type Output = Self;

            fn bitor(self, those: Self) -> Self {
                Self(self.0 | those.0)
            }
        }

        impl ::core::ops::BitOrAssign for $name {
            fn bitor_assign(&mut self, those: Self) {
                self.0 |= those.0;
            }
        }
    };
}

pub use __flags as bitflags;

#[cfg(test)]
mod tests {
    use crate::types::Costly;

    #[test]
    fn flags_are_sets() {
        let both = Costly::SIZES | Costly::PRICES;
        assert!(both.contains(Costly::SIZES) && both.contains(Costly::PRICES));
        assert!(!both.contains(Costly::DISKS) && Costly::all().contains(both));
        assert!(Costly::empty() != both && both.contains(Costly::empty()));
        assert_eq!(both.bits(), 0b1_0001);
    }
}
