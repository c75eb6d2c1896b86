use std::io::Cursor;

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile,
    MatrixCoefficients, ToneReprCurve, TransferCharacteristics,
};
use png::{CodingIndependentCodePoints, Decoder, Info, Limits, ScaledFloat, SourceChromaticities};

use super::colour::{MAX_PROFILE_BYTES, read_profile};

/// Which colours a PNG says that its pixels are, by the chunk that counts most; `None` for sRGB,
/// and where it says nothing that can be used.
pub(super) fn profile(file: &[u8]) -> Option<ColorProfile> {
    // By a decoder of its own, which has room for a profile and for nothing else: it is packed.
    let limits = Limits {
        bytes: MAX_PROFILE_BYTES,
    };
    let mut decoder = Decoder::new_with_limits(Cursor::new(file), limits);
    decoder.set_ignore_text_chunk(true);
    let reader = decoder.read_info().ok()?;
    let info = reader.info();
    if let Some(points) = &info.coding_independent_code_points {
        return of_code_points(points);
    }
    if let Some(icc) = &info.icc_profile {
        return read_profile(icc);
    }
    match info.srgb {
        Some(_) => None,
        None => of_gamma(info),
    }
}

/// Of what is meant for screens: scenes of a higher dynamic range are left as they are, since there
/// is no one way to show them here.
fn of_code_points(points: &CodingIndependentCodePoints) -> Option<ColorProfile> {
    const PQ: u8 = 16;
    const HLG: u8 = 18;
    let is_plain = points.matrix_coefficients == 0 && points.is_video_full_range_image;
    if !is_plain || [PQ, HLG].contains(&points.transfer_function) {
        return None;
    }
    Some(ColorProfile::new_from_cicp(CicpProfile {
        color_primaries: CicpColorPrimaries::try_from(points.color_primaries).ok()?,
        transfer_characteristics: TransferCharacteristics::try_from(points.transfer_function)
            .ok()?,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    }))
}

/// By the gamma, with the primaries of sRGB unless there are others.
fn of_gamma(info: &Info<'_>) -> Option<ColorProfile> {
    /// What files in sRGB say for readers that know no curve but this.
    const OF_SRGB: f32 = 1.0 / 2.2;
    let gamma = info.gama_chunk?.into_value();
    if !(0.1..=10.0).contains(&gamma) {
        return None;
    }
    let mut profile = ColorProfile::new_srgb();
    if let Some(primaries) = &info.chrm_chunk {
        set_primaries(&mut profile, primaries)?;
    }
    if (gamma - OF_SRGB).abs() > 0.001 {
        let curve = Some(ToneReprCurve::Parametric(vec![1.0 / gamma]));
        profile.red_trc.clone_from(&curve);
        profile.green_trc.clone_from(&curve);
        profile.blue_trc = curve;
    }
    Some(profile)
}

fn set_primaries(profile: &mut ColorProfile, primaries: &SourceChromaticities) -> Option<()> {
    let [white, red, green, blue] = [
        primaries.white,
        primaries.red,
        primaries.green,
        primaries.blue,
    ]
    .map(chromaticity);
    let primaries = ColorPrimaries {
        red: red?,
        green: green?,
        blue: blue?,
    };
    profile.update_rgb_colorimetry(white?.to_xyyb(), primaries);
    Some(())
}

/// A colour that there is.
fn chromaticity((x, y): (ScaledFloat, ScaledFloat)) -> Option<Chromaticity> {
    let (x, y) = (x.into_value(), y.into_value());
    let is_usable = (0.0..=1.0).contains(&x) && (0.01..=1.0).contains(&y);
    is_usable.then(|| Chromaticity::new(x, y))
}
