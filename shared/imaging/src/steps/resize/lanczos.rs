//! The filter: a sinc in a window of three lobes, in additions and multiplications alone.
//!
//! A sine of the system's library may come out otherwise on another system, or on a processor with other instructions, and
//! equal sources should make equal bytes everywhere. It also took a twelfth of the time that five thumbnails take.

use std::{f64::consts::PI, sync::LazyLock};

use fast_image_resize::{Filter, FilterType};

/// Lobes to each side of the middle, which is how far the filter reaches.
const LOBES: f64 = 3.0;

/// 1/3!, 1/5!, …: Taylor's series of sin(t)/t in t², good to 2⁻³⁸ up to π.
const SERIES: [f64; 10] = {
    let mut series = [0.0; 10];
    let (mut at, mut factorial) = (0, 1.0);
    while at < series.len() {
        #[expect(clippy::cast_precision_loss, reason = "small whole numbers")]
        let n = 2.0 * (at as f64 + 1.0);
        factorial *= -n * (n + 1.0);
        series[at] = 1.0 / factorial;
        at += 1;
    }
    series
};

pub(super) fn lanczos() -> FilterType {
    static FILTER: LazyLock<FilterType> = LazyLock::new(|| {
        // Its only error is a reach that is no number above zero.
        Filter::new("Lanczos of three lobes", weight, LOBES).map_or(FilterType::Lanczos3, FilterType::Custom)
    });
    *FILTER
}

/// sinc(πx)·sinc(πx/3), which with sin 3t = 3 sin t − 4 sin³ t needs one sine: for t = πx/3 it is
/// sinc² t·(1 − 4/3·t²·sinc² t).
fn weight(x: f64) -> f64 {
    if x.abs() >= LOBES {
        return 0.0;
    }
    let square = (x * (PI / LOBES)).powi(2);
    let sinc = 1.0 + square * SERIES.iter().rev().fold(0.0, |sum, factor| sum * square + factor);
    let sinc_square = sinc * sinc;
    sinc_square * (1.0 - 4.0 / 3.0 * square * sinc_square)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_is_the_product_of_two_sincs() {
        let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
        for step in -3500_i32..3500 {
            let x = f64::from(step) / 1000.0;
            let expected = if x.abs() < 3.0 { sinc(x) * sinc(x / 3.0) } else { 0.0 };
            assert!((weight(x) - expected).abs() < 1e-9, "{x}: {} {expected}", weight(x));
        }
    }
}
