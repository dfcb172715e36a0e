//! Nothing secret of a card is in any byte that the terminal writes: invariant I10 for cards.
//!
//! Owns the scanner. A till sells by tap and with a PIN, is declined, voids and refunds, asks for a balance, prints its
//! slips, and logs all that it can; then every file that it left and everything that it said is searched for card
//! numbers, tracks, PINs, balances and keys in clear, backwards, as UTF-16, hexadecimal, base64 and packed decimals.
//! That the scanner finds each of these is proven on planted leaks.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};
use shouyin::acquirer::iso::Message;
use shouyin::card::tlv::{Tag, split};
use shouyin::sim::reader::{CARDS, MASTER, packed, untdes};
use shouyin::sim::{PrinterOptions, serve_printer};
use shouyin::view::{BalanceStage, OutcomeKind};
use tempfile::TempDir;

use super::counter::{Counter, cards_file, link};
use crate::kill::fast;
use crate::till::{PIN, runtime, sandbox};

/// A PIN that no order number, time or digest holds by chance. The issuer refuses it.
const CANARY_PIN: &str = "839147625083";
/// Lines of the program that end a story.
const ENDS: [&str; 3] = ["[Paid]", "[NotPaid]", "[Revoked]"];

/// A secret in one of its disguises.
struct Needle {
    name: String,
    bytes: Vec<u8>,
}

/// Every disguise of some bytes.
fn disguises(name: &str, secret: &[u8]) -> Vec<Needle> {
    let backwards: Vec<u8> = secret.iter().rev().copied().collect();
    let utf16 = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        secret
            .iter()
            .flat_map(|byte| order(u16::from(*byte)))
            .collect()
    };
    let mut all = vec![
        ("plain", secret.to_vec()),
        ("backwards", backwards),
        ("UTF-16 LE", utf16(u16::to_le_bytes)),
        ("UTF-16 BE", utf16(u16::to_be_bytes)),
    ];
    for text in [HEXUPPER.encode(secret), HEXLOWER.encode(secret)] {
        let wide = text.bytes().flat_map(|byte| [byte, 0]).collect();
        let mirrored = text.bytes().rev().collect();
        all.push(("hexadecimal", text.into_bytes()));
        all.push(("hexadecimal, backwards", mirrored));
        all.push(("hexadecimal as UTF-16", wide));
    }
    // Inside a longer text base64 has three shapes; the letters at its ends depend on the neighbours.
    for shift in 0..3 {
        let shifted = [&vec![0; shift][..], secret].concat();
        for encoding in [&BASE64, &BASE64URL] {
            let text = encoding.encode(&shifted);
            let inner = text.trim_end_matches('=');
            let (from, upto) = (shift * 4 / 3 + usize::from(shift > 0), inner.len() - 1);
            all.push(("base64", inner.as_bytes()[from..upto].to_vec()));
        }
    }
    let named = |(kind, bytes)| Needle {
        name: format!("{name}, {kind}"),
        bytes,
    };
    all.into_iter().map(named).collect()
}

/// Digits as text and as packed decimals, which may begin in the middle of a byte.
fn digits(name: &str, digits: &str) -> Vec<Needle> {
    let mut all = disguises(name, digits.as_bytes());
    let whole = |text: &str| packed(&text[..text.len() / 2 * 2]);
    all.extend(disguises(&format!("{name}, packed"), &whole(digits)));
    all.extend(disguises(&format!("{name}, packed"), &whole(&digits[1..])));
    all
}

/// What the reader's cards and keys are known by. `more` are secrets of one run: keys of its session, ciphertexts.
fn needles(more: &[(String, Vec<u8>)]) -> Vec<Needle> {
    let mut all = Vec::new();
    for card in CARDS {
        all.extend(digits(&format!("the number of {}", card.name), card.pan));
        // Six digits may be seen, and four at the end; seven may not.
        let seven = &card.pan.as_bytes()[..7];
        all.extend(
            disguises(&format!("seven digits of {}", card.name), seven)
                .into_iter()
                .take(4),
        );
        all.extend(disguises(
            &format!("the track of {}", card.name),
            &card.track2(),
        ));
    }
    all.extend(digits("a PIN", CANARY_PIN));
    all.extend(disguises("the reader's master key", &MASTER));
    for (name, secret) in more {
        all.extend(disguises(name, secret));
    }
    assert!(all.iter().all(|needle| needle.bytes.len() >= 5));
    all
}

