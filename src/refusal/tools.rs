//! The tools on the screen of a terminal that does not start: start again, the network, logs for the hotline, the way
//! back.
//!
//! Owns what a tap there means, and when the start is tried again by itself. Opens no journal and sends no sale.

use std::path::PathBuf;
use std::time::Duration;

use shouyin::clock::Clock;
use shouyin::limits::{PIN_DIGITS_MAX, PIN_DIGITS_MIN};
use shouyin::people::{Approver, Pin, Role};
use shouyin::terminal::{SupportAsk, proven_role};
use shouyin::update::store::{Store, report};
use shouyin::update::way_back;
use shouyin::view::pages::{Approval, ApprovePage};
use shouyin::view::{
    Cause, CodeEntry, Intent, MaintainWish, Notice, Page, PinNote, Screen, StoppedPage,
    StoppedWish, SupportState, Tap, Tools, UpdateNote, WayBack, format,
};
use tokio::sync::{mpsc, watch};

use super::line::{self, Line, Then};

/// What the installer says; it is the system's, and not in the data directory.
const REPORT: &str = "/run/shouyin-updater/report";
/// The clock on the screen moves, and the installer's report comes some time after the start.
const GLANCE: Duration = Duration::from_secs(1);
/// A machine that was asked to start anew is gone by then.
const RESTART: Duration = Duration::from_secs(180);

/// How the screen ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// 重试.
    Retry,
    /// Nobody touched it for long enough.
    ByItself,
    /// The program was interrupted, or the window closed.
    Over,
}

/// Which page is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Face {
    Stopped,
    Logs,
    Network,
    Pin(For),
}

/// What the PIN is typed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum For {
    Back,
    Network,
}

/// Everything behind the screen.
pub struct Desk {
    /// The first screen; its status bar stays.
    pub screen: Screen,
    /// Why it does not start.
    pub cause: Cause,
    /// After this long without a touch the start is tried again.
    pub again: Duration,
    /// Asks for a PIN before the way back; none where none can be read: the button has to be held.
    pub approver: Option<Box<dyn Approver>>,
    /// The running version of the boot image, where it is one.
    pub image: Option<u32>,
    /// The data directory.
    pub data: PathBuf,
    /// Makes reports.
    pub asks: mpsc::Sender<SupportAsk>,
    /// How the report stands.
    pub reports: watch::Receiver<SupportState>,
    /// The network; none where its task could not start.
    pub line: Option<Line>,
}

/// The loop's own.
struct Loop {
    desk: Desk,
    face: Face,
    told: Option<Cause>,
    pin: CodeEntry,
    leaving: bool,
    back: Option<u32>,
    clock: Clock,
    /// Where it is told that the machine did not start anew.
    stays: mpsc::Sender<()>,
}

/// Shows the tools until one of them ends the screen.
pub async fn serve(
    desk: Desk,
    mut taps: mpsc::Receiver<Tap>,
    screens: watch::Sender<Option<Screen>>,
) -> End {
    let (stays, mut stayed) = mpsc::channel(1);
    let mut own = Loop {
        desk,
        face: Face::Stopped,
        told: None,
        pin: CodeEntry::default(),
        leaving: false,
        back: None,
        clock: Clock::start(),
        stays,
    };
    let mut glances = tokio::time::interval(GLANCE);
    // One for all turns: a signal between two of them is not lost.
    let mut interrupted = Box::pin(tokio::signal::ctrl_c());
    let mut rest = Box::pin(tokio::time::sleep(own.desk.again));
    loop {
        own.publish(&screens);
        tokio::select! {
            tap = taps.recv() => {
                let Some(tap) = tap else { return End::Over };
                rest = Box::pin(tokio::time::sleep(own.desk.again));
                if own.tap(tap) {
                    return End::Retry;
                }
            }
            Ok(()) = own.desk.reports.changed() => {}
            () = line::news(own.desk.line.as_mut()) => {}
            _ = glances.tick() => own.look(),
            Some(()) = stayed.recv() => {
                own.leaving = false;
                own.told = Some(Cause::Update(UpdateNote::NotInstalled));
            }
            // Who reads a code, or waits for the other version, is not interrupted.
            () = &mut rest, if own.face == Face::Stopped && !own.leaving => return End::ByItself,
            _ = &mut interrupted => return End::Over,
        }
    }
}

