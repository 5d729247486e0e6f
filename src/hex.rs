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

/// The octets of hexadecimal digits of either case; `None` where there is anything else.
#[must_use]
pub fn decode(hex: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|&[high, low]| u8::try_from(digit(high)? << 4 | digit(low)?).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn digits_of_either_case_become_octets() {
        assert_eq!(decode("000aF0ff"), Some(vec![0x00, 0x0A, 0xF0, 0xFF]));
        assert_eq!(decode(""), Some(Vec::new()));
        for wrong in ["0", "0g", "+1", "é"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }

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
