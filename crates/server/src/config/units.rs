//! Durations and sizes.

use std::time::Duration;

/// Keeps sums of durations from overflowing.
const MAX_DURATION: Duration = Duration::from_secs(24 * 60 * 60);

/// `250ms`, `10s`, `5m` or `1h`, up to 24 hours.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration; write it like 250ms, 10s, 5m or 1h");
    let (number, unit) = split_unit(text).ok_or_else(wrong)?;
    let milliseconds = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let milliseconds = milliseconds.ok_or_else(wrong)?;
    let duration = number.checked_mul(milliseconds).map(Duration::from_millis);
    duration
        .filter(|duration| *duration <= MAX_DURATION)
        .ok_or_else(|| format!("{text:?} is too long; at most 24h"))
}

/// [`parse_duration`], not zero.
pub(super) fn parse_time_limit(text: &str) -> Result<Duration, String> {
    let limit = parse_duration(text)?;
    if limit.is_zero() {
        return Err(format!("{text:?} must be greater than zero"));
    }
    Ok(limit)
}

/// In bytes: `1048576`, `64KiB`, `2MiB`, `1GiB`; from 1 byte to 1 GiB.
pub(super) fn parse_size(text: &str) -> Result<usize, String> {
    usize::try_from(parse_bytes(text, 1, 1 << 30, "1GiB")?).map_err(|error| error.to_string())
}

/// The size of a file, from 1 byte to 512 MiB.
pub(super) fn parse_file_size(text: &str) -> Result<u64, String> {
    parse_bytes(text, 1, 1 << 29, "512MiB")
}

/// A size of any number of files, up to a pebibyte; `None` for 0, which is no limit.
pub(super) fn parse_quota(text: &str) -> Result<Option<u64>, String> {
    let bytes = parse_bytes(text, 0, 1 << 50, "1024TiB")?;
    Ok(Some(bytes).filter(|bytes| *bytes > 0))
}

fn parse_bytes(text: &str, least: u64, most: u64, named: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size; write it like 1048576, 512KiB or 2MiB");
    let (number, unit) = split_unit(text).ok_or_else(wrong)?;
    let bytes: u64 = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(bytes)
        .filter(|size| (least..=most).contains(size))
        .ok_or_else(|| format!("{text:?} is out of range; from {least} to {named}"))
}

pub(super) fn parse_count(text: &str, least: u32, most: u32) -> Result<u32, String> {
    let count = text
        .parse()
        .ok()
        .filter(|count| (least..=most).contains(count));
    count.ok_or_else(|| format!("{text:?} is not a number from {least} to {most}"))
}

/// From 1 to 100,000.
pub(super) fn parse_room(text: &str) -> Result<usize, String> {
    let count = parse_count(text, 1, 100_000)?;
    usize::try_from(count).map_err(|error| error.to_string())
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        parse_count, parse_duration, parse_file_size, parse_quota, parse_size, parse_time_limit,
    };

    #[test]
    fn durations_are_read_with_their_unit() {
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(parse_duration("24h"), Ok(Duration::from_secs(86_400)));
        assert_eq!(parse_duration("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn other_durations_are_refused() {
        for text in [
            "",
            "10",
            "s",
            "1.5s",
            "-1s",
            "10 s",
            "1d",
            "10S",
            "25h",
            "99999999999999999h",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        assert!(parse_time_limit("0ms").is_err());
    }

    #[test]
    fn counts_are_read_within_their_bounds() {
        assert_eq!(parse_count("0", 0, 10), Ok(0));
        assert_eq!(parse_count("10", 1, 10), Ok(10));
        for text in ["", "0", "11", "-1", "1.5", "many", "99999999999"] {
            assert!(parse_count(text, 1, 10).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_read_with_or_without_a_unit() {
        assert_eq!(parse_size("1"), Ok(1));
        assert_eq!(parse_size("1048576"), Ok(1 << 20));
        assert_eq!(parse_size("64KiB"), Ok(64 << 10));
        assert_eq!(parse_size("1GiB"), Ok(1 << 30));
    }

    #[test]
    fn other_sizes_are_refused() {
        for text in [
            "",
            "0",
            "2MB",
            "2 MiB",
            "1.5MiB",
            "-1",
            "2GiB",
            "99999999999GiB",
        ] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_quota_may_be_none() {
        assert_eq!(parse_quota("0"), Ok(None));
        assert_eq!(parse_quota("2TiB"), Ok(Some(2 << 40)));
        assert!(parse_quota("1025TiB").is_err());
        assert_eq!(parse_file_size("512MiB"), Ok(512 << 20));
        assert!(parse_file_size("513MiB").is_err());
        assert!(parse_file_size("0").is_err());
    }
}
