//! The colour space of a PNG.

use std::io::Cursor;
use std::ops::RangeInclusive;

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile,
    MatrixCoefficients, ToneReprCurve, TransferCharacteristics,
};
use png::{CodingIndependentCodePoints, Decoder, Info, Limits, ScaledFloat, SourceChromaticities};

use super::colour::{MAX_PROFILE_BYTES, is_usable, read_profile};

/// For display exponents up to 4. Others are mistakes, mostly the display exponent itself.
const GAMMAS: RangeInclusive<f32> = 0.25..=1.0;

/// From the first usable chunk in order of precedence; `None`: sRGB.
pub(super) fn profile(file: &[u8]) -> Option<ColorProfile> {
    // Limited to the size of a profile: profiles are compressed.
    let limits = Limits {
        bytes: MAX_PROFILE_BYTES,
    };
    let mut decoder = Decoder::new_with_limits(Cursor::new(file), limits);
    decoder.set_ignore_text_chunk(true);
    let reader = decoder.read_info().ok()?;
    let info = reader.info();
    let code_points = info.coding_independent_code_points.as_ref();
    if let Some(profile) = code_points.and_then(from_cicp) {
        return Some(profile);
    }
    if let Some(icc) = &info.icc_profile {
        return read_profile(icc);
    }
    match info.srgb {
        Some(_) => None,
        None => from_gamma(info),
    }
}

/// HDR transfer functions have no single correct mapping to sRGB.
fn from_cicp(points: &CodingIndependentCodePoints) -> Option<ColorProfile> {
    const PQ: u8 = 16;
    const HLG: u8 = 18;
    let is_plain = points.matrix_coefficients == 0 && points.is_video_full_range_image;
    if !is_plain || [PQ, HLG].contains(&points.transfer_function) {
        return None;
    }
    let profile = ColorProfile::new_from_cicp(CicpProfile {
        color_primaries: CicpColorPrimaries::try_from(points.color_primaries).ok()?,
        transfer_characteristics: TransferCharacteristics::try_from(points.transfer_function)
            .ok()?,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    });
    is_usable(&profile).then_some(profile)
}

/// From `gAMA`, with sRGB's primaries unless `cHRM` has usable ones.
fn from_gamma(info: &Info<'_>) -> Option<ColorProfile> {
    /// Declared by sRGB files for readers without the sRGB curve.
    const SRGB_GAMMA: f32 = 1.0 / 2.2;
    let gamma = info.gama_chunk?.into_value();
    if !GAMMAS.contains(&gamma) {
        return None;
    }
    let mut profile = ColorProfile::new_srgb();
    if let Some((white, primaries)) = info.chrm_chunk.as_ref().and_then(gamut) {
        profile.update_rgb_colorimetry(white.to_xyyb(), primaries);
    }
    if (gamma - SRGB_GAMMA).abs() > 0.001 {
        let curve = Some(ToneReprCurve::Parametric(vec![1.0 / gamma]));
        profile.red_trc.clone_from(&curve);
        profile.green_trc.clone_from(&curve);
        profile.blue_trc = curve;
    }
    Some(profile)
}

/// Valid colours with the white point between the primaries.
fn gamut(points: &SourceChromaticities) -> Option<(Chromaticity, ColorPrimaries)> {
    let white = chromaticity(points.white)?;
    let red = chromaticity(points.red)?;
    let green = chromaticity(points.green)?;
    let blue = chromaticity(points.blue)?;
    let encloses_white = [(red, green), (green, blue), (blue, red)]
        .into_iter()
        .all(|(from, to)| doubled_area(from, to, white) > MIN_DOUBLED_AREA);
    encloses_white.then_some((white, ColorPrimaries { red, green, blue }))
}

/// A tenth of the smallest triangle between two of sRGB's primaries and its white point.
const MIN_DOUBLED_AREA: f32 = 0.004;

/// Twice the triangle's area; positive if counterclockwise.
fn doubled_area(a: Chromaticity, b: Chromaticity, c: Chromaticity) -> f32 {
    (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)
}

fn chromaticity((x, y): (ScaledFloat, ScaledFloat)) -> Option<Chromaticity> {
    let (x, y) = (x.into_value(), y.into_value());
    let is_usable = x >= 0.0 && y >= 0.01 && x + y <= 1.0;
    is_usable.then(|| Chromaticity::new(x, y))
}
