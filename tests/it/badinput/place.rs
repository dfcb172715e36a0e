//! Bad places: a data directory that cannot be used, a second terminal in it, a disk that is full.

use super::console::Console;
use super::*;
use crate::acquirer::mode;

#[test]
fn a_data_directory_that_cannot_be_made_or_written_is_named() {
    let ground = Ground::new();
    ground.write("data", "a file");
    let ran = run(&mut ground.shouyin(&[]));
    ran.refused("shouyin", 1, &["/data", "data directory", "--data"]);
    std::fs::remove_file(ground.path("data")).unwrap();

    // The configuration can be read by everybody; the key's own error comes later than the directory's.
    open_to_all(ground.dir.path());
    let ran = run_powerless(&ground.shouyin(&[]));
    if is_root() {
        let words = ["/data", "data directory", "Permission denied"];
        ran.refused("shouyin", 1, &words);
    }
    std::fs::create_dir(ground.path("data")).unwrap();
    mode(&ground.path("data"), 0o555);
    let ran = run_powerless(&ground.shouyin(&[]));
    let words = ["/data/journal.lock", "Permission denied", "this user may"];
    ran.refused("shouyin", 1, &words);
}

#[test]
fn a_second_terminal_ends_at_once_and_the_first_goes_on() {
    let ground = Ground::new();
    let mut first = Console::start(&mut ground.shouyin(&[]));
    first.wait(&["[keypad] 0.00"]);
    let ran = run(&mut ground.shouyin(&[]));
    let words = [
        "another terminal already runs",
        "/data/journal.lock",
        "stop it first",
    ];
    ran.refused("shouyin", 1, &words);
    for tool in ["verify", "show", "export"] {
        let database = ground.path("data/journal.db");
        let ran = run(Command::new(CTL).args(["journal", tool]).arg(database));
        ran.refused("shouyinctl", 2, &["another terminal already runs"]);
    }
    first.type_line("7.00");
    first.wait(&["[code, please] 7.00"]);
    let ran = first.quit();
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    ran.clear();
}

/// The terminal with its data on a disk of so many KiB of its own; `None` where this user may not mount.
fn on_a_small_disk(ground: &Ground, kib: u32) -> Option<Command> {
    let data = ground.path("data");
    std::fs::create_dir_all(&data).unwrap();
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(if is_root() { &["-m"][..] } else { &["-rm"][..] });
        command.args(["sh", "-c", script, "sh"]).arg(&data);
        command
    };
    let mount = format!("mount -t tmpfs -o size={kib}k none \"$1\"");
    let works = unshare(&mount)
        .output()
        .is_ok_and(|out| out.status.success());
    if !works {
        println!("this user may not mount a disk: not tested here");
        return None;
    }
    let mut command = unshare(&format!("{mount} && shift && exec \"$@\""));
    let terminal = ground.shouyin(&[]);
    command
        .arg(terminal.get_program())
        .args(terminal.get_args());
    Some(command)
}

#[test]
fn a_disk_that_is_full_at_the_start_is_told_and_nothing_is_begun() {
    let ground = Ground::new();
    for kib in [4, 16, 40, 64] {
        let Some(mut command) = on_a_small_disk(&ground, kib) else {
            return;
        };
        let ran = run(&mut command);
        let words = ["/data/journal.db", "full", "free space"];
        ran.refused("shouyin", 1, &words);
    }
}

#[test]
fn a_disk_without_room_for_the_reserve_starts_the_till_and_refuses_new_sales_with_their_reason() {
    let ground = Ground::new();
    let Some(mut command) = on_a_small_disk(&ground, 8_192) else {
        return;
    };
    let mut till = Console::start(&mut command);
    till.wait(&["[keypad] 0.00"]);
    till.type_line("5.00 281234567890990001");
    till.wait(&["[keypad]", "(J01"]);
    till.type_line("6.00");
    till.wait(&["the amount was not taken"]);
    let ran = till.quit();
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(!ran.err.contains("sale opened"), "{ran:#?}");
    ran.clear();
}
