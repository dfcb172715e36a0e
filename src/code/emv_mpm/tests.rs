//! The vectors of acquirer.md 4.7, each rule broken once, and random codes with single wrong characters.

use proptest::prelude::*;

use super::*;

/// Our own vector.
const OWN: &str = "00020101021215164812345678901234520458125303156540512.345802CN5911POS SANDBOX\
                   6008SHANGHAI62310515T202601010000010708A00738416304AF4C";
/// EMVCo's example.
const TRANSPORT: &str = "00020101021229300012D156000000000510A93FO3230Q31280012D1560000000103081\
                         2345678520441115802CN5914BEST TRANSPORT6007BEIJING64200002ZH0104最佳运输\
                         0202北京540523.7253031565502016233030412340603***0708A60086670902ME9132\
                         0016A0112233449988770708123456786304A13A";

fn sealed(body: &str) -> String {
    let covered = format!("{body}6304");
    format!("{covered}{:04X}", crc16(covered.as_bytes()))
}

const ACCOUNT: &str = "15164812345678901234";
const TAIL: &str = "5204581253031565802CN5903ABC6002XY";

/// The shortest useful code, without its checksum: 60 characters.
fn good() -> String {
    format!("000201{ACCOUNT}{TAIL}")
}

/// Each text, sealed, is refused with this tag, offset and problem.
fn refuses(cases: &[(String, (&str, usize, &str))]) {
    for (body, expected) in cases {
        let error = MpmCode::parse(&sealed(body)).expect_err("a broken code");
        let told = (error.tag.as_str(), error.offset, error.problem);
        assert_eq!(told, *expected, "{body}");
    }
}

#[test]
fn our_own_vector_is_read_and_written_again() {
    let code = MpmCode::parse(OWN).expect("our vector");
    assert_eq!(code.initiation, Some(Initiation::Dynamic));
    assert_eq!(
        code.accounts,
        [Account {
            tag: 15,
            value: "4812345678901234".into()
        }]
    );
    assert_eq!(
        (code.category.as_str(), code.currency.as_str()),
        ("5812", "156")
    );
    assert_eq!(code.amount.as_deref(), Some("12.34"));
    assert_eq!(
        (code.name.as_str(), code.city.as_str()),
        ("POS SANDBOX", "SHANGHAI")
    );
    assert_eq!(
        code.additional,
        [
            (5, "T20260101000001".to_owned()),
            (7, "A0073841".to_owned())
        ]
    );
    assert_eq!(code.to_text().expect("writable"), OWN);
}

#[test]
fn the_published_example_is_read_with_its_checksum() {
    assert!(TRANSPORT.ends_with("A13A"));
    let code = MpmCode::parse(TRANSPORT).expect("the published example");
    assert_eq!(code.name, "BEST TRANSPORT");
    assert_eq!(code.amount.as_deref(), Some("23.72"));
    assert_eq!(code.tip, Some(Tip::Asked));
    let local = code.local.clone().expect("Chinese names");
    assert_eq!(
        (local.name.as_str(), local.city.as_deref()),
        ("最佳运输", Some("北京"))
    );
    assert_eq!(code.accounts.len(), 2);
    assert_eq!(
        code.others,
        [(91, "0016A011223344998877070812345678".to_owned())]
    );
    // Written in rising order it is another text with the same contents.
    let again = MpmCode::parse(&code.to_text().expect("writable")).expect("readable");
    assert_eq!(again, code);
}

#[test]
fn each_broken_rule_is_named_with_tag_and_offset() {
    let (tail, account) = (TAIL, ACCOUNT);
    let good = good();
    assert!(MpmCode::parse(&sealed(&good)).is_ok());
    refuses(&[
        (
            format!("{account}{tail}"),
            ("15", 0, "the format tag 00 must stand first"),
        ),
        (
            format!("000202{account}{tail}"),
            ("00", 0, "only format 01 is known"),
        ),
        (
            format!("000201{tail}"),
            ("02", 0, "no merchant account (tags 02 to 51)"),
        ),
        (
            format!("000201{account}{account}{tail}"),
            ("15", 26, "the tag stands twice"),
        ),
        (
            format!("000201010213{account}{tail}"),
            ("01", 6, "11 (static) or 12 (dynamic)"),
        ),
        (
            format!("000201{account}5303156{}", &tail[15..]),
            ("52", 52, "it is missing"),
        ),
        (
            good.replace("52045812", "5204581A"),
            ("52", 26, "four digits"),
        ),
        (
            good.replace("5303156", "5302156"),
            ("65", 40, "the text ends inside the value"),
        ),
        (
            good.replace("5802CN", "5802cn"),
            ("58", 41, "two capital letters"),
        ),
        (
            good.replace("5903ABC", "5900"),
            ("59", 47, "the value is empty"),
        ),
        (
            good.replace("5903ABC", "59A3ABC"),
            ("59", 47, "a length is two digits"),
        ),
        (
            good.replace("5903ABC", "X903ABC"),
            ("--", 47, "a tag is two digits"),
        ),
    ]);
}

