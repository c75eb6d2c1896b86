//! Where the weather comes from.

use std::collections::BTreeMap;

/// A weather service. This one knows two cities by heart; a real one would hold an HTTP client and
/// its key.
pub(crate) struct WeatherService {
    cities: BTreeMap<&'static str, [Weather; 2]>,
}

/// The weather of one day.
#[derive(Clone, Copy)]
pub(crate) struct Weather {
    pub(crate) condition: &'static str,
    pub(crate) celsius: i32,
}

impl WeatherService {
    pub(crate) fn new() -> Self {
        let day = |condition, celsius| Weather { condition, celsius };
        let cities = [
            ("recife", [day("sunny", 30), day("light rain", 28)]),
            ("turin", [day("fog", 6), day("cloudy", 8)]),
        ];
        Self {
            cities: cities.into(),
        }
    }

    /// Today's weather and tomorrow's; `None` for an unknown city.
    pub(crate) fn of(&self, city: &str) -> Option<[Weather; 2]> {
        self.cities.get(city.to_lowercase().as_str()).copied()
    }
}
