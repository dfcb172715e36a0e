//! One sale through the whole till on a real disk and real HTTPS: from the decoded code to the first
//! byte of the request at the acquirer's port, and from the answer's bytes to the published screen.
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shouyin::acquirer::{HttpsPost, Lakala, LakalaConfig};
use shouyin::code::{CodeTable, recognise};
use shouyin::config::Config;
use shouyin::terminal::{Input, ScanNews};
use shouyin::view::{Intent, Page};

#[path = "support/report.rs"]
#[allow(dead_code, reason = "shared by the benches")]
mod report;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/till.rs"]
#[allow(dead_code, reason = "shared by the benches")]
mod till;

use report::{Limit, Report, Row, folder, median, share};
use sandbox::{Sandbox, Way, WireTap};
use till::{Needs, Requests, Till, first_out};

const SALES: usize = 60;
/// The first sales fill caches.
const WARM_UP: usize = 5;
/// Goal G15: what the software adds to a sale, without the network, in milliseconds.
const OVERHEAD_MS: f64 = 100.0;
/// An answer with its signature is longer than this; session tickets are shorter.
const ANSWER_BYTES_MIN: usize = 600;

/// Milliseconds of one sale.
struct Times {
    /// Code to the first byte at the port (the TLS greeting), after the intent is on the disk.
    to_port: f64,
    /// Code to the first encrypted byte of the request.
    to_request: f64,
    /// Answer to the screen, after the result is on the disk.
    to_screen: f64,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let scratch = folder().join("sale");
    // Left over from a run that was interrupted, or not there.
    std::fs::remove_dir_all(&scratch).ok();
    std::fs::create_dir_all(&scratch).expect("a folder under target/");
    let sandbox = Sandbox::start(&scratch);
    let tap = WireTap::before(sandbox.port);
    let times = runtime.block_on(async {
        let config =
            Config::load(std::slice::from_ref(&sandbox.config)).expect("the sandbox's own");
        let ways = |needs: &Needs<'_>| (lakala(needs, tap.port), None);
        let mut till = Till::open(&scratch, &config, ways).await;
        let mut times = Vec::new();
        for number in 0..SALES {
            times.push(sell(&mut till, number, &tap).await);
        }
        till.stop().await;
        times.split_off(WARM_UP)
    });
    drop(sandbox);
    std::fs::remove_dir_all(&scratch).ok();
    let mut report = Report::new("sale");
    let of = |get: fn(&Times) -> f64| times.iter().map(get).collect::<Vec<f64>>();
    let sum = |t: &Times| t.to_request + t.to_screen;
    for (what, mut samples, percent) in [
        (
            "code read to first byte at the port, median",
            of(|t| t.to_port),
            50,
        ),
        (
            "code read to first byte of the request (TLS made), median",
            of(|t| t.to_request),
            50,
        ),
        ("answer's bytes to screen, median", of(|t| t.to_screen), 50),
        ("software's part of a sale, median", of(sum), 50),
        ("software's part of a sale, 99 of 100", of(sum), 99),
    ] {
        let ours = match percent {
            50 => median(&mut samples),
            other => share(&mut samples, other),
        };
        report.row(Row {
            what: what.to_owned(),
            ours,
            unit: "ms",
            against: "limit G15".to_owned(),
            theirs: OVERHEAD_MS,
            limit: Limit::AtMost(1.0),
        });
    }
    report.finish()
}

async fn sell(till: &mut Till, number: usize, tap: &WireTap) -> Times {
    till.charge(number).await;
    till.wait(|page| matches!(page, Page::Prompt(_))).await;
    let code = recognise(&format!("13{:016}", number + 1), &CodeTable::built_in());
    tap.take();
    let begun = Instant::now();
    let seen = Input::Scan(ScanNews::Code(code.into()));
    till.inputs.send(seen).await.expect("the driver runs");
    let shown = till.paid().await;
    let passed = tap.take();
    let asked = first_out(&passed, true);
    let answer = passed.iter().find(|passed| {
        passed.way == Way::ToTill && passed.at > asked && passed.bytes >= ANSWER_BYTES_MIN
    });
    let ms = |from: Instant, to: Instant| to.duration_since(from).as_secs_f64() * 1e3;
    till.tap(Intent::Dismiss).await;
    Times {
        to_port: ms(begun, first_out(&passed, false)),
        to_request: ms(begun, asked),
        to_screen: ms(answer.expect("an answer").at, shown),
    }
}

/// The acquirer's adapter, by way of the wire-tap.
fn lakala(needs: &Needs<'_>, port: u16) -> Requests {
    let a = needs.config.acquirer.clone();
    let wait = Duration::from_millis(a.total_ms);
    let url = format!("https://localhost:{port}");
    let post = HttpsPost::new(&url, &a.ca_file, wait, wait).expect("the sandbox's authority");
    let lakala = LakalaConfig {
        appid: a.appid,
        serial_no: a.serial_no,
        merchant: a.merchant,
        term: a.term,
        merchant_key_file: a.merchant_key_file,
        platform_certificate_files: a.platform_certificate_files,
        request_ip: a.request_ip,
        subject: a.subject,
        out_org_code: a.out_org_code,
        notify_url: None,
    };
    let lakala = Lakala::open(lakala, post, needs.entropy.clone()).expect("the sandbox's keys");
    needs.serve(Arc::new(lakala))
}
