//! What a frame means to the conversation, given what is under way.
//!
//! Owns the reactions to replies, prompts and late results. A frame that nobody asked for changes nothing.

use super::{Conversation, Running, State, Work};
use crate::card::CardEntry;
use crate::domain::{Money, Tick};
use crate::reader::event::{AskId, End, Prompt, ReaderError, ReaderEvent, ReaderInfo};
use crate::reader::neo2::frame::{Frame, Reply, UiFrame};
use crate::reader::neo2::questions::Questions;
use crate::reader::neo2::result::{CardTransaction, Tapped, read_result};
use crate::reader::neo2::status::Status;
use crate::reader::neo2::{CardDecision, PinKey, command, completion, mac, pin};

impl Conversation {
    pub(super) fn frame(&mut self, frame: Frame, at: Tick) {
        match frame {
            Frame::Ui(frame) => self.prompt(&frame),
            Frame::Reply(reply) => self.reply(&reply, at),
        }
    }

    fn prompt(&mut self, frame: &UiFrame) {
        let shows = matches!(
            &self.state,
            State::Running(Running {
                work: Work::Tap { .. } | Work::Complete,
                ..
            })
        );
        // 03 is the display; lamps (01) are the reader's own affair.
        if let (true, [3, message, ..]) = (shows, &frame.data[..]) {
            self.tell(ReaderEvent::Prompt(Prompt::Message(*message)));
        }
    }

    fn reply(&mut self, reply: &Reply, at: Tick) {
        let result_of_a_tap =
            reply.command == command::ACTIVATE.0 && reply.status != Status::UiEvent;
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Settling(_) if result_of_a_tap => self.rest(at),
            State::Running(running) => self.reply_while_running(running, reply, at),
            // A frame that nobody asked for.
            other @ (State::Down | State::Idle | State::Settling(_)) => self.state = other,
        }
    }

    fn reply_while_running(&mut self, mut running: Running, reply: &Reply, at: Tick) {
        let result_of_a_tap =
            reply.command == command::ACTIVATE.0 && reply.status != Status::UiEvent;
        if let Work::Cancelling { end, since, late } = running.work {
            return self.reply_to_cancel(
                Running {
                    work: Work::Cancelling {
                        end,
                        since,
                        late: late || result_of_a_tap,
                    },
                    ..running
                },
                reply,
                at,
            );
        }
        if reply.command != running.command {
            self.state = State::Running(running);
            return;
        }
        let ask = running.ask;
        match &mut running.work {
            Work::Greet => self.question(None, Questions::default(), at),
            Work::Questions(questions) => {
                let mut questions = std::mem::take(questions);
                match questions.hear(reply) {
                    Ok(None) => self.question(ask, questions, at),
                    Ok(Some(info)) => self.known(ask, info, at),
                    Err(error) if ask.is_none() => self.give_up(error),
                    Err(error) => self.finish(ask, End::Failed(error), at),
                }
            }
            Work::Tap { amount, kind } => {
                if reply.status == Status::UiEvent {
                    if reply.data.first() == Some(&1) {
                        self.tell(ReaderEvent::Prompt(Prompt::CardDetected));
                    }
                    self.state = State::Running(running);
                    return;
                }
                let end = tapped(reply, *amount, *kind);
                self.chip_waits = is_inserted(&end);
                self.finish(ask, end, at);
            }
            Work::Keys(left) => {
                let left = std::mem::take(left);
                match refused(reply.status) {
                    None => self.next_key(ask, left, at),
                    Some(error) => self.finish(ask, End::Failed(error), at),
                }
            }
            Work::Mac => self.finish(ask, made(reply), at),
            Work::Pin { .. } => self.reply_to_pin(running, reply, at),
            Work::Complete => {
                if reply.status == Status::Accepted || reply.status == Status::UiEvent {
                    self.state = State::Running(running);
                    return;
                }
                self.finish(ask, last_word(reply), at);
            }
            Work::Cancelling { .. } => {}
        }
    }

    fn reply_to_pin(&mut self, mut running: Running, reply: &Reply, at: Tick) {
        let Work::Pin {
            key,
            accepted,
            timeout_ms,
        } = &mut running.work
        else {
            return;
        };
        let end = match refused(reply.status) {
            Some(_) if reply.status == Status::TimedOut => End::TimedOut,
            Some(error) => {
                if !*accepted && *key == PinKey::Session {
                    // Nothing began, so nothing has to be waited for.
                    self.next_pin = at;
                }
                End::Failed(error)
            }
            None if !*accepted && reply.data.is_empty() => {
                *accepted = true;
                self.tell(ReaderEvent::Prompt(Prompt::PinWanted));
                if *key == PinKey::Session {
                    // The reader counts from when it took the command, which may be long after we wrote it.
                    self.next_pin = at.after_ms(super::PIN_PAUSE_MS);
                }
                running.deadline = at.after_ms(*timeout_ms + super::PIN_GRACE_MS);
                self.state = State::Running(running);
                return;
            }
            None if !*accepted => {
                // Without its first reply this may be an older entry's.
                self.state = State::Running(running);
                return;
            }
            None => match pin::read(&reply.data, *key) {
                Ok(end) => End::Pin(end),
                Err(problem) => End::Failed(ReaderError::Malformed(problem)),
            },
        };
        self.finish(running.ask, end, at);
    }

    /// Waits for the cancel's own reply; everything else is a late result, which is dropped.
    fn reply_to_cancel(&mut self, running: Running, reply: &Reply, at: Tick) {
        let obeyed = reply.command == running.command && reply.data.is_empty();
        let Work::Cancelling { end, since, late } = running.work else {
            return;
        };
        if !obeyed {
            let work = Work::Cancelling { end, since, late };
            self.state = State::Running(Running { work, ..running });
            return;
        }
        if let Some(ask) = running.ask {
            self.answer(ask, end);
        }
        if late {
            self.rest(at);
        } else {
            self.state = State::Settling(since.after_ms(super::SETTLE_MS).max(at));
        }
    }

    fn known(&mut self, ask: Option<AskId>, info: ReaderInfo, at: Tick) {
        self.info = Some(info.clone());
        if ask.is_none() {
            self.tell(ReaderEvent::Ready(info.clone()));
        }
        self.finish(ask, End::Info(info), at);
    }
}

