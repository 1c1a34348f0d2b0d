//! Ids and secrets made from the seed.

use std::fmt::Write;

/// A UUID of version 4 in text form.
pub(crate) fn uuid(random: &mut fastrand::Rng) -> String {
    let bits = random.u128(..) & !(0xf << 76) | 0x4 << 76;
    let bits = bits & !(0b11 << 62) | 0b10 << 62;
    let hex = format!("{bits:032x}");
    let (a, rest) = hex.split_at(8);
    let (b, rest) = rest.split_at(4);
    let (c, rest) = rest.split_at(4);
    let (d, e) = rest.split_at(4);
    format!("{a}-{b}-{c}-{d}-{e}")
}

/// A key as the service gives them out: `dtn_` and 64 hexadecimal digits.
pub(crate) fn api_key(random: &mut fastrand::Rng) -> String {
    let mut key = "dtn_".to_owned();
    for _ in 0..2 {
        // Writing into a String cannot fail.
        let _written = write!(key, "{:032x}", random.u128(..));
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_their_documented_form() {
        let mut random = fastrand::Rng::with_seed(7);
        let id = uuid(&mut random);
        assert_eq!(id.len(), 36);
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        assert_eq!(api_key(&mut random).len(), 68);
    }
}
