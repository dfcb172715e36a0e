//! A clock that is off by ten years, both ways: nothing is charged, the screen names the clock, and when it is set
//! right the till goes on by itself. The real terminal under a shifted clock (`tests/support/shifted_clock.c`).

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use time::{Duration as Span, OffsetDateTime};

use super::console::Console;
use super::*;
use crate::kill::fast;
use crate::till::{reconcile, runtime, sandbox, till};

const TEN_YEARS_S: i64 = 10 * 366 * 86_400;

/// The library that shifts the clock, built once.
fn shim() -> &'static Path {
    static BUILT: OnceLock<TempDir> = OnceLock::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/shifted_clock.c");
    let built = BUILT.get_or_init(|| {
        let dir = TempDir::new().unwrap();
        let out = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(dir.path().join("shifted_clock.so"))
            .arg(source)
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        dir
    });
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| built.path().join("shifted_clock.so"))
}

/// A terminal whose clock shows `off_s` seconds more than the world's.
fn shifted(dir: &TempDir, off_s: i64) -> Console {
    set_clock(dir, off_s);
    let mut command = Command::new(SHOUYIN);
    command.arg("--console");
    command
        .arg("--config")
        .arg(dir.path().join("sandbox/terminal.toml"));
    command.arg("--config").arg(fast(dir.path()));
    command.arg("--data").arg(dir.path().join("data"));
    command.env("LD_PRELOAD", shim());
    command.env("SHOUYIN_TEST_CLOCK", dir.path().join("clock"));
    let mut till = Console::start(&mut command);
    till.wait(&["[keypad] 0.00"]);
    till
}

fn set_clock(dir: &TempDir, off_s: i64) {
    let next = dir.path().join("clock.next");
    std::fs::write(&next, off_s.to_string()).unwrap();
    std::fs::rename(next, dir.path().join("clock")).unwrap();
}

#[test]
fn a_clock_off_by_ten_years_charges_nothing_and_is_told_until_it_is_set() {
    for off_s in [TEN_YEARS_S, -TEN_YEARS_S] {
        let dir = TempDir::new().unwrap();
        let world = runtime();
        let sandbox = world.block_on(sandbox(&dir));
        let mut console = shifted(&dir, off_s);
        console.type_line("10.00 281234567890600001");
        console.wait(&["10.00", "(K02"]);
        console.type_line("next");
        console.wait(&["[keypad] 0.00", "(K01"]);
        // No second customer gets into the same trouble.
        console.type_line("11.00 281234567890600002");
        console.wait(&["the amount was not taken"]);
        set_clock(&dir, 0);
        console.wait_for(&["[keypad]"], &["(K0"]);
        console.type_line("12.00 281234567890600003");
        console.wait(&["[Paid]"]);
        let ran = console.quit();
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        assert!(
            ran.err.contains("a clock is wrong") && ran.err.contains("clock was set"),
            "{ran:#?}"
        );
        ran.clear();
        world.block_on(async {
            let mut till = till(&dir).await;
            till.settle().await;
            let (paid, unpaid) = reconcile(&till.journal, sandbox.page_port).await;
            assert_eq!(
                (paid, unpaid),
                (1, 1),
                "only the sale under the right clock was paid"
            );
            till.stop().await;
        });
    }
}

/// Gives the sandbox a TLS certificate as acquirers have them: valid for two days around now.
fn short_lived_tls(dir: &TempDir) {
    let sandbox = dir.path().join("sandbox");
    Identity::open(&sandbox).unwrap();
    let around_now = |params: &mut CertificateParams| {
        params.not_before = OffsetDateTime::now_utc() - Span::days(1);
        params.not_after = OffsetDateTime::now_utc() + Span::days(1);
    };
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    around_now(&mut authority);
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    std::fs::write(sandbox.join("ca.pem"), pem).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    around_now(&mut server);
    let issuer = Issuer::new(authority, authority_key);
    let pem = server.signed_by(&key, &issuer).unwrap().pem();
    std::fs::write(sandbox.join("server.pem"), pem).unwrap();
    std::fs::write(sandbox.join("server.key.pem"), key.serialize_pem()).unwrap();
}

#[test]
fn a_tls_certificate_that_the_clock_makes_invalid_is_told_as_the_clock_and_no_request_leaves() {
    let dir = TempDir::new().unwrap();
    short_lived_tls(&dir);
    let world = runtime();
    let sandbox = world.block_on(sandbox(&dir));
    let mut code = 281_234_567_890_700_000_u64;
    for off_s in [TEN_YEARS_S, -TEN_YEARS_S] {
        let mut console = shifted(&dir, off_s);
        code += 1;
        console.type_line(&format!("10.00 {code}"));
        console.wait(&["[NotPaid] 10.00", "(K01"]);
        set_clock(&dir, 0);
        code += 1;
        console.type_line(&format!("12.00 {code}"));
        console.wait(&["[Paid] 12.00"]);
        let ran = console.quit();
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        assert!(
            ran.err.contains("not valid at this terminal's time"),
            "{ran:#?}"
        );
        assert!(ran.err.contains("set the clock"), "{ran:#?}");
        ran.clear();
    }
    world.block_on(async {
        let mut till = till(&dir).await;
        till.settle().await;
        let counted = reconcile(&till.journal, sandbox.page_port).await;
        assert_eq!(counted, (2, 2));
        till.stop().await;
    });
}
