//! Octets as lower-case hexadecimal.

/// Two digits for each octet.
#[must_use]
pub fn encode(octets: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hex = String::with_capacity(octets.len() * 2);
    for octet in octets {
        hex.push(char::from(DIGITS[usize::from(octet >> 4)]));
        hex.push(char::from(DIGITS[usize::from(octet & 0x0F)]));
    }
    hex
}

/// The octets of pairs of digits in either case; `None` for anything else.
#[must_use]
pub fn decode(hex: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let digit = |octet: u8| char::from(octet).to_digit(16);
    pairs
        .iter()
        .map(|&[high, low]| u8::try_from(digit(high)? << 4 | digit(low)?).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn two_lower_case_digits_an_octet() {
        assert_eq!(encode(&[0x00, 0x0A, 0xF0, 0xFF]), "000af0ff");
        assert_eq!(encode(&[]), "");
    }

    #[test]
    fn pairs_of_digits_are_octets() {
        assert_eq!(decode("000aF0fF"), Some(vec![0x00, 0x0A, 0xF0, 0xFF]));
        assert_eq!(decode(""), Some(Vec::new()));
        for odd in ["0", "000", "0g", "+1", "é"] {
            assert_eq!(decode(odd), None, "{odd}");
        }
    }
}
