//! Times, best of some rounds, and the line that tells their ratio.

use std::time::{Duration, Instant};

use anyhow::Result;

/// The bare thing and the real one, interleaved so that a noisy minute hits both; the best of
/// each.
pub(crate) fn race(
    rounds: usize,
    mut bare: impl FnMut() -> Result<()>,
    mut real: impl FnMut() -> Result<()>,
) -> Result<(Duration, Duration)> {
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..rounds {
        best.0 = best.0.min(time(&mut bare)?);
        best.1 = best.1.min(time(&mut real)?);
    }
    Ok(best)
}

/// How long `work` takes.
pub(crate) fn time(work: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed())
}

/// Prints one line: the real rate, the bare rate, their ratio, and the ratio aimed at.
pub(crate) fn tell(
    name: &str,
    unit: &str,
    count: u64,
    (bare, real): (Duration, Duration),
    aim: Option<f64>,
) {
    let rate = |time: Duration| count as f64 / time.as_secs_f64();
    let ratio = bare.as_secs_f64() / real.as_secs_f64();
    let verdict = match aim {
        Some(aim) if ratio < aim => format!(", SHORT of {aim}"),
        Some(aim) => format!(", aim {aim}"),
        None => String::new(),
    };
    println!(
        "{name}: {:.0} {unit} against {:.0} bare: ratio {ratio:.3}{verdict}",
        rate(real),
        rate(bare)
    );
}
