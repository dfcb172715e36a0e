//! scanner tests
#[path = "../support/phone_frames.rs"]
mod phone_frames;
use phone_frames::*;
use shouyin::scanner::decode::*;
use shouyin::scanner::frame::GreyFrame;
use std::collections::BTreeMap;
#[test]
#[ignore]
fn measure() {
    let seed: u64 = std::env::var("SHOUYIN_SEED")
        .map(|s| s.parse().unwrap())
        .unwrap_or(1);
    let each: usize = std::env::var("EACH")
        .map(|s| s.parse().unwrap())
        .unwrap_or(1);
    let mut d = Decoder::new();
    let mut t: BTreeMap<String, [usize; 4]> = BTreeMap::new();
    let (mut ms, mut yms) = (vec![], vec![]);
    for (n, cell) in cells(each).into_iter().enumerate() {
        let f = draw(seed, n, cell);
        if n < 12 || std::env::var("DUMP").is_ok() {
            image::save_buffer(
                format!("/tmp/pf/{n}-{:?}-{:?}-{}.png", f.kind, f.condition, f.size),
                &f.pixels,
                1280,
                720,
                image::ColorType::L8,
            )
            .unwrap();
        }
        let g = GreyFrame::new(WIDTH, HEIGHT, f.pixels).unwrap();
        let a = thread_cpu_ms();
        let mine = d.exhaustive(&g);
        let b = thread_cpu_ms();
        let y = yardstick(&g);
        let c = thread_cpu_ms();
        ms.push(b - a);
        yms.push(c - b);
        if b - a > 80.0 {
            println!("slow {n} {cell:?} {}", b - a);
        }
        let ok = |s: &Vec<Seen>| s.iter().any(|s| *s.text == f.truth);
        for s in &mine {
            if *s.text != f.truth {
                println!(
                    "WRONG {n} {cell:?} {:?} {} / {}",
                    s.format, *s.text, f.truth
                );
            }
        }
        for s in &y {
            if *s.text != f.truth {
                println!(
                    "zxing WRONG {n} {cell:?} {:?} {} / {}",
                    s.format, *s.text, f.truth
                );
            }
        }
        if ok(&y) && !ok(&mine) {
            println!("LOST {n} {cell:?}");
        }
        for key in [
            format!("{:?}", cell.0),
            format!("{:?}-{:?}", cell.0, cell.1),
        ] {
            let e = t.entry(key).or_default();
            e[0] += 1;
            e[1] += ok(&mine) as usize;
            e[2] += ok(&y) as usize;
        }
    }
    for (k, v) in t {
        println!("{k:24} n {:4} mine {:4} zxing {:4}", v[0], v[1], v[2]);
    }
    for m in [&mut ms, &mut yms] {
        m.sort_by(f64::total_cmp);
        println!(
            "ms median {:.1} p95 {:.1} max {:.1} mean {:.1}",
            m[m.len() / 2],
            m[m.len() * 95 / 100],
            m[m.len() - 1],
            m.iter().sum::<f64>() / m.len() as f64
        );
    }
}