/// Says whether an inserted card waits for the host's answer.
fn is_inserted(end: &End) -> bool {
    let End::Tap(Tapped::Online(card)) = end else {
        return false;
    };
    card.entry == CardEntry::Contact
}

fn refused(status: Status) -> Option<ReaderError> {
    if status == Status::Tampered {
        return Some(ReaderError::Tampered);
    }
    (status != Status::Ok).then_some(ReaderError::Refused(status))
}

/// Reads a card's last word. A failure with data may say why; it is never an approval.
fn last_word(reply: &Reply) -> End {
    let read = completion::read(&reply.data);
    match (refused(reply.status), read) {
        (Some(error), Ok(CardDecision::Approved(_)) | Err(_)) => End::Failed(error),
        (_, Ok(word)) => End::Completed(word),
        (None, Err(error)) => End::Failed(error.into()),
    }
}

/// Reads the answer to a MAC that was asked for.
fn made(reply: &Reply) -> End {
    match refused(reply.status) {
        Some(ReaderError::Refused(Status::Key)) => End::Failed(ReaderError::KeyAbsent),
        Some(error) => End::Failed(error),
        None => mac::read(reply).map_or_else(End::Failed, End::Mac),
    }
}

fn tapped(reply: &Reply, amount: Money, kind: CardTransaction) -> End {
    let failed = reply.status == Status::Failed && !reply.data.is_empty();
    if reply.status == Status::TimedOut {
        return End::TimedOut;
    }
    if let Some(error) = refused(reply.status)
        && reply.status != Status::GoOnline
        && !failed
    {
        return End::Failed(error);
    }
    match read_result(&reply.data, amount, kind) {
        // A failure with data says why; it is never evidence.
        Ok(Tapped::Online(_)) if failed => End::Failed(ReaderError::Refused(Status::Failed)),
        Ok(tapped) => End::Tap(tapped),
        Err(error) => End::Failed(error.into()),
    }
}
