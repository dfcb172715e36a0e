//! Updates over the whole till: the sandbox's server, the real updater, and the real installer on a machine made of
//! files. Sales are never in its way, and it is never in theirs.

use std::path::PathBuf;
use std::time::Duration;

use shouyin::terminal::UpdaterParts;
use shouyin::update::rule::Window;
use shouyin::update::shared::Wish;
use shouyin::update::store::Fate;
use shouyin::view::{Intent, MaintainWish, Page, UpdatePage, UpdateStage, UpdateWish};
use tempfile::TempDir;

use super::fetching::{Stand, kernel, slot};
use super::installer::{After, Places, kernels, work};
use crate::till::{PIN, Plan, Till, keypad_tells, runtime, sandbox, start};

const RUNNING: u32 = 2;

/// The machine around a till: its slot, its boot partition and its installer.
struct Machine {
    dir: TempDir,
    stand: Stand,
    places: Places,
    _sandbox: shouyin::sim::Running,
}

impl Machine {
    async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let running = sandbox(&dir).await;
        let stand = Stand::new(&dir, &running);
        let boot = dir.path().join("boot");
        std::fs::create_dir(&boot).unwrap();
        for version in [1, RUNNING] {
            std::fs::write(boot.join(kernels::proven(version)), kernel(version)).unwrap();
        }
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("slot"), slot(1)).unwrap();
        let places = Places {
            folder: stand.folder.clone(),
            keys: stand.signer.public.clone(),
            slot: at("slot"),
            boot,
            report: at("report"),
            running: RUNNING,
        };
        work::report(&places, None, None).unwrap();
        Self {
            dir,
            stand,
            places,
            _sandbox: running,
        }
    }

    async fn till(&self, running: Option<u32>, window: Option<Window>) -> Till {
        let file = self.dir.path().join("sandbox/terminal.toml");
        let mut plan = Plan::new(&[file], self.dir.path().join("data"));
        plan.update = Some(UpdaterParts {
            server: self.stand.server(),
            keys: self.stand.signer.keys(),
            store: self.stand.store.clone(),
            running,
            report: self.places.report.clone(),
            window,
            every: Duration::from_secs(3600),
            first_number: 100,
        });
        start(plan, |lakala| lakala).await
    }

    fn wish(&self) -> PathBuf {
        self.stand.folder.join("apply")
    }

    /// Does the next wish as the system's path unit does.
    async fn install(&self) -> After {
        let came = async {
            while !self.wish().exists() {
                tokio::task::yield_now().await;
            }
        };
        let came = tokio::time::timeout(Duration::from_secs(60), came).await;
        came.expect("the terminal wishes for something");
        work::serve(&self.places).unwrap()
    }
}

/// A window around this very minute.
fn now() -> Window {
    let now = time::OffsetDateTime::now_utc();
    let minute = (u16::from(now.hour()) * 60 + u16::from(now.minute()) + 8 * 60) % 1440;
    Window::new((minute + 1380) % 1440, (minute + 60) % 1440).unwrap()
}

impl Till {
    async fn update_page(&mut self, what: &str, found: impl Fn(&UpdatePage) -> bool) -> UpdatePage {
        let is_it = move |page: &Page| matches!(page, Page::Update(page) if found(page));
        match self.wait(what, is_it).await {
            Page::Update(page) => page,
            other => panic!("{other:?}"),
        }
    }

    async fn show_update(&mut self) {
        self.home().await;
        self.tap(Intent::ShowRecords).await;
        self.wait(
            "records",
            |page| matches!(page, Page::Records(page) if page.can_maintain),
        )
        .await;
        self.tap(Intent::Maintain(MaintainWish::Show)).await;
        self.wait(
            "maintenance",
            |page| matches!(page, Page::Maintenance(page) if page.can_update),
        )
        .await;
        self.tap(Intent::Update(UpdateWish::Show)).await;
        self.update_page("updates", |_| true).await;
    }

    async fn approves(&mut self, pin: &str) {
        self.wait("approve", |page| matches!(page, Page::Approve(_)))
            .await;
        for digit in pin.bytes() {
            self.tap(Intent::PinDigit(digit - b'0')).await;
        }
        self.tap(Intent::PinSend).await;
    }

