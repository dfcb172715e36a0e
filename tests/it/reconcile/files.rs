//! Daily files that are wrong: each told with file, line, column and what to do; and a bill of WeChat's own layout.

use shouyin::domain::fee::Product;
use shouyin::reconcile::{BusinessDay, read};
use shouyin::settlement::MovementKind;

const HEAD: &str = "business_date,merchant_no,term_no,trade_time,trade_main_type,account_type,\
                    busi_type,out_trade_no,trade_no,log_no,acc_trade_no,origin_log_no,\
                    total_amount,payer_amount,merchant_discount,fee,settle_amount,state";
const ONE: &str = "20261126,822100054110001,A0010001,20261126120000,MICROPAY,WECHAT,SCAN,A0010001S1,\
                   202611261200000000166000000000001,66000000000001,,,1000,1000,0,4,996,SUCCESS";
const TWO: &str = "20261126,822100054110001,A0010001,20261126120500,REFUND,WECHAT,SCAN,A0010001R2,\
                   20261126120500000266000000000002,66000000000002,,66000000000001,100,100,0,0,-100,SUCCESS";

fn good() -> String {
    format!("{HEAD}\n{}\n{TWO}\n#TOTAL,2,900\n", one())
}

/// Numbers of the acquirer have 32 characters.
fn one() -> String {
    ONE.replace(
        "202611261200000000166000000000001",
        "20261126120000000166000000000001",
    )
}

fn problem(text: &str) -> String {
    read("f.csv", text.as_bytes(), None)
        .unwrap_err()
        .to_string()
}

#[test]
fn a_good_file_is_read_whole() {
    let file = read("f.csv", good().as_bytes(), None).unwrap();
    assert_eq!(file.day, BusinessDay::parse("2026-11-26").unwrap());
    assert_eq!(file.merchant_no.as_deref(), Some("822100054110001"));
    assert_eq!(file.rows.len(), 2);
    let kinds: Vec<MovementKind> = file.rows.iter().map(|row| row.kind).collect();
    assert_eq!(kinds, [MovementKind::Sale, MovementKind::Refund]);
    assert_eq!((file.rows[0].line, file.rows[1].gain()), (2, -100));
    assert_eq!(file.rows[0].product, Some(Product::Scan));
    // With a byte order mark and Windows' line ends it is the same.
    let dos = format!("\u{feff}{}", good().replace('\n', "\r\n"));
    let dos = read("f.csv", dos.as_bytes(), None).unwrap();
    assert_eq!(dos.rows, file.rows);
}

/// A file, the place that must be named, and words that must be said.
type Case = (String, &'static str, &'static str);

/// One cell is wrong.
fn wrong_cells(good: &str) -> Vec<Case> {
    vec![
        (
            good.replace(",1000,1000,0,4,996", ",10.00,1000,0,4,996"),
            "line 2, column 13 (total_amount)",
            "fen",
        ),
        (
            good.replace(",4,996", ",4,997"),
            "line 2, column 17 (settle_amount)",
            "make 996",
        ),
        (
            good.replace("MICROPAY", "PAYMENT"),
            "line 2, column 5 (trade_main_type)",
            "REVERSAL",
        ),
        (
            good.replace("20261126120500,", "20261126250500,"),
            "line 3, column 4 (trade_time)",
            "YYYYMMDD",
        ),
        (
            good.replace(",SUCCESS\n#", ",DEAL\n#"),
            "line 3, column 18 (state)",
            "moved",
        ),
        (
            good.replacen("20261126,8221", "20261125,8221", 1),
            "line 3, column 1 (business_date)",
            "one day",
        ),
        (
            good.replace(TWO, &TWO.replace("822100054110001", "822100054110002")),
            "line 3, column 2 (merchant_no)",
            "another merchant",
        ),
        (
            good.replace("66000000000002,,", "66000000000000,,"),
            "line 3, column 10 (log_no)",
            "not above",
        ),
        (
            good.replace("66000000000002,,6", "660000000=2+1,,6"),
            "line 3, column 10 (log_no)",
            "letters and digits",
        ),
    ]
}