/// Names every needle in `bytes`.
fn found<'a>(needles: &'a [Needle], bytes: &[u8]) -> Vec<&'a str> {
    let mut by_first = vec![Vec::new(); 256];
    for needle in needles {
        by_first[usize::from(needle.bytes[0])].push(needle);
    }
    let mut hits = Vec::new();
    for (at, first) in bytes.iter().enumerate() {
        for needle in &by_first[usize::from(*first)] {
            if bytes[at..].starts_with(&needle.bytes) {
                hits.push(needle.name.as_str());
            }
        }
    }
    hits
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut open, mut all) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                open.push(path);
            } else {
                all.push(path);
            }
        }
    }
    all
}

#[test]
fn the_scanner_finds_a_planted_leak_in_every_disguise() {
    let key = ("a session key".to_owned(), (200..216).collect::<Vec<u8>>());
    let needles = needles(std::slice::from_ref(&key));
    let pan = CARDS[0].pan;
    let ascii = pan.as_bytes();
    let bcd = packed(&format!("{pan}F"));
    let utf16 =
        |order: fn(u16) -> [u8; 2]| -> Vec<u8> { pan.encode_utf16().flat_map(order).collect() };
    let mut planted = vec![
        ascii.to_vec(),
        pan.bytes().rev().collect(),
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
        HEXUPPER.encode(ascii).into_bytes(),
        HEXLOWER.encode(ascii).into_bytes(),
        bcd.clone(),
        bcd.iter().rev().copied().collect(),
        packed(&format!("1{pan}")),
        HEXLOWER.encode(&bcd).into_bytes(),
        BASE64.encode(&bcd).into_bytes(),
        CARDS[0].track2(),
        HEXUPPER.encode(&CARDS[1].track2()).into_bytes(),
        BASE64.encode(&CARDS[1].track2()).into_bytes(),
        CANARY_PIN.as_bytes().to_vec(),
        CANARY_PIN.bytes().rev().collect(),
        packed(CANARY_PIN),
        MASTER.to_vec(),
        MASTER.iter().rev().copied().collect(),
        HEXLOWER.encode(&MASTER).into_bytes(),
        key.1.clone(),
        BASE64.encode(&key.1).into_bytes(),
        format!("card {}******0018", &pan[..7]).into_bytes(),
    ];
    for before in ["", "a", "ab", "abc"] {
        let text = format!("{before}{pan}, and more");
        planted.push(BASE64.encode(text.as_bytes()).into_bytes());
        planted.push(BASE64URL.encode(text.as_bytes()).into_bytes());
    }
    let noise: Vec<u8> = (0..4_000_u32).map(|n| (n * n / 7) as u8).collect();
    assert_eq!(found(&needles, &noise), Vec::<&str>::new());
    for leak in planted {
        for at in [0, 1, 1_999, noise.len()] {
            let bytes = [&noise[..at], &leak[..], &noise[at..]].concat();
            let hits = found(&needles, &bytes);
            assert!(!hits.is_empty(), "{}", HEXUPPER.encode(&leak));
        }
    }
    // What may be seen is no leak.
    let allowed = format!(
        "card {}*********{} 621626CCCCCCCCC0018F",
        &pan[..6],
        &pan[15..]
    );
    assert_eq!(found(&needles, allowed.as_bytes()), Vec::<&str>::new());
}

/// The till of the flow in a process of its own, with everything logged: its screens on standard output, its log on
/// standard error. What only the line knows goes to a file that is not the terminal's.
#[test]
#[ignore = "run by its parent, which reads what it writes"]
fn a_till_with_secrets() {
    let (Some(dir), Some(port)) = (std::env::var_os("CARD_DIR"), std::env::var_os("CARD_PORT"))
    else {
        return;
    };
    let port = port.to_str().and_then(|port| port.parse().ok()).unwrap();
    shouyin::telemetry::start();
    let dir = Path::new(&dir);
    runtime().block_on(async {
        let mut counter = Counter::at(dir, port).await;
        let mut screens = counter.till.screens.clone();
        let shown = tokio::spawn(async move {
            while screens.changed().await.is_ok() {
                let text = format!("{:?}", screens.borrow_and_update());
                writeln!(std::io::stdout(), "{text}").unwrap();
            }
        });
        let typed = format!("pin {CANARY_PIN}");
        let declined = counter.pays_with(1_500, "insert credit", &typed).await;
        assert_eq!(declined, OutcomeKind::NotPaid);
        for (fen, part) in [(1_600, None), (1_700, Some(200))] {
            assert_eq!(counter.pays(fen, "tap debit").await, OutcomeKind::Paid);
            let sale = counter.till.last_sale().await;
            counter.till.undo(sale, part, PIN).await;
        }
        let told = counter.balance("insert debit", "pin 123456").await;
        assert!(matches!(told, BalanceStage::Told { .. }), "{told:?}");
        counter.till.home().await;
        counter.till.rest().await;
        let mut secrets = String::new();
        for (name, bytes) in of_the_line(&counter) {
            secrets.push_str(&format!("{name}={}\n", HEXUPPER.encode(&bytes)));
        }
        std::fs::write(dir.join("secrets"), secrets).unwrap();
        counter.till.stop().await;
        shown.abort();
    });
}

