//! The stories of `tests/it/scenarios/reader.txt`, row by row.

use shouyin::card::WrappedKeys;
use shouyin::domain::{Money, Tick};
use shouyin::reader::event::{
    Answer, Ask, AskId, End, Prompt, ReaderError, ReaderEvent, TapRequest,
};
use shouyin::reader::neo2::{
    CardDecision, CardTransaction, Conversation, HostAnswer, Output, PinEnd, PinKey, PinRequest,
    Tapped,
};

use super::made::{self, Way, hex};
use super::wire::{reply_bytes, ui_bytes};

const STORIES: &str = include_str!("../scenarios/reader.txt");

/// The greeting and its answers.
pub fn greeting() -> Vec<Vec<u8>> {
    let ksn = [&[1, 10][..], &hex("62994900750002A00290")].concat();
    vec![
        reply_bytes(0x05, 0, &[]),
        reply_bytes(0x18, 0, &[]),
        reply_bytes(0x29, 0, b"NEO2"),
        reply_bytes(0x81, 0, b"\x01D0TE00"),
        reply_bytes(0x81, 0, &ksn),
        reply_bytes(0x81, 0, &ksn),
    ]
}

pub fn fen(yuan: &str) -> Money {
    Money::from_fen(yuan.replace('.', "").parse().unwrap()).unwrap()
}

fn way(word: &str) -> Way {
    match word {
        "contact" => Way::Contact,
        "tapped" => Way::Tapped,
        other => panic!("{other}"),
    }
}

fn wish(words: &[&str]) -> Ask {
    match words {
        ["info"] => Ask::Info,
        ["tap", yuan, seconds] => Ask::Tap(TapRequest {
            amount: fen(yuan),
            kind: CardTransaction::Sale,
            timeout_s: seconds.parse().unwrap(),
        }),
        ["pin", key, seconds] => Ask::Pin(PinRequest {
            key: if *key == "dukpt" {
                PinKey::Dukpt
            } else {
                PinKey::Session
            },
            timeout_s: seconds.parse().unwrap(),
        }),
        ["keys"] => Ask::LoadKeys(WrappedKeys::from_sign_in(&[7; 60]).unwrap()),
        ["complete"] => Ask::Complete(HostAnswer {
            response_code: *b"00",
            authentication: None,
            scripts: Vec::new(),
        }),
        other => panic!("{other:?}"),
    }
}

fn happen(talk: &mut Conversation, event: &str, at: Tick) -> Vec<Output> {
    let words: Vec<&str> = event.split_whitespace().collect();
    let tap = |data: Vec<u8>| reply_bytes(0x02, 0x23, &data);
    let byte = |word: &str| hex(word)[0];
    let number = |word: &str| AskId(word.parse().unwrap());
    match &words[..] {
        ["pass"] => Vec::new(),
        ["up"] => talk.line_up(at),
        ["down"] => talk.line_down(),
        ["ready"] => {
            talk.line_up(at);
            let told = greeting()
                .into_iter()
                .flat_map(|reply| talk.hear(&reply, at));
            let mut told: Vec<Output> = told.collect();
            told.split_off(told.len() - 1)
        }
        ["ask", ask, rest @ ..] => talk.ask(number(ask), wish(rest), at),
        ["cancel", ask] => talk.cancel(number(ask), at),
        ["reply", command, status, data @ ..] => {
            let reply = reply_bytes(byte(command), byte(status), &hex(&data.concat()));
            talk.hear(&reply, at)
        }
        ["ui", data @ ..] => talk.hear(&ui_bytes(&hex(&data.concat())), at),
        ["noise", data] => talk.hear(&hex(data), at),
        ["result", yuan, how] => {
            let data = made::online(fen(yuan).minor(), way(how));
            talk.hear(&tap(data), at)
        }
        ["half", "result", yuan, how] => {
            let whole = tap(made::online(fen(yuan).minor(), way(how)));
            talk.hear(&whole[..whole.len() / 2], at)
        }
        ["clear", yuan] => talk.hear(&tap(made::in_clear(fen(yuan).minor())), at),
        other => panic!("{other:?}"),
    }
}

