//! Searches bytes for the digits that every customer's code holds, in the forms that code is known to leak in.

use std::sync::LazyLock;

use data_encoding::{BASE64, HEXLOWER};

use crate::simulator::find::Needle;
use crate::simulator::plan::CANARY;

/// Returns the form in which the canary stands in `bytes`, if it does.
pub fn find_canary(bytes: &[u8]) -> Option<&'static str> {
    static FORMS: LazyLock<Vec<(&str, Needle)>> = LazyLock::new(forms);
    let mut forms = FORMS.iter();
    forms
        .find(|(_, form)| form.is_in(bytes))
        .map(|(name, _)| *name)
}

fn forms() -> Vec<(&'static str, Needle)> {
    let plain = CANARY.as_bytes();
    let reversed: Vec<u8> = plain.iter().rev().copied().collect();
    let wide: Vec<u8> = plain.iter().flat_map(|byte| [*byte, 0]).collect();
    let mut forms = vec![
        ("plain", Needle::new(plain)),
        ("reversed", Needle::new(&reversed)),
        ("UTF-16", Needle::new(&wide)),
        (
            "hexadecimal",
            Needle::new(HEXLOWER.encode(plain).as_bytes()),
        ),
    ];
    // Base64 of a text depends on where in the text it stands; whole groups of three are the same.
    for skipped in 0..3 {
        let whole = &plain[skipped..];
        let whole = &whole[..whole.len() / 3 * 3];
        forms.push(("Base64", Needle::new(BASE64.encode(whole).as_bytes())));
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_in_every_form() {
        let code = format!("13{CANARY}00001234");
        let wide: Vec<u8> = code.bytes().flat_map(|byte| [byte, 0]).collect();
        let backwards: String = code.chars().rev().collect();
        let forms: [(&str, Vec<u8>); 5] = [
            ("plain", code.clone().into_bytes()),
            ("reversed", backwards.into_bytes()),
            ("UTF-16", wide),
            ("hexadecimal", HEXLOWER.encode(code.as_bytes()).into_bytes()),
            ("Base64", BASE64.encode(code.as_bytes()).into_bytes()),
        ];
        for (name, bytes) in forms {
            let around = [b"xx".to_vec(), bytes, b"yy".to_vec()].concat();
            assert_eq!(find_canary(&around), Some(name));
        }
        assert_eq!(find_canary(b"the last four: 1234"), None);
    }
}