/// Keys of the session, sealed and opened; PIN blocks, enciphered tracks, and what is on the card's account.
fn of_the_line(counter: &Counter) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for frame in counter.came.lock().unwrap().iter() {
        let answer = Message::decode(&frame[13..]).unwrap();
        if let Some(balances) = answer.field(54) {
            let fen: u64 = String::from_utf8_lossy(&balances[8..]).parse().unwrap();
            all.push(("a balance".to_owned(), balances.to_vec()));
            for text in [
                format!("{fen:012}"),
                format!("{}.{:02}", fen / 100, fen % 100),
                format!(
                    "{},{:03}.{:02}",
                    fen / 100_000,
                    fen / 100 % 1_000,
                    fen % 100
                ),
            ] {
                all.push(("a balance".to_owned(), text.into_bytes()));
            }
        }
        // Of a sign-in only.
        let keys = answer.field(62).unwrap_or_default();
        for (name, key) in ["PIN", "MAC", "data"].iter().zip(keys.chunks(20)) {
            let open = key[..16]
                .chunks(8)
                .flat_map(|half| untdes(&MASTER, half.try_into().unwrap()));
            all.push((format!("the sealed {name} key"), key[..16].to_vec()));
            all.push((format!("the {name} key"), open.collect()));
        }
    }
    for frame in counter.left.lock().unwrap().iter() {
        let message = &frame[13..];
        let asked = Message::decode(message).unwrap();
        if let Some(block) = asked.field(52) {
            all.push(("a PIN block".to_owned(), block.to_vec()));
        }
        for item in asked
            .field(48)
            .map(|data| split(data).unwrap())
            .unwrap_or_default()
        {
            if item.tag == Tag(0x57) {
                all.push(("an enciphered track".to_owned(), item.value.to_vec()));
            }
        }
    }
    all
}

/// Sells with the real program until each sale has its end, then waits until its slips are `printed`; returns
/// everything that it said.
fn program(
    dir: &Path,
    (port, printer): (u16, u16),
    sales: &[(&str, &str)],
    printed: impl Fn(),
) -> (Vec<u8>, Vec<u8>) {
    let printer_file = dir.join("printer.toml");
    let text = format!("[printer]\nkind = \"network\"\naddress = \"127.0.0.1:{printer}\"\n");
    std::fs::write(&printer_file, text).unwrap();
    let log = dir.join("program.log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_shouyin"));
    for config in [
        dir.join("sandbox/terminal.toml"),
        fast(dir),
        cards_file(dir),
        printer_file,
    ] {
        command.arg("--config").arg(config);
    }
    let mut child = command
        .arg("--data")
        .arg(dir.join("data"))
        .arg("--console")
        .env("SHOUYIN_LOG", "debug")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut typed = child.stdin.take().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut said, mut left, mut open) = (String::new(), sales.iter(), None);
    let mut typing = None;
    for line in lines.map_while(Result::ok) {
        said.push_str(&line);
        said.push('\n');
        if line.starts_with("[keypad]") && open.is_none() {
            open = left.next();
            match open {
                Some((amount, _)) => writeln!(typed, "{amount}").unwrap(),
                None => {
                    printed();
                    writeln!(typed, "quit").unwrap();
                }
            }
        } else if line.starts_with("[code, please]")
            && let Some((_, card)) = open
        {
            super::kill::at_reader(port, card);
            typing = card
                .starts_with("insert")
                .then(|| super::kill::keeps_typing(port));
        } else if open.is_some() && ENDS.iter().any(|end| line.starts_with(end)) {
            (open, typing) = (None, None);
            super::kill::at_reader(port, "pull");
            writeln!(typed, "back").unwrap();
        }
    }
    drop(typing);
    assert!(child.wait().unwrap().success(), "{said}");
    assert!(left.next().is_none(), "{said}");
    (said.into_bytes(), std::fs::read(log).unwrap())
}

