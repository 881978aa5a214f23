//! A text as a QR code (ISO/IEC 18004), drawn as SVG.

use qrcode::{EcLevel, QrCode, render::svg};

use crate::output::Failure;

/// A code, and what it says.
pub(super) struct Code {
    pub(super) svg: String,
    pub(super) text: String,
}

impl Code {
    /// The code of a text.
    ///
    /// # Errors
    /// When it is longer than a code holds.
    pub(super) fn of(text: String) -> Result<Self, Failure> {
        let code = QrCode::with_error_correction_level(&text, EcLevel::M);
        let code = code.map_err(|error| anyhow::anyhow!("no code of {text}: {error}"))?;
        let drawn = code.render::<svg::Color<'_>>().min_dimensions(200, 200).build();
        // Within a page there is no XML declaration.
        let at = drawn.find("<svg").unwrap_or_default();
        Ok(Self { svg: drawn[at..].to_owned(), text })
    }
}

#[cfg(test)]
mod tests {
    use qrcode::Color;

    use super::*;

    #[test]
    fn a_code_is_read_as_it_was_written() {
        let text =
            format!("birge-receipt 1 exchange.gov.example/log 4711 {0} {0}", "0a".repeat(32));
        let drawn = Code::of(text.clone()).unwrap();
        assert!(drawn.svg.starts_with("<svg") && !drawn.svg.contains("<script"));
        // As a camera sees it: four pixels a module, and a rim.
        let code = QrCode::with_error_correction_level(&text, EcLevel::M).unwrap();
        let (width, modules) = (code.width(), code.to_colors());
        let side = (width + 8) * 4;
        let dark = |x: usize, y: usize| {
            let module = |at: usize| (at / 4).checked_sub(4).filter(|at| *at < width);
            let cell = module(x).zip(module(y));
            cell.is_some_and(|(x, y)| modules[y * width + x] == Color::Dark)
        };
        let mut seen = rqrr::PreparedImage::prepare_from_greyscale(side, side, |x, y| {
            if dark(x, y) { 0 } else { 255 }
        });
        let found = seen.detect_grids();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].decode().unwrap().1, text);
    }
}