    async fn is_told(&mut self, code: &'static str) {
        let tells = move |page: &Page| {
            let notice = match page {
                Page::Update(page) => page.notice.as_ref(),
                Page::Approve(page) => page.notice.as_ref(),
                _ => None,
            };
            notice.is_some_and(|notice| notice.code == code)
        };
        self.wait(code, tells).await;
    }
}

const fn is_ready(page: &UpdatePage) -> bool {
    matches!(page.stage, UpdateStage::Ready)
}

#[test]
fn a_supervisor_installs_what_lies_ready_and_the_machine_starts_anew() {
    runtime().block_on(async {
        let machine = Machine::new().await;
        machine.stand.serve(3, 1, &machine.stand.signer);
        let mut till = machine.till(Some(RUNNING), None).await;
        till.sell(1_280, "281234567890153411").await;
        till.settle().await;
        till.show_update().await;
        let page = till.update_page("it lies ready", is_ready).await;
        assert_eq!((page.running, page.offered), (Some(2), Some(3)));
        assert_eq!(page.notes, "更快");
        assert!(page.can_install && !page.despite);
        // The batch holds a sale: it has to be closed, or meant.
        till.tap(Intent::Update(UpdateWish::Install)).await;
        till.is_told("V08").await;
        till.tap(Intent::Update(UpdateWish::Install)).await;
        till.approves("111222").await;
        till.is_told("A11").await;
        assert!(!machine.wish().exists(), "nobody approved");
        till.approves(PIN).await;
        assert_eq!(machine.install().await, After::Nothing(None));
        assert_eq!(std::fs::read(&machine.places.slot).unwrap(), slot(3));
        assert!(machine.places.boot.join(kernels::new(3)).exists());
        // Then the machine starts anew by itself, and nothing is sold while it does.
        assert_eq!(machine.install().await, After::Restart);
        let restarts = |page: &UpdatePage| page.stage == UpdateStage::Restarting;
        till.update_page("it starts anew", restarts).await;
        till.home().await;
        till.tap(Intent::Digit(5)).await;
        till.wait(
            "an amount",
            |page| matches!(page, Page::Keypad(page) if page.can_charge),
        )
        .await;
        till.tap(Intent::Charge).await;
        till.wait("no sale", keypad_tells("V10")).await;
        till.stop().await;
    });
}

#[test]
fn in_the_window_it_is_installed_by_itself_but_not_before_the_batch_is_closed() {
    runtime().block_on(async {
        let machine = Machine::new().await;
        let mut till = machine.till(Some(RUNNING), Some(now())).await;
        till.sell(1_280, "281234567890153411").await;
        till.settle().await;
        till.show_update().await;
        till.update_page("it can be asked", |page| page.can_look)
            .await;
        machine.stand.serve(3, 1, &machine.stand.signer);
        till.tap(Intent::Update(UpdateWish::Look)).await;
        till.update_page("it lies ready", is_ready).await;
        till.home().await;
        till.close_batch(PIN).await;
        assert!(!machine.wish().exists(), "the batch was open until now");
        till.home().await;
        assert_eq!(machine.install().await, After::Nothing(None));
        assert_eq!(machine.install().await, After::Restart);
        till.stop().await;
    });
}

#[test]
fn the_version_before_is_gone_back_to_with_a_supervisors_word() {
    runtime().block_on(async {
        let machine = Machine::new().await;
        machine.stand.serve(RUNNING, 1, &machine.stand.signer);
        let mut till = machine.till(Some(RUNNING), None).await;
        till.show_update().await;
        let page = till
            .update_page("nothing newer", |page| page.can_look)
            .await;
        assert_eq!((page.back, page.offered), (Some(1), None));
        till.tap(Intent::Update(UpdateWish::Back)).await;
        till.approves(PIN).await;
        assert_eq!(machine.install().await, After::Nothing(None));
        assert!(
            machine
                .places
                .boot
                .join(kernels::given_up(RUNNING))
                .exists()
        );
        assert_eq!(machine.install().await, After::Restart);
        till.stop().await;
        // The older one tells at its start that the newer one was left, and does not install it again by itself.
        machine.stand.serve(RUNNING, 1, &machine.stand.signer);
        let mut till = machine.till(Some(1), Some(now())).await;
        till.wait("left", keypad_tells("V12")).await;
        till.show_update().await;
        let page = till.update_page("it lies ready", is_ready).await;
        assert!(page.tried && !machine.wish().exists());
        till.stop().await;
    });
}

