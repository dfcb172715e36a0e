//! Each check fails on a planted violation and passes on its harmless neighbour.

use super::*;

#[test]
fn a_forbidden_import_is_found_in_every_spelling() {
    let bad = [
        "use crate::journal::Store;",
        "use crate::{domain::Money, journal};",
        "use crate::{\n    domain::{Money, Now},\n    journal::Store,\n};",
        "fn f() { crate::journal::open(); }",
        "pub(crate) use crate::journal as j;",
    ];
    for source in bad {
        assert_eq!(imports("src/acquirer/http.rs", source).len(), 1, "{source}");
    }
    assert_eq!(
        imports("src/sim/wallet.rs", "use crate::acquirer::sign;").len(),
        1
    );
    assert_eq!(
        imports("src/ui/mod.rs", "use crate::payment::State;").len(),
        1
    );
    assert_eq!(
        imports("src/domain/money.rs", "use crate::code::CodeTable;").len(),
        1
    );
    assert_eq!(
        imports("src/terminal/driver.rs", "use crate::ui::Window;").len(),
        1
    );
}

#[test]
fn an_allowed_import_or_a_mere_mention_passes() {
    let good = [
        "use crate::{domain::{Money, Now}, limits, evidence::Claim};",
        "use crate::acquirer::wire;",
        "// crate::journal is not ours\n/* crate::ui */\nconst A: &str = \"crate::ui::x\";",
        "const A: &str = r#\"quote \" crate::ui::x\"#; const B: char = '\"';",
    ];
    for source in good {
        assert_eq!(
            imports("src/acquirer/http.rs", source),
            Vec::<String>::new()
        );
    }
    assert!(imports("src/main.rs", "use crate::journal::Store;").is_empty());
}

#[test]
fn code_after_a_literal_is_still_read() {
    let source = "const A: char = '\\'';\nconst B: &str = \"\\\"\";\nuse crate::ui::X;";
    assert_eq!(imports("src/view/mod.rs", source).len(), 1);
    let lifetimes = "fn f<'a>(x: &'a str) {}\nuse crate::ui::X;";
    assert_eq!(imports("src/view/mod.rs", lifetimes).len(), 1);
}

#[test]
fn climbing_out_by_super_is_found() {
    assert_eq!(
        imports("src/view/mod.rs", "use super::journal::Store;").len(),
        1
    );
    assert_eq!(
        imports("src/view/a.rs", "pub use super::super::journal::A;").len(),
        1
    );
    assert!(imports("src/view/a.rs", "use super::screen::Screen;").is_empty());
}

#[test]
fn a_module_without_a_row_is_found() {
    assert_eq!(imports("src/helpers/mod.rs", "").len(), 1);
}

#[test]
fn slint_outside_the_screen_is_found() {
    let source = "use slint::SharedString;";
    assert_eq!(slint_only_in_ui("src/view/screen.rs", source).len(), 1);
    assert_eq!(
        slint_only_in_ui("src/main.rs", "shouyin_ui::App::new();").len(),
        1
    );
    assert!(slint_only_in_ui("src/ui/mod.rs", source).is_empty());
    assert!(slint_only_in_ui("src/view/screen.rs", "// slint shows it").is_empty());
}

#[test]
fn a_long_file_and_a_long_line_are_found() {
    assert_eq!(lengths("src/a.rs", &"\n".repeat(601)).len(), 1);
    assert!(lengths("src/a.rs", &"\n".repeat(600)).is_empty());
    assert_eq!(lengths("ui/a.slint", &"\n".repeat(301)).len(), 1);
    assert_eq!(lengths("src/a.rs", &"x".repeat(101)).len(), 1);
    assert_eq!(
        lengths("src/a.rs", &format!("//{}", "收".repeat(119))).len(),
        1
    );
    assert!(lengths("src/a.rs", &"收".repeat(100)).is_empty());
}

#[test]
fn a_missing_header_is_found() {
    assert_eq!(header("src/a.rs", "use std::fs;\n").len(), 1);
    assert_eq!(header("src/main.rs", "fn main() { run() }\n").len(), 1);
    assert!(header("src/a.rs", "//! What it is.\n").is_empty());
}

#[test]
fn a_float_in_the_core_is_found() {
    assert_eq!(
        floats("src/payment/sale.rs", "fn tip(rate: f64) {}").len(),
        1
    );
    assert_eq!(
        floats("src/domain/money.rs", "let x = 1_f32 as f32;").len(),
        1
    );
    assert!(floats("src/payment/sale.rs", "// f64 is banned\nlet af64 = 1;").is_empty());
    assert!(floats("src/scanner/luma.rs", "let x: f64;").is_empty());
}

