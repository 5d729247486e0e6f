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

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn two_lower_case_digits_an_octet() {
        assert_eq!(encode(&[0x00, 0x0A, 0xF0, 0xFF]), "000af0ff");
        assert_eq!(encode(&[]), "");
    }
}
