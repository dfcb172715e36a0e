//! Every kind of fault by name, and the places where one can strike.
//!
//! Owns the list (reliability.md 2.6) and its text form. What a fault does is told where it happens: `line` for
//! messages, `till` for disk and process, `world` for clocks and outages.

use std::fmt;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $key:literal, $group:ident, $most:literal;)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[$doc])* $name,)*
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns the word for it in files and reports.
            pub const fn key(self) -> &'static str {
                match self { $(Self::$name => $key,)* }
            }

            /// Returns what it strikes.
            pub const fn group(self) -> Group {
                match self { $(Self::$name => Group::$group,)* }
            }

            /// Returns how often it strikes at the most, in a thousand places.
            pub const fn most(self) -> u64 {
                match self { $(Self::$name => $most,)* }
            }
        }
    };
}

/// What a kind of fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// A message on its way.
    Net,
    /// The making of a connection.
    Tls,
    /// The acquirer.
    Acquirer,
    /// What an answer says.
    Message,
    /// The disk during an append.
    Disk,
    /// The process around an append.
    Process,
    /// The disk or the process during a boot.
    Boot,
    /// The printer while a slip is printed.
    Printer,
}

impl Group {
    /// Returns the word for it.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Net => "net",
            Self::Tls => "tls",
            Self::Acquirer => "acquirer",
            Self::Message => "message",
            Self::Disk => "disk",
            Self::Process => "process",
            Self::Boot => "boot",
            Self::Printer => "printer",
        }
    }

    /// Tells whether it strikes messages.
    pub const fn is_of_messages(self) -> bool {
        matches!(self, Self::Net | Self::Tls | Self::Acquirer | Self::Message)
    }
}

