//! Bad configurations: each is refused before anything starts, in one line with file, line, key and remedy.

use super::*;

/// Text of the second file, what the message must hold.
const REFUSED: [(&str, &[&str]); 59] = [
    (
        "[printer]\naddress = \"127.0.0.1:9100\"\n",
        &["printer.kind", "\"network\""],
    ),
    (
        "[printer]\nkind = \"laser\"\n",
        &["more.toml:2", "printer.kind", "\"network\""],
    ),
    (
        "[printer]\nkind = \"network\"\n",
        &["printer.address is missing"],
    ),
    (
        "[printer]\nkind = \"network\"\naddress = \"printer.local\"\n",
        &["more.toml:3", "printer.address", "IP:PORT"],
    ),
    (
        "[printer]\nkind = \"device\"\npath = \"lp0\"\n",
        &["more.toml:3", "printer.path", "/dev/usb/lp0"],
    ),
    (
        "[printer]\nkind = \"serial\"\npath = \"/dev/ttyUSB0\"\nbaud = 1200\n",
        &["more.toml:4", "printer.baud", "9600"],
    ),
    (
        "[printer]\nkind = \"cups\"\nqueue = \"-o x\"\n",
        &["more.toml:3", "printer.queue", "letters"],
    ),
    (
        "[printer]\nkind = \"file\"\npath = \"s\"\nwidth_mm = 57\n",
        &["more.toml:4", "printer.width_mm", "58 or 80"],
    ),
    (
        "[printer]\nkind = \"file\"\npath = \"s\"\ncopies = [\"bank\"]\n",
        &["more.toml:4", "printer.copies", "\"merchant\""],
    ),
    (
        "[printer]\nkind = \"file\"\npath = \"s\"\npaper = 58\n",
        &["more.toml:4", "paper", "width_mm"],
    ),
    (
        "[refunds]\ncashier_single_fen = 100\nsupervisor_single_fen = 99\n",
        &[
            "more.toml:3",
            "refunds.supervisor_single_fen",
            "may not do less",
        ],
    ),
    (
        "[refunds]\ncashier_single_fen = 100\nsupervisor_day_fen = 99\n",
        &[
            "more.toml:3",
            "refunds.supervisor_day_fen",
            "may not do less",
        ],
    ),
    (
        "[refunds]\nmanager_single_fen = 100\n",
        &[
            "more.toml:2",
            "refunds.manager_single_fen",
            "people.manager_pin_file",
        ],
    ),
    (
        "[notices]\nport = 0\n",
        &["more.toml:2", "notices.port", "1 to 65535"],
    ),
    (
        "[notices]\naddress = \"127.0.0.1\"\n",
        &["notices.port", "name the port"],
    ),
    (
        "[notices]\nkey_file = \"k\"\n",
        &["notices.port", "name the port"],
    ),
    (
        "[notices]\nport = 8460\naddress = \"0.0.0.0\"\n",
        &["more.toml:3", "notices.address", "use 127.0.0.1"],
    ),
    (
        "[notices]\nport = 8460\naddress = \"203.0.113.7\"\n",
        &["more.toml:3", "notices.address", "192.168"],
    ),
    (
        "[notices]\nport = 8460\n",
        &["notices.certificate_file is missing"],
    ),
    (
        "[acquirer]\nnotify_url = \"http://127.0.0.1/n\"\n",
        &["more.toml:2", "acquirer.notify_url", "https://HOST"],
    ),
    ("this is not TOML", &["more.toml:1:", "="]),
    ("[terminal\nshop = \"x\"\n", &["more.toml:1:"]),
    ("[terminal]\nshop = \"x\n", &["more.toml:2:", "shop"]),
    (
        "[terminal]\ncolour = 1\n",
        &["more.toml:2:1", "unknown key `colour`", "`shop`"],
    ),
    (
        "[kitchen]\nwidth = 1\n",
        &["more.toml:1:2", "unknown key `kitchen`", "`terminal`"],
    ),
    (
        "[terminal]\nshop = 5\n",
        &["more.toml:2:8", "shop", "expected a string"],
    ),
    (
        "[terminal]\nwidth_px = \"wide\"\n",
        &["more.toml:2:12", "width_px", "a whole number"],
    ),
    (
        "[terminal]\nwidth_px = -720\n",
        &["more.toml:2:12", "width_px", "`-720`"],
    ),
    (
        "[terminal]\nwidth_px = 720.5\n",
        &["more.toml:2:12", "width_px", "a whole number"],
    ),
    (
        "[timing]\npoll_ms = 5000\n",
        &["more.toml:2:11", "poll_ms", "a list in [ ]"],
    ),
    (
        "[terminal]\nshop = \"a\"\nshop = \"b\"\n",
        &["more.toml:3:1", "shop", "duplicate key"],
    ),
    (
        "[terminal]\n[terminal]\n",
        &["more.toml:2:", "duplicate key"],
    ),
    (
        "[terminal]\nwidth_px = 100\n",
        &[
            "more.toml:2",
            "terminal.width_px",
            "100 is out of range",
            "320 to 4096",
        ],
    ),
    (
        "[terminal]\nheight_px = 10000\n",
        &["more.toml:2", "terminal.height_px", "320 to 4096"],
    ),
    (
        "[terminal]\npx_per_mm = 0.5\n",
        &["more.toml:2", "terminal.px_per_mm", "2 to 30"],
    ),
    (
        "[settlement]\nat = \"24:00\"\n",
        &["more.toml:2", "settlement.at", "00:00 to 23:59"],
    ),
    (
        "[settlement]\nstatement = 1\n",
        &["more.toml:2:13", "statement"],
    ),
    (
        "[terminal]\nlanguage = \"fr\"\n",
        &["more.toml:2", "terminal.language", "\"zh\" or \"en\""],
    ),
    (
        "[terminal]\ntheme = \"blue\"\n",
        &["more.toml:2", "terminal.theme", "\"light\" or \"dark\""],
    ),
    (
        "[terminal]\noperator = \"x\"\n",
        &["more.toml:2", "terminal.operator", "digits"],
    ),
    (
        "[terminal]\nshop = \"\"\n",
        &["more.toml:2", "terminal.shop", "1 to 40 characters"],
    ),
    (
        "[limits]\namount_max_fen = 0\n",
        &["more.toml:2", "limits.amount_max_fen", "1 fen or more"],
    ),
    (
        "[limits]\ncode_life_ms = 1\n",
        &["more.toml:2", "limits.code_life_ms", "1000 to 3600000"],
    ),
    (
        "[timing]\npoll_ms = []\n",
        &["more.toml:2", "timing.poll_ms", "1 to 20"],
    ),
    (
        "[timing]\npoll_ms = [0]\n",
        &["more.toml:2", "timing.poll_ms", "0 is out of range"],
    ),
    (
        "[timing]\nrevoke_retry_ms = []\n",
        &["more.toml:2", "timing.revoke_retry_ms", "1 to 20"],
    ),
    (
        "[timing]\nrevoke_idle_ms = 0\n",
        &["more.toml:2", "timing.revoke_idle_ms", "out of range"],
    ),
    (
        "[timing]\npark_after_ms = 60001\n",
        &["more.toml:2", "timing.park_after_ms", "60000"],
    ),
    (
        "[timing]\nrecheck_count = 0\n",
        &["more.toml:2", "timing.recheck_count", "1 to 100"],
    ),
    (
        "[acquirer]\nurl = \"http://x\"\n",
        &["more.toml:2", "acquirer.url", "https://HOST"],
    ),
    (
        "[acquirer]\nurl = \"https://\"\n",
        &["more.toml:2", "acquirer.url", "https://HOST"],
    ),
    (
        "[acquirer]\ntotal_ms = 0\n",
        &["more.toml:2", "acquirer.total_ms", "10 to 120000"],
    ),
    (
        "[acquirer]\nmerchant_no = \"a b\"\n",
        &["more.toml:2", "acquirer.merchant_no"],
    ),
    (
        "[acquirer]\nterm_no = \"\"\n",
        &["more.toml:2", "acquirer.term_no"],
    ),
    (
        "[acquirer]\nenvironment = \"test\"\n",
        &["more.toml:2", "acquirer.environment", "\"sandbox\""],
    ),
    (
        "[acquirer]\nplatform_certificate_files = []\n",
        &["more.toml:2", "at least one certificate"],
    ),
    (
        "[export]\nfolder = \"stick\"\n",
        &["more.toml:2", "export.folder", "the whole path"],
    ),
    (
        "[export]\nfolder = 7\n",
        &["more.toml:2", "folder", "integer `7`"],
    ),
    (
        "[export]\npath = \"/media/stick\"\n",
        &["more.toml:2", "path", "expected `folder`"],
    ),
];