impl Loop {
    /// Whether there is a way back is said by the installer, some time after the start.
    fn look(&mut self) {
        let told = report(REPORT.as_ref()).and_then(|report| report.back);
        self.back = self.desk.image.and(told);
    }

    fn publish(&self, screens: &watch::Sender<Option<Screen>>) {
        let mut screen = self.desk.screen.clone();
        screen.status.clock = format::clock(self.clock.now().utc);
        screen.page = self.page();
        screens.send_if_modified(|shown| {
            let news = shown.as_ref() != Some(&screen);
            *shown = Some(screen);
            news
        });
    }

    fn page(&self) -> Page {
        let told = self.told.clone().map(Into::into);
        match self.face {
            Face::Stopped => self.stopped(told),
            Face::Logs => Page::Support((&*self.desk.reports.borrow()).into()),
            Face::Network => match &self.desk.line {
                Some(line) => Page::Network(line.page(self.told.as_ref())),
                None => self.stopped(told),
            },
            Face::Pin(of) => Page::Approve(ApprovePage {
                amount: String::new(),
                of: match of {
                    For::Back => Approval::UpdateBack(self.back.unwrap_or_default()),
                    For::Network => Approval::Network,
                },
                role: Role::Supervisor,
                typed: self.pin.typed(),
                can_send: self.pin.typed() >= PIN_DIGITS_MIN,
                checking: false,
                notice: told,
            }),
        }
    }

    fn stopped(&self, told: Option<Notice>) -> Page {
        Page::OutOfService(StoppedPage {
            notice: self.desk.cause.clone().into(),
            tools: Some(Tools {
                network: self.desk.line.is_some(),
                back: self.back.map(|version| WayBack {
                    version,
                    held: self.desk.approver.is_none(),
                }),
                leaving: self.leaving,
            }),
            told,
        })
    }

    /// Another page: taps that were meant for the one before are not meant for it.
    fn turn_to(&mut self, face: Face) {
        self.face = face;
        self.told = None;
        self.pin.take();
        self.desk.screen.seq += 1;
    }

    /// Follows a tap; true for 重试.
    fn tap(&mut self, tap: Tap) -> bool {
        if let Intent::SetLanguage(language) = tap.intent {
            self.desk.screen.status.language = language;
        } else if let Intent::SetTheme(theme) = tap.intent {
            self.desk.screen.status.theme = theme;
        }
        if tap.seq != self.desk.screen.seq || self.leaving {
            return false;
        }
        if tap.intent == Intent::Back {
            self.step_back();
            return false;
        }
        match self.face {
            Face::Stopped => self.tap_stopped(tap.intent),
            Face::Logs => {
                if tap.intent == Intent::Maintain(MaintainWish::SendLogs) {
                    self.ask(SupportAsk::Send);
                }
                false
            }
            Face::Network => {
                self.tap_network(tap.intent);
                false
            }
            Face::Pin(of) => {
                self.tap_pin(tap.intent, of);
                false
            }
        }
    }

    fn step_back(&mut self) {
        let to = match (self.face, &mut self.desk.line) {
            (Face::Pin(For::Network), Some(line)) => {
                line.refuse();
                Face::Network
            }
            (Face::Network, Some(line)) => {
                if line.back() {
                    Face::Network
                } else {
                    Face::Stopped
                }
            }
            (Face::Network | Face::Pin(_) | Face::Logs | Face::Stopped, _) => Face::Stopped,
        };
        self.turn_to(to);
    }

    fn tap_network(&mut self, intent: Intent) {
        let (Intent::Network(wish), Some(line)) = (intent, &mut self.desk.line) else {
            return;
        };
        let then = line.tap(wish, self.clock.now().tick);
        self.told = None;
        self.network_then(then);
    }