#[test]
fn what_became_of_a_version_is_said_once() {
    runtime().block_on(async {
        let machine = Machine::new().await;
        let store = &machine.stand.store;
        for (tried, fate, code, left) in [
            (3, Fate::Chosen, "V01", None),
            (4, Fate::Chosen, "V02", Some((4, Fate::Told))),
            (4, Fate::Left, "V12", Some((4, Fate::Told))),
        ] {
            store.note_tried(tried, fate).unwrap();
            let mut till = machine.till(Some(3), None).await;
            till.wait(code, keypad_tells(code)).await;
            till.stop().await;
            assert_eq!(store.tried(), left, "{code}");
        }
    });
}

#[test]
fn a_way_back_that_waits_for_its_restart_is_told_after_it_only() {
    runtime().block_on(async {
        let machine = Machine::new().await;
        machine.stand.serve(4, 1, &machine.stand.signer);
        machine.stand.store.note_tried(3, Fate::Left).unwrap();
        let mut till = machine.till(Some(3), None).await;
        till.show_update().await;
        // The look comes after what is told of the start.
        let page = till.update_page("it lies ready", is_ready).await;
        assert_eq!(page.notice, None);
        till.stop().await;
        let mut till = machine.till(Some(2), None).await;
        till.wait("gone back", keypad_tells("V12")).await;
        till.stop().await;
    });
}

#[test]
fn what_the_installer_refuses_is_told_and_not_tried_again_by_itself() {
    runtime().block_on(async {
        let machine = Machine::new().await;
        machine.stand.serve(3, 1, &machine.stand.signer);
        // The running version has not proved itself: the other one must stay.
        let proven = machine.places.boot.join(kernels::proven(RUNNING));
        std::fs::rename(proven, machine.places.boot.join("shouyin_2+3-2.efi")).unwrap();
        let mut till = machine.till(Some(RUNNING), Some(now())).await;
        let After::Nothing(Some(_)) = machine.install().await else {
            panic!("it was installed");
        };
        till.show_update().await;
        till.is_told("V09").await;
        let page = till.update_page("still ready", is_ready).await;
        assert!(page.tried, "only a supervisor begins it again");
        assert_eq!(std::fs::read(&machine.places.slot).unwrap(), slot(1));
        till.stop().await;
    });
}

#[test]
fn failures_of_the_server_have_their_codes_and_another_system_is_left_alone() {
    runtime().block_on(async {
        let machine = Machine::new().await;
        machine.stand.serve(3, 1, &machine.stand.signer);
        machine.stand.fault("hash");
        let mut till = machine.till(Some(RUNNING), None).await;
        till.show_update().await;
        till.is_told("V05").await;
        machine.stand.fault("cut");
        till.update_page("it can be asked", |page| page.can_look)
            .await;
        till.tap(Intent::Update(UpdateWish::Look)).await;
        till.is_told("V03").await;
        machine.stand.serve(9, 8, &machine.stand.signer);
        till.update_page("it can be asked", |page| page.can_look)
            .await;
        till.tap(Intent::Update(UpdateWish::Look)).await;
        till.is_told("V11").await;
        till.stop().await;
        let mut till = machine.till(None, Some(now())).await;
        till.show_update().await;
        let page = till.update_page("a package", |_| true).await;
        assert_eq!(page.running, None);
        assert!(!page.can_look && !page.can_install && page.back.is_none());
        till.stop().await;
    });
}

#[test]
fn a_wish_that_nobody_took_is_not_taken_after_a_start() {
    runtime().block_on(async {
        let machine = Machine::new().await;
        let request = shouyin::update::shared::Request {
            wish: Wish::Restart,
            number: 1,
        };
        machine.stand.store.wish(request).unwrap();
        let mut till = machine.till(Some(RUNNING), None).await;
        till.show_update().await;
        till.update_page("looked", |page| page.can_look).await;
        assert!(!machine.wish().exists());
        till.stop().await;
    });
}