#[test]
fn every_bad_setting_is_refused_with_file_line_key_and_remedy() {
    let ground = Ground::new();
    for (text, words) in REFUSED {
        let ran = ground.with(text);
        ran.refused("shouyin", 1, words);
        assert!(!ground.path("data").exists(), "nothing was started: {text}");
    }
}

#[test]
fn settings_that_only_the_adapter_understands_are_refused_by_key_too() {
    let ground = Ground::new();
    for (text, words) in [
        ("appid = \"OP 1\"", ["appid", "letters or digits"]),
        ("serial_no = \"\"", ["serial_no", "letters or digits"]),
        ("request_ip = \"till-3\"", ["request_ip", "IP address"]),
        ("subject = \"\"", ["subject", "1 to 42 characters"]),
    ] {
        let ran = ground.with(&format!("[acquirer]\n{text}\n"));
        ran.refused("shouyin", 1, &words);
    }
}

#[test]
fn production_settings_are_refused_by_a_build_with_simulators() {
    let ran = Ground::new().with("[acquirer]\nenvironment = \"production\"\n");
    ran.refused(
        "shouyin",
        1,
        &["simulators", "production", "shipping build"],
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_reason() {
    let ground = Ground::new();
    let missing = ground.path("nowhere.toml");
    let ran = run(&mut ground.shouyin(&[&missing]));
    ran.refused("shouyin", 1, &["nowhere.toml", "exists", "No such file"]);
    let folder = ground.path("sandbox");
    let ran = run(&mut ground.shouyin(&[&folder]));
    ran.refused("shouyin", 1, &["/sandbox", "Is a directory"]);
    let ran = ground.with("\u{0}");
    ran.refused("shouyin", 1, &["more.toml:1:"]);
    let latin = ground.write("latin.toml", b"[terminal]\nshop = \"caf\xe9\"\n");
    let ran = run(&mut ground.shouyin(&[&latin]));
    ran.refused("shouyin", 1, &["latin.toml", "UTF-8"]);
    let closed = ground.write("closed.toml", "");
    crate::acquirer::mode(&closed, 0o000);
    open_to_all(ground.dir.path());
    let ran = run_powerless(&ground.shouyin(&[&closed]));
    ran.refused(
        "shouyin",
        1,
        &["closed.toml", "readable", "Permission denied"],
    );
}

#[test]
fn without_any_file_the_first_missing_key_and_the_way_to_give_it_are_named() {
    let ran = run(Command::new(SHOUYIN).arg("--console"));
    ran.refused("shouyin", 1, &["acquirer.url", "--config"]);
    let ground = Ground::new();
    let half = ground.write("half.toml", "[acquirer]\nurl = \"https://localhost\"\n");
    let ran = run(Command::new(SHOUYIN)
        .arg("--console")
        .arg("--config")
        .arg(half));
    ran.refused("shouyin", 1, &["acquirer.merchant_no", "half.toml"]);
}

#[test]
fn a_later_file_wins_and_an_error_names_the_file_that_set_the_value() {
    let ground = Ground::new();
    let bad = ground.write("bad.toml", "\n\n[timing]\npark_after_ms = 99999\n");
    let good = ground.write("good.toml", "[timing]\npark_after_ms = 60000\n");
    let other = ground.write("other.toml", "[terminal]\nshop = \"x\"\n");
    let ran = run(&mut ground.shouyin(&[&bad, &good]));
    assert_eq!(ran.code, Some(0), "the last one wins: {ran:#?}");
    let ran = run(&mut ground.shouyin(&[&good, &bad]));
    ran.refused("shouyin", 1, &["bad.toml:4", "timing.park_after_ms"]);
    let ran = run(&mut ground.shouyin(&[&bad, &other]));
    ran.refused("shouyin", 1, &["bad.toml:4", "timing.park_after_ms"]);
    assert!(!ran.err.contains("other.toml"), "{ran:#?}");
}

#[test]
fn a_secret_that_was_pasted_into_the_file_is_never_printed() {
    let ground = Ground::new();
    let pem = format!("-----BEGIN PRIVATE KEY-----\\n{SECRET}\\n");
    for (text, words) in [
        (
            format!("[acquirer]\nmerchant_key = \"{pem}\"\n"),
            &["merchant_key"][..],
        ),
        (
            format!("[acquirer]\nmerchant_key_file = \"{pem}\"\n"),
            &["more.toml:2", "merchant_key_file", "not what it holds"],
        ),
        (
            format!("[acquirer]\nca_file = \"{pem}\"\n"),
            &["ca_file", "not what it holds"],
        ),
        (
            format!("[acquirer]\ntotal_ms = \"{SECRET}\"\n"),
            &["total_ms", "a text"],
        ),
        (
            format!("[acquirer]\nurl = \"https://user:{SECRET}@host\"\n"),
            &["acquirer.url"],
        ),
        (
            format!("[acquirer]\nenvironment = \"{SECRET}\"\n"),
            &["acquirer.environment"],
        ),
        (
            format!("[terminal]\noperator = \"{SECRET}\"\n"),
            &["terminal.operator"],
        ),
        (
            format!("[terminal]\nlanguage = \"{SECRET}\"\n"),
            &["terminal.language"],
        ),
        (
            format!("[acquirer]\nmerchant_no = \"{SECRET} x\"\n"),
            &["acquirer.merchant_no"],
        ),
        (format!("[acquirer]\nappid = \"{SECRET} x\"\n"), &["appid"]),
        (format!("[acquirer]\nurl = \"{SECRET}\n"), &["more.toml:2:"]),
        (
            format!("-----BEGIN PRIVATE KEY-----\n{SECRET}\n"),
            &["more.toml:1:"],
        ),
    ] {
        let ran = ground.with(&text);
        ran.refused("shouyin", 1, words);
    }
}
