//! Numbers written as words.

/// What the word counts; nothing for words that are no numbers.
fn unit(word: &str) -> Option<u64> {
    const SMALL: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 8] = [
        "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    ];
    let place = |words: &[&str]| words.iter().position(|known| *known == word);
    let small = place(&SMALL).map(|place| place as u64);
    small.or_else(|| place(&TENS).map(|place| place as u64 * 10 + 20))
}

fn scale(word: &str) -> Option<u64> {
    Some(match word {
        "dozen" => 12,
        "hundred" => 100,
        "thousand" => 1_000,
        "million" => 1_000_000,
        "billion" => 1_000_000_000,
        _ => return None,
    })
}

/// Whether the word stands in a number.
fn is_part(word: &str) -> bool {
    unit(word).is_some() || scale(word).is_some()
}

/// The words with every number in digits: `twenty`, `five` becomes `25`.
pub(super) fn in_digits(words: &[String]) -> Vec<String> {
    let mut digits = Vec::with_capacity(words.len());
    let mut rest = words;
    while let Some((word, others)) = rest.split_first() {
        let length = rest.iter().take_while(|word| is_part(word)).count();
        let mut prefixes = (1..=length).rev();
        let number = prefixes.find_map(|taken| Some((taken, value(&rest[..taken])?)));
        match number {
            Some((taken, value)) => {
                digits.push(value.to_string());
                rest = &rest[taken..];
            }
            None => {
                digits.push(word.clone());
                rest = others;
            }
        }
    }
    digits
}

/// The value of these words together, if they are one number; `two five` is none.
fn value(words: &[String]) -> Option<u64> {
    let (mut total, mut group, mut last) = (0_u64, 0_u64, None);
    for word in words {
        match unit(word) {
            Some(unit) => {
                let follows = match last {
                    None => true,
                    Some(tens @ 20..=90) => tens % 10 == 0 && (1..10).contains(&unit),
                    Some(before) => before >= 100,
                };
                group = group.checked_add(unit).filter(|_| follows)?;
                last = Some(unit);
            }
            None => {
                let scale = scale(word)?;
                group = group.max(1).checked_mul(scale)?;
                if scale >= 1_000 {
                    total = total.checked_add(group)?;
                    group = 0;
                }
                last = Some(100);
            }
        }
    }
    last.and_then(|_| total.checked_add(group))
}

#[cfg(test)]
mod tests {
    use super::in_digits;

    #[test]
    fn numbers_in_words_become_digits() {
        for (text, expected) in [
            ("five cats", "5 cats"),
            ("twenty five percent", "25 percent"),
            ("two hundred fifty", "250"),
            ("three thousand two hundred one", "3201"),
            ("a dozen eggs", "a 12 eggs"),
            ("two five", "2 5"),
            ("five million people", "5000000 people"),
            ("nothing here", "nothing here"),
        ] {
            let words: Vec<_> = text.split(' ').map(str::to_owned).collect();
            assert_eq!(in_digits(&words).join(" "), expected);
        }
    }
}