#[test]
fn inside_templates_and_tips_the_inner_tag_is_named() {
    let good = good();
    refuses(&[
        (
            format!("{good}62040101"),
            ("62.01", 64, "the text ends inside the value"),
        ),
        (
            format!("{good}62050001X"),
            ("62.00", 64, "inner tags count from 01"),
        ),
        (
            format!("{good}62100501A0501B"),
            ("62.05", 69, "the tag stands twice"),
        ),
        (format!("{good}64060002ZH"), ("64.01", 60, "it is missing")),
        (
            format!("{good}5502025604A.50"),
            ("56", 66, "1 to 13 digits with at most one point"),
        ),
        (
            format!("{good}550202"),
            ("55", 60, "the tip itself is missing"),
        ),
        (
            format!("{good}56041.50"),
            ("56", 60, "tag 55 does not call for it"),
        ),
        (
            format!("{good}5502015703150"),
            ("57", 66, "tag 55 does not call for it"),
        ),
        (
            format!("{good}26050101A"),
            ("26", 60, "the template must start with its unique name 00"),
        ),
        (
            format!("{good}54051.2.3"),
            ("54", 60, "1 to 13 digits with at most one point"),
        ),
    ]);
}

#[test]
fn a_missing_misplaced_or_wrong_checksum_is_refused() {
    let problem = |text: &str| MpmCode::parse(text).expect_err("no checksum").problem;
    assert_eq!(problem(""), "the text is empty");
    assert_eq!(
        problem(&OWN[..OWN.len() - 8]),
        "the checksum tag 63 must stand last"
    );
    assert_eq!(
        problem(&OWN.replace("AF4C", "AF4D")),
        "the checksum does not fit the text"
    );
    assert_eq!(
        problem(&OWN.replace("AF4C", "af4c")),
        "the checksum does not fit the text"
    );
    assert_eq!(problem("6304FFFF"), "the format tag 00 must stand first");
    // A second checksum behind the first.
    assert_eq!(problem(&sealed(OWN)), "the tag stands twice");
}

#[test]
fn what_the_format_cannot_carry_is_not_written() {
    let mut code = MpmCode::parse(OWN).expect("our vector");
    code.name = "A name of more than twenty-five characters".into();
    assert_eq!(code.to_text().expect_err("too long").tag, "59");
    code.name = String::new();
    assert_eq!(code.to_text().expect_err("empty").tag, "59");
    code.name = "X".into();
    code.accounts.clear();
    assert!(code.to_text().is_err());
    code.accounts = vec![Account {
        tag: 52,
        value: "1".into(),
    }];
    assert!(
        code.to_text().is_err(),
        "an account under the tag of another field"
    );
}

prop_compose! {
    fn codes()(
        initiation in prop_oneof![
            Just(None), Just(Some(Initiation::Static)), Just(Some(Initiation::Dynamic))
        ],
        plain in proptest::collection::btree_map(2_u8..=25, "[0-9A-Z]{1,40}", 1..4),
        templates in proptest::collection::btree_map(26_u8..=51, "[0-9A-Z]{1,20}", 0..3),
        category in "[0-9]{4}",
        amount in proptest::option::of("[0-9]{1,7}\\.[0-9]{2}"),
        tip in prop_oneof![
            Just(None), Just(Some(Tip::Asked)),
            "[1-9]\\.[0-9]{2}".prop_map(|t| Some(Tip::Fixed(t))),
            "[1-9][0-9]?".prop_map(|t| Some(Tip::Percent(t))),
        ],
        name in "[A-Za-z0-9 收银店]{1,25}",
        city in "[A-Z上海北京]{1,15}",
        postal_code in proptest::option::of("[0-9]{6}"),
        additional in proptest::collection::btree_map(1_u8..=99, "[0-9A-Za-z*]{1,6}", 0..5),
        local in proptest::option::of(("[A-Za-z]{2}", "[收银终端]{1,25}")),
        others in proptest::collection::btree_map(65_u8..=99, "[0-9A-Z]{1,20}", 0..3),
    ) -> MpmCode {
        let accounts = plain.into_iter().chain(templates.into_iter().map(|(tag, name)| {
            (tag, format!("00{:02}{name}", name.len()))
        }));
        MpmCode {
            initiation,
            accounts: accounts.map(|(tag, value)| Account { tag, value }).collect(),
            category,
            currency: "156".into(),
            amount,
            tip,
            country: "CN".into(),
            name,
            city,
            postal_code,
            additional: additional.into_iter().collect(),
            local: local.map(|(language, name)| LocalName { language, name, city: None }),
            others: others.into_iter().collect(),
        }
    }
}

proptest! {
    #[test]
    fn every_code_that_is_written_is_read_back_the_same(code in codes()) {
        let text = code.to_text().expect("a legal code");
        prop_assert_eq!(MpmCode::parse(&text).expect("readable"), code);
    }

    #[test]
    fn every_single_wrong_character_is_caught(
        code in codes(),
        at: prop::sample::Index,
        by in 0x20_u8..0x7F,
    ) {
        let text = code.to_text().expect("a legal code");
        let mut characters: Vec<char> = text.chars().collect();
        let at = at.index(characters.len());
        prop_assume!(characters[at].is_ascii() && characters[at] != char::from(by));
        characters[at] = char::from(by);
        let changed: String = characters.into_iter().collect();
        prop_assert!(MpmCode::parse(&changed).is_err(), "{changed}");
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,80}", digits in "[0-9]{0,60}") {
        let _ = MpmCode::parse(&text);
        let _ = MpmCode::parse(&sealed(&digits));
        let _ = MpmCode::parse(&digits);
    }
}
