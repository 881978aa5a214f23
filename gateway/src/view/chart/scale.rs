//! From values to places on a sheet.

/// Marks of an axis, more or less.
const MARKS: f64 = 5.0;

/// An axis from a least to a most value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    least: f64,
    most: f64,
    step: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// An axis over these values, drawn between two places; it ends at round numbers.
    pub(super) fn over((least, most): (f64, f64), (from, to): (f64, f64)) -> Self {
        let most = if most > least { most } else { least + 1.0 };
        let span = most - least;
        let power = 10_f64.powf((span / MARKS).log10().floor());
        let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power);
        let step = steps.into_iter().find(|step| span / step <= MARKS).unwrap_or(10.0 * power);
        // Of persons there is no half.
        let step = if span >= MARKS { step.max(1.0) } else { step };
        let (least, most) = ((least / step).floor() * step, (most / step).ceil() * step);
        Self { least, most, step, from, to }
    }

    /// Where a value stands.
    pub(super) fn at(&self, value: f64) -> f64 {
        self.from + (value - self.least) / (self.most - self.least) * (self.to - self.from)
    }

    /// The round numbers along it.
    pub(super) fn marks(&self) -> impl Iterator<Item = f64> {
        let count = ((self.most - self.least) / self.step).round() as usize;
        let (least, step) = (self.least, self.step);
        (0..=count.min(20)).map(move |place| least + place as f64 * step)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn marks_are_round_and_enclose() {
        let marks =
            |least, most| Scale::over((least, most), (0.0, 1.0)).marks().collect::<Vec<_>>();
        assert_eq!(marks(0.0, 100.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(marks(0.0, 7.0), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(marks(0.0, 0.0), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(marks(-30.0, 90.0), [-50.0, -25.0, 0.0, 25.0, 50.0, 75.0, 100.0]);
    }

    proptest! {
        #[test]
        fn values_stand_between_the_ends(least in -1e12..=0.0_f64, most in 0.0..1e12_f64) {
            let scale = Scale::over((least, most), (10.0, 700.0));
            for value in [least, most, 0.0] {
                let at = scale.at(value);
                prop_assert!((9.999..=700.001).contains(&at), "{value} at {at}");
            }
            prop_assert!(scale.marks().count() <= 12);
        }
    }
}