    fn network_then(&mut self, then: Then) {
        match then {
            Then::Stay => {}
            Then::Tell(note) => self.told = Some(Cause::Network(note)),
            Then::AskPin if self.desk.approver.is_some() => {
                self.turn_to(Face::Pin(For::Network));
            }
            // Without settings nobody can be asked, and nothing of the line is changed.
            Then::AskPin => {
                if let Some(line) = &mut self.desk.line {
                    line.refuse();
                }
                self.told = Some(Cause::Pin(PinNote::NotSet));
            }
        }
    }

    fn tap_stopped(&mut self, intent: Intent) -> bool {
        let Intent::Stopped(wish) = intent else {
            return false;
        };
        let asks_pin = self.desk.approver.is_some();
        match (wish, self.back) {
            (StoppedWish::Retry, _) => return true,
            (StoppedWish::Logs, _) => {
                self.turn_to(Face::Logs);
                self.ask(SupportAsk::Collect);
            }
            (StoppedWish::Network, _) => {
                if let Some(line) = &mut self.desk.line {
                    line.open();
                    self.turn_to(Face::Network);
                }
            }
            (StoppedWish::Back, Some(_)) if asks_pin => self.turn_to(Face::Pin(For::Back)),
            (StoppedWish::BackHeld, Some(version)) if !asks_pin => self.go_back(version),
            (StoppedWish::Back | StoppedWish::BackHeld, _) => {}
        }
        false
    }

    fn ask(&self, ask: SupportAsk) {
        if let Err(problem) = self.desk.asks.try_send(ask) {
            tracing::warn!(%problem, "no report is made");
        }
    }

    fn tap_pin(&mut self, intent: Intent, of: For) {
        if let Intent::PinDigit(digit) = intent {
            if self.pin.typed() < PIN_DIGITS_MAX {
                self.pin.digit(digit);
            }
        } else if intent == Intent::PinBackspace {
            self.pin.backspace();
        } else if intent == Intent::PinSend {
            self.told = self.check_pin();
            if self.told.is_none() {
                self.pin_right(of);
            }
        }
    }

    fn pin_right(&mut self, of: For) {
        match (of, self.back, &mut self.desk.line) {
            (For::Network, _, Some(line)) => {
                let then = line.approve(self.clock.now().tick);
                self.turn_to(Face::Network);
                self.network_then(then);
            }
            (For::Back, Some(version), _) => {
                self.turn_to(Face::Stopped);
                self.go_back(version);
            }
            (For::Network | For::Back, _, _) => self.turn_to(Face::Stopped),
        }
    }

    /// Returns why the PIN was not taken.
    fn check_pin(&mut self) -> Option<Cause> {
        let typed = self.pin.take();
        // The keys let no other text through.
        let (Ok(pin), Some(approver)) = (Pin::typed(&typed), &mut self.desk.approver) else {
            return Some(Cause::Pin(PinNote::NotSet));
        };
        let answer = approver.approve(Role::Supervisor, &pin, self.clock.now().tick);
        proven_role(&answer).err()
    }

    /// Asks the installer; the machine starts anew when it did it.
    fn go_back(&mut self, version: u32) {
        let Some(running) = self.desk.image else {
            return;
        };
        tracing::warn!(running, version, "the earlier version is gone back to");
        (self.leaving, self.told) = (true, None);
        let number = u64::try_from(self.clock.now().utc.0).unwrap_or_default();
        let (data, stays) = (self.desk.data.clone(), self.stays.clone());
        tokio::spawn(async move {
            let versions = (running, version);
            let gone = match Store::open(&data) {
                Ok(store) => way_back::go(&store, REPORT.as_ref(), versions, number).await,
                Err(error) => Err(error.into()),
            };
            match gone {
                Ok(()) => tokio::time::sleep(RESTART).await,
                Err(problem) => tracing::error!(%problem, "it is not gone back to"),
            }
            // The screen may have ended meanwhile.
            stays.send(()).await.ok();
        });
    }
}
