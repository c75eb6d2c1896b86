//! Decimal settings with a range.

/// Declares a newtype over `f64` whose values lie in a closed range.
macro_rules! decimal_types {
    ($($(#[$doc:meta])* $name:ident: $min:literal to $max:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
        pub struct $name(f64);

        /// NaN is none of them.
        impl Eq for $name {}

        impl $name {
            /// Minimum.
            pub const MIN: f64 = $min;
            /// Maximum.
            pub const MAX: f64 = $max;

            /// Checks the range.
            ///
            /// # Errors
            /// `out_of_range`, also for NaN.
            pub fn new(value: f64) -> Result<Self, $crate::Violation> {
                if (Self::MIN..=Self::MAX).contains(&value) {
                    Ok(Self(value))
                } else {
                    Err($crate::Violation::new(
                        "out_of_range",
                        concat!("must be from ", $min, " to ", $max),
                    ))
                }
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> f64 {
                self.0
            }
        }
    )+};
}
pub(crate) use decimal_types;
