use super::*;

#[test]
fn texts_go_out_in_the_default_alphabet_or_as_ucs2() {
    let plain = encode("@_$£€", Alphabet::Gsm0338);
    assert_eq!(plain.data_coding, 0);
    assert_eq!(plain.octets[..], [0x00, 0x11, 0x02, 0x01, 0x1B, 0x65]);
    assert_eq!(plain.units, 6);
    let wide = encode("Я😀", Alphabet::Gsm0338);
    assert_eq!(wide.data_coding, 8);
    assert_eq!(wide.octets[..], [0x04, 0x2F, 0xD8, 0x3D, 0xDE, 0x00]);
    assert_eq!(wide.units, 3);
}