/// A line, or the whole file, is wrong.
fn wrong_files(good: &str) -> Vec<Case> {
    vec![
        (
            good.replace("#TOTAL,2,900", "#TOTAL,2,901"),
            "line 4",
            "altered",
        ),
        (
            good.replace("#TOTAL,2,900", "#TOTAL,3,900"),
            "line 4",
            "missing",
        ),
        (good.replace("#TOTAL,2,900\n", ""), "line 4", "cut off"),
        (
            format!("{good}{TWO}\n"),
            "line 5",
            "behind the line of totals",
        ),
        (
            good.replace(",-100,SUCCESS", ",-100"),
            "line 3",
            "17 cells instead of 18",
        ),
        (
            good.replace("log_no,acc", "logno,acc"),
            "line 1",
            "other columns",
        ),
        (String::new(), "line 1", "empty"),
        ("%PDF-1.7\n".to_owned(), "line 1", "right file"),
    ]
}

#[test]
fn each_wrong_place_is_named() {
    let good = good();
    let cases = wrong_cells(&good).into_iter().chain(wrong_files(&good));
    for (text, place, words) in cases {
        let told = problem(&text);
        assert!(
            told.starts_with("f.csv, ") && told.contains(place),
            "{place}: {told}"
        );
        assert!(told.contains(words), "{words}: {told}");
    }
    // All places at once, not one after the other.
    let two = good
        .replace("WECHAT,SCAN,A0010001S1", "WECHAT,SCAN,")
        .replace(",-100,", ",-1OO,");
    assert_eq!(problem(&two).lines().count(), 2, "{}", problem(&two));
    let many = good.replace(&one(), &vec!["x"; 50].join("\n"));
    assert!(problem(&many).contains("more lines are wrong"));
    assert!(
        read("f.csv", &[0xff, b'\n'], None)
            .unwrap_err()
            .to_string()
            .contains("UTF-8")
    );
}

#[test]
fn the_same_line_twice_is_a_damaged_file_and_an_empty_day_needs_a_name() {
    let text = good().replace(TWO, &TWO.replace("66000000000002,,", "66000000000003,,"));
    assert!(read("f.csv", text.as_bytes(), None).is_ok());
    let doubled = format!(
        "{HEAD}\n{}\n{}\n#TOTAL,2,2000\n",
        one(),
        one().replace(",66000000000001,", ",66000000000009,")
    );
    assert!(problem(&doubled).contains("twice"));
    let empty = format!("{HEAD}\n#TOTAL,0,0\n");
    assert!(problem(&empty).contains("--day"));
    let day = BusinessDay::parse("2026-11-26").unwrap();
    assert_eq!(read("f.csv", empty.as_bytes(), Some(day)).unwrap().day, day);
}

/// Written after the published columns; nobody's real bill.
const BILL: &str = include_str!("../../data/wechat_bill.csv");

#[test]
fn a_bill_of_wechat_is_read_by_the_same_door() {
    let file = read("bill.csv", BILL.as_bytes(), None).unwrap();
    assert_eq!(file.merchant_no.as_deref(), Some("1900000109"));
    let gains: Vec<i64> = file.rows.iter().map(|row| row.gain()).collect();
    assert_eq!(gains, [990, -300, -800]);
    let fees: Vec<i64> = file.rows.iter().map(|row| row.fee_minor).collect();
    assert_eq!(fees, [4, -1, 0]);
    assert_eq!(file.rows[1].refund_no.as_deref(), Some("A0010001R2"));
    assert_eq!(file.rows[0].discount_minor, 10);
    assert_eq!(file.scope.cut_min, Some(0));
    for (from, to, words) in [
        ("`9.90,`11.00", "`9.91,`11.00", "line 6"),
        ("`CNY,`9.90", "`USD,`9.90", "line 2, column 12"),
        (
            "`3.00,`0.00,`ORIGINAL",
            "`3.005,`0.00,`ORIGINAL",
            "line 3, column 17",
        ),
        ("`2026-11-26 13", "`2026-11-27 13", "line 4, column 1"),
        ("总交易单数,应结", "总数,应结", "cut off"),
    ] {
        let told = problem(&BILL.replace(from, to));
        assert!(told.contains(words), "{words}: {told}");
    }
}