#[test]
fn a_mac_that_no_reader_made_is_found() {
    let made = "let mac = MacCode::of_reader([0; 8]);";
    assert_eq!(made_up_macs("src/acquirer/cards/host.rs", made).len(), 1);
    assert!(made_up_macs("src/reader/neo2/mac.rs", made).is_empty());
    assert!(made_up_macs("src/payment/sale.rs", "// of_reader is not for us").is_empty());
}

#[test]
fn banned_idioms_and_clocks_are_found() {
    for bad in [
        "todo!()",
        "dbg!(x)",
        "unimplemented!()",
        "std::thread::sleep(d)",
    ] {
        assert_eq!(banned("src/terminal/driver.rs", bad).len(), 1, "{bad}");
    }
    for bad in [
        "SystemTime::now()",
        "std::time::Instant::now()",
        "OffsetDateTime::now_utc()",
    ] {
        assert_eq!(banned("src/terminal/driver.rs", bad).len(), 1, "{bad}");
        assert!(banned("src/clock.rs", bad).is_empty());
    }
    assert!(banned("src/sim/world.rs", "thread::sleep(d)").is_empty());
    assert_eq!(banned("src/sim/world.rs", "todo!()").len(), 1);
    assert!(banned("src/terminal/driver.rs", "// todo! is banned").is_empty());
}

#[test]
fn an_unexplained_a_double_and_a_stale_notice_are_found() {
    let source = "Self::A => \"A01\",\nSelf::B => \"J02\",\n";
    let manual = "| A01 | words |\n| J02 | words |\n";
    assert!(notices(source, manual).is_empty());
    assert_eq!(notices(source, "| A01 | words |\n").len(), 1);
    assert_eq!(
        notices("Self::A => \"A01\",\nSelf::B => \"A01\",", "| A01 |").len(),
        1
    );
    assert_eq!(notices("Self::A => \"A01\",", manual).len(), 1);
    assert_eq!(notices("", "").len(), 1);
}

#[test]
fn an_unjustified_dependency_is_found() {
    let head = "[dependencies]\n# Why.\none = \"1\"\ntwo = \"1\"\n";
    assert!(dependencies("Cargo.toml", head).is_empty());
    assert_eq!(
        dependencies("Cargo.toml", &format!("{head}three = \"1\"\n")).len(),
        1
    );
    assert_eq!(
        dependencies("Cargo.toml", "[dependencies]\none = \"1\"\n").len(),
        1
    );
    assert_eq!(
        dependencies("Cargo.toml", "[dev-dependencies]\n\none = \"1\"").len(),
        1
    );
    assert!(dependencies("Cargo.toml", "[features]\ndefault = []\n").is_empty());
}

#[test]
fn relative_links_are_read() {
    let page = "[a](docs/A.md#part) [b](https://example.org) [c](#here)\n[d](e.md)";
    assert_eq!(
        links(page),
        [(1, "docs/A.md".to_owned()), (2, "e.md".to_owned())]
    );
}

#[test]
fn a_word_of_the_acquirer_is_found_in_code_and_text_but_not_in_a_citation() {
    let bad = [
        "let name = \"Lakala\";",
        "fn ask_lakala() {}",
        "const OK: &str = \"BBS00000\";",
        "headers.get(\"Lklapi-Nonce\");",
        "let r = r#\"/labs/trans\"#; // why",
        "let path = \"https://x\"; let b = \"BBS10000\";",
    ];
    for source in bad {
        assert_eq!(
            acquirer_words("src/view/mod.rs", source).len(),
            1,
            "{source}"
        );
        assert_eq!(
            acquirer_words("src/acquirer/lakala/sign.rs", source).len(),
            0
        );
        assert_eq!(acquirer_words("tests/it/world.rs", source).len(), 0);
    }
    let good = [
        "// Lakala advice: five seconds\nlet a = 1;",
        "/* BBS00000 */ let a = '/';",
        "let t = include_str!(\"../assets/profiles/lakala.toml\");",
    ];
    for source in good {
        assert_eq!(
            acquirer_words("src/view/mod.rs", source),
            Vec::<String>::new()
        );
    }
    assert!(acquirer_words("src/acquirer/mod.rs", "mod lakala;").is_empty());
    assert_eq!(
        acquirer_words("src/acquirer/http.rs", "mod lakala;").len(),
        1
    );
}

#[test]
fn unsafe_code_is_found_elsewhere_and_without_a_reason() {
    let bare = "fn f() {\n    unsafe { g() };\n}\n";
    let reasoned = "fn f() {\n    // SAFETY: g is harmless.\n    unsafe { g() };\n}\n";
    assert_eq!(unsafe_code("src/journal/store.rs", reasoned).len(), 1);
    assert_eq!(unsafe_code(UNSAFE, bare).len(), 1);
    assert_eq!(unsafe_code(UNSAFE, reasoned), Vec::<String>::new());
    assert!(unsafe_code("src/lib.rs", "// unsafe\n#![deny(unsafe_code)]\n").is_empty());
}