/// An end in the words of the table.
fn end_words(end: &End) -> String {
    match end {
        End::Info(info) => format!("info {}", info.firmware),
        End::Tap(Tapped::Online(card)) => format!("online {:?} {}", card.entry, card.masked),
        End::Tap(other) => format!("{other:?}"),
        End::KeysLoaded => "keys loaded".to_owned(),
        End::Mac(mac) => format!("mac {}", data_encoding::HEXUPPER.encode(&mac.bytes())),
        End::Pin(PinEnd::Entered(pin)) => {
            let ksn = pin
                .ksn
                .map_or_else(|| "-".to_owned(), |ksn| ksn.to_string());
            format!("pin {ksn} {}", pin.block.bytes().len())
        }
        End::Pin(PinEnd::None(why)) => format!("no pin {why:?}"),
        End::Pin(PinEnd::Stopped) => "no pin, stopped".to_owned(),
        End::Completed(CardDecision::Approved(_)) => "card approves".to_owned(),
        End::Completed(CardDecision::Refused(_)) => "card refuses".to_owned(),
        End::Completed(CardDecision::Gone) => "card gone".to_owned(),
        End::Cancelled => "cancelled".to_owned(),
        End::TimedOut => "timed out".to_owned(),
        End::Failed(error) => format!("failed: {error}"),
    }
}

fn told(output: &Output, short: bool) -> Option<String> {
    Some(match output {
        Output::Send(_) => return None,
        Output::Reopen(ReaderError::NoAnswer(silence)) => format!("reopen {silence:?}"),
        Output::Reopen(error) => format!("reopen {error}"),
        Output::Tell(ReaderEvent::Ready(_)) if short => "ready".to_owned(),
        Output::Tell(ReaderEvent::Ready(info)) => format!(
            "ready {} data {:?} pin {:?}",
            info.firmware, info.data_key, info.pin_key
        ),
        Output::Tell(ReaderEvent::Prompt(Prompt::CardDetected)) => "card detected".to_owned(),
        Output::Tell(ReaderEvent::Prompt(Prompt::PinWanted)) => "pin wanted".to_owned(),
        Output::Tell(ReaderEvent::Prompt(Prompt::Message(number))) => format!("message {number}"),
        Output::Tell(ReaderEvent::Lost(why)) => format!("lost {why}"),
        Output::Tell(ReaderEvent::Answer(Answer { ask, end })) => {
            format!("{} {}", ask.0, end_words(end))
        }
    })
}

fn sent(output: &Output) -> Option<String> {
    let Output::Send(bytes) = output else {
        return None;
    };
    Some(format!("{:02X}-{:02X}", bytes[10], bytes[11]))
}

#[test]
fn the_stories_of_the_table_happen_as_written() {
    let mut stories = 0;
    let mut talk = Conversation::default();
    for (index, line) in STORIES.lines().enumerate() {
        if let Some(story) = line.strip_prefix("story ") {
            println!("{story}");
            talk = Conversation::default();
            stories += 1;
            continue;
        }
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let at = Tick(cells[0].parse().unwrap());
        let mut outputs = talk.tick(at);
        outputs.extend(happen(&mut talk, cells[1], at));
        let short = cells[1] == "ready";
        let all_sent: Vec<String> = outputs.iter().filter_map(sent).collect();
        let all_told: Vec<String> = outputs.iter().filter_map(|o| told(o, short)).collect();
        let row = format!("row {}: {line}", index + 1);
        assert_eq!(all_sent.join(" "), cells[2], "{row}");
        assert_eq!(
            all_told.join(", "),
            cells.get(3).copied().unwrap_or_default(),
            "{row}"
        );
        let shown = format!("{outputs:?}");
        assert!(!shown.contains("6216261000"), "{row}");
    }
    assert!(stories >= 20, "{stories} stories");
}