kinds! {
    /// The name is not found: nothing leaves.
    NoName = "no-name", Net, 60;
    /// Nobody takes the connection: nothing leaves.
    NotConnected = "not-connected", Net, 100;
    /// The request is lost.
    RequestLost = "request-lost", Net, 250;
    /// The connection is reset before the request is whole.
    RequestReset = "request-reset", Net, 60;
    /// The request arrives late.
    RequestLate = "request-late", Net, 250;
    /// The request arrives twice.
    RequestTwice = "request-twice", Net, 150;
    /// The answer is lost.
    AnswerLost = "answer-lost", Net, 250;
    /// The answer comes late.
    AnswerLate = "answer-late", Net, 250;
    /// The answer comes twice.
    AnswerTwice = "answer-twice", Net, 150;
    /// The connection is reset before the answer is whole.
    AnswerReset = "answer-reset", Net, 80;
    /// The answer drips until the time is up.
    SlowDrip = "slow-drip", Net, 40;
    /// The answer has ten megabytes.
    TooLong = "too-long", Net, 30;
    /// The answer has another length than it says.
    WrongLength = "wrong-length", Net, 30;
    /// Somebody else's page, status 200.
    Portal = "portal", Net, 60;
    /// The certificate is expired, not yet valid, for another name or from another authority.
    BadCertificate = "bad-certificate", Tls, 60;
    /// Only an old version of TLS is offered.
    OldTls = "old-tls", Tls, 30;
    /// The stream is closed in the middle of the request.
    ClosedMidway = "closed-midway", Tls, 50;
    /// The acquirer crashes before it books.
    CrashBefore = "crash-before", Acquirer, 80;
    /// The acquirer crashes after it has booked.
    CrashAfter = "crash-after", Acquirer, 100;
    /// Status 500 without having looked.
    ServerError = "server-error", Acquirer, 60;
    /// Status 429.
    TooMany = "too-many", Acquirer, 60;
    /// A maintenance page, status 503.
    Maintenance = "maintenance", Acquirer, 50;
    /// The acquirer works on it for long before it books and answers.
    SlowHost = "slow-host", Acquirer, 100;
    /// The answer is signed with a key that the terminal does not know.
    NewKey = "new-key", Acquirer, 50;
    /// A code that no list of the terminal holds, whatever was done.
    UnknownCode = "unknown-code", Message, 120;
    /// One bit is flipped.
    BitFlip = "bit-flip", Message, 80;
    /// The end is missing.
    Truncated = "truncated", Message, 60;
    /// "Paid", unsigned.
    Unsigned = "unsigned", Message, 80;
    /// "Paid", with the signature of another body.
    OtherSignature = "other-signature", Message, 60;
    /// A genuine answer about this order from before.
    Replay = "replay", Message, 60;
    /// A genuine answer about another order.
    OtherOrder = "other-order", Message, 120;
    /// An answer to another merchant, signed.
    OtherMerchant = "other-merchant", Message, 50;
    /// "Paid", signed, another amount.
    OtherAmount = "other-amount", Message, 80;
    /// A key that stands twice, signed.
    KeyTwice = "key-twice", Message, 40;
    /// A number of thirty digits, signed.
    HugeNumber = "huge-number", Message, 40;
    /// Bytes that are no text, signed.
    NotText = "not-text", Message, 40;
    /// The power goes at a change of the disk during the append.
    Cut = "cut", Disk, 40;
    /// An input/output error during the append.
    Eio = "eio", Disk, 20;
    /// From here on every operation fails, until the next start.
    EioForever = "eio-forever", Disk, 6;
    /// A sync fails.
    SyncError = "sync-error", Disk, 20;
    /// From here on every sync fails, until the next start.
    SyncErrorForever = "sync-error-forever", Disk, 6;
    /// The sync takes seconds.
    SlowSync = "slow-sync", Disk, 20;
    /// The power goes before anything is written.
    CutBefore = "cut-before", Disk, 10;
    /// The power goes after the append and before the commands.
    CutAfterStore = "cut-after-store", Disk, 15;
    /// The power goes after the commands and before the screen.
    CutAfterCommands = "cut-after-commands", Disk, 15;
    /// The process is killed at a change of the disk during the append.
    Kill = "kill", Process, 25;
    /// The process is killed before anything is written.
    KillBefore = "kill-before", Process, 10;
    /// The process is killed after the append and before the commands.
    KillAfterStore = "kill-after-store", Process, 12;
    /// The process is killed after the first command.
    KillAfterCommand = "kill-after-command", Process, 12;
    /// The process is killed after the commands and before the screen.
    KillAfterCommands = "kill-after-commands", Process, 12;
    /// The power goes during the boot.
    BootCut = "boot-cut", Boot, 150;
    /// The process is killed during the boot.
    BootKill = "boot-kill", Boot, 80;
    /// An input/output error during the boot.
    BootEio = "boot-eio", Boot, 80;
    /// A sync fails during the boot.
    BootSyncError = "boot-sync-error", Boot, 60;
    /// A bit of the journal has rotted since the last run of the program.
    BootRot = "boot-rot", Boot, 60;
    /// Somebody put back the journal as it was at the start before.
    BootOldImage = "boot-old-image", Boot, 60;
    /// The paper ends in the middle of a slip.
    PaperOut = "paper-out", Printer, 200;
    /// The paper jams in the middle of a slip.
    Jam = "jam", Printer, 100;
    /// The printer is switched off before a slip.
    PrinterOff = "printer-off", Printer, 150;
    /// The power goes in the middle of a slip.
    PrintCut = "print-cut", Printer, 60;
    /// The power goes when a slip is on paper and that is not stored.
    PrintCutLate = "print-cut-late", Printer, 60;
    /// The process is killed in the middle of a slip.
    PrintKill = "print-kill", Printer, 60;
    /// The power goes while it is stored that a slip begins.
    PrintCutStoring = "print-cut-storing", Printer, 60;
}

impl Kind {
    /// Finds a kind by its word.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.key() == key)
    }

    /// Tells whether the disk lost or changed something that it had taken for good.
    pub const fn is_decay(self) -> bool {
        matches!(self, Self::BootRot | Self::BootOldImage)
    }

    /// Tells whether the power goes.
    pub const fn is_power_cut(self) -> bool {
        matches!(
            self,
            Self::Cut
                | Self::CutBefore
                | Self::CutAfterStore
                | Self::CutAfterCommands
                | Self::BootCut
                | Self::PrintCut
                | Self::PrintCutLate
                | Self::PrintCutStoring
        )
    }
}

/// Where a fault strikes. Counted from 1, so that taking one fault out of a run leaves most other places as they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The n-th request of a sale, over all starts.
    Send(u32, u32),
    /// The n-th append that begins with a fact of a sale, over all starts; sale 0 is the start itself.
    Store(u32, u32),
    /// The n-th boot, failed ones included.
    Boot(u32),
    /// The n-th time that a slip of a sale is begun, over all starts.
    Print(u32, u32),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(sale, number) => write!(f, "send {sale}.{number}"),
            Self::Store(sale, number) => write!(f, "store {sale}.{number}"),
            Self::Boot(number) => write!(f, "boot {number}"),
            Self::Print(sale, number) => write!(f, "print {sale}.{number}"),
        }
    }
}

/// One fault: a kind, and a number whose meaning is the kind's: milliseconds, or the operation that is struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Which kind.
    pub kind: Kind,
    /// Its number.
    pub number: u64,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.key(), self.number)
    }
}