/// What somebody or something said or wrote, with its name.
type Captured = Vec<(String, Vec<u8>)>;

/// The till that knows its secrets: its screens and its log.
fn till_process(dir: &Path, port: u16) -> Captured {
    let name = "cards::canary::a_till_with_secrets";
    let out = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env("CARD_DIR", dir)
        .env("CARD_PORT", port.to_string())
        .env("SHOUYIN_LOG", "debug")
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{log}");
    vec![
        ("screens".to_owned(), out.stdout),
        ("log".to_owned(), out.stderr),
    ]
}

/// What the line knew of one run.
fn own_secrets(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let secrets = std::fs::read_to_string(dir.join("secrets")).unwrap();
    let own: Vec<(String, Vec<u8>)> = secrets
        .lines()
        .map(|line| line.split_once('=').unwrap())
        .map(|(name, hex)| (name.to_owned(), HEXUPPER.decode(hex.as_bytes()).unwrap()))
        .collect();
    for name in [
        "the MAC key",
        "the sealed PIN key",
        "a PIN block",
        "an enciphered track",
        "a balance",
    ] {
        assert!(own.iter().any(|(own, _)| own == name), "{name}: {own:?}");
    }
    own
}

/// The files of the data folder and of the slips, and what the operator's tool says of the journal.
fn left_behind(dir: &Path) -> Captured {
    let data = dir.join("data");
    let mut captured = Vec::new();
    for what in ["show", "export", "verify"] {
        let mut tool = Command::new(env!("CARGO_BIN_EXE_shouyinctl"));
        let told = tool.args(["journal", what]).arg(data.join("journal.db"));
        let out = told.output().unwrap();
        captured.push((format!("journal {what}"), [out.stdout, out.stderr].concat()));
    }
    for path in [files(&data), files(&dir.join("slips"))].concat() {
        captured.push((path.display().to_string(), std::fs::read(&path).unwrap()));
    }
    captured
}

#[test]
fn no_secret_of_a_card_is_in_any_byte_that_the_terminal_writes() {
    let dir = TempDir::new().unwrap();
    let world = runtime();
    let sandbox = world.block_on(sandbox(&dir));
    sandbox.plug_reader(link(dir.path())).unwrap();
    let port = sandbox.page_port;
    let options = PrinterOptions {
        dir: dir.path().join("slips"),
        port: 0,
        page_port: 0,
        dots: 384,
    };
    let printer = world.block_on(serve_printer(options)).unwrap();
    let mut captured = till_process(dir.path(), port);
    super::kill::fresh_reader(port);
    let sales = [
        ("10.00", "tap debit"),
        ("12.00", "insert debit"),
        ("10.51", "tap credit"),
    ];
    // Of the two sales that are paid.
    let printed = || {
        let slips = world.block_on(async {
            let wait = std::time::Duration::from_secs(40);
            tokio::time::timeout(wait, printer.wait_for(2)).await
        });
        assert!(slips.is_ok(), "{:?}", printer.slips());
    };
    let (said, log) = program(dir.path(), (port, printer.port), &sales, printed);
    let slips = format!("{:?}", printer.slips());
    assert!(slips.contains("借记卡(DEBIT)"), "the kind of card");
    let slips = slips.into_bytes();
    captured.push(("console".to_owned(), said));
    captured.push(("log of the program".to_owned(), log));
    captured.push(("slips".to_owned(), slips));
    captured.extend(left_behind(dir.path()));
    let needles = needles(&own_secrets(dir.path()));
    for (name, text) in &captured {
        assert_eq!(found(&needles, text), Vec::<&str>::new(), "{name}");
    }
    // It looked where cards are told of.
    let masked = b"621626*********0018";
    for (name, tells) in [
        ("screens", true),
        ("log", false),
        ("log of the program", false),
        ("console", false),
        ("journal export", true),
        ("journal.db", true),
        ("mirror.log", true),
        ("slips", true),
    ] {
        let (_, text) = captured.iter().find(|(at, _)| at.ends_with(name)).unwrap();
        let told = text.windows(masked.len()).any(|part| part == masked);
        assert!(text.len() > 300 && (told || !tells), "{name} tells no card");
    }
    let bytes: usize = captured.iter().map(|(_, text)| text.len()).sum();
    let (needles, files) = (needles.len(), captured.len());
    println!("{needles} disguises of secrets in none of {files} files and outputs, {bytes} bytes");
}
