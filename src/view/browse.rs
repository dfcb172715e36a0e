//! Browsing the records: which of them are listed, what is typed to find one, and the pages where that is chosen.
//!
//! Owns the choices and what they mean as a [`Filter`]. Reads nothing: the driver does. Forgettable, like the desk.

use super::desk::{AmountEntry, DeskPage};
use super::notice::Notice;
use super::statistics::{By, Span};
use crate::domain::{Channel, Days, Filter, FilterKind, FilterState, LocalDay, Money, OperatorNo};

/// Longest number that is looked for.
const NUMBER_DIGITS_MAX: usize = 32;
const TAIL_DIGITS: usize = 4;
/// `yyyymmdd`.
const DAY_DIGITS: usize = 8;

/// Of which days records are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// 今天.
    Today,
    /// 昨天.
    Yesterday,
    /// 本周, from Monday on.
    Week,
    /// 本月.
    Month,
    /// One day that was typed.
    Day(LocalDay),
    /// 全部.
    All,
}

impl Period {
    /// Returns its days; none for all of them.
    pub fn days(self, today: LocalDay) -> Option<Days> {
        let from = match self {
            Self::Today => today,
            Self::Yesterday => return Some(Days::one(today.plus(-1))),
            Self::Week => today.week(),
            Self::Month => today.month(),
            Self::Day(day) => return Some(Days::one(day)),
            Self::All => return None,
        };
        let to = today.plus(1);
        Some(Days { from, to })
    }
}

/// What records are filtered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// 日期.
    Period,
    /// 类型.
    Kind,
    /// 状态.
    State,
    /// 渠道.
    Channel,
    /// 操作员.
    Operator,
    /// 金额.
    Amount,
    /// 卡号后四位.
    CardTail,
}

impl Field {
    /// Every field, in the order of the page.
    pub const ALL: [Self; 7] = [
        Self::Period,
        Self::Kind,
        Self::State,
        Self::Channel,
        Self::Operator,
        Self::Amount,
        Self::CardTail,
    ];
}

/// One value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Not filtered by it.
    All,
    /// Days.
    Period(Period),
    /// A day to be typed.
    PickDay,
    /// A kind.
    Kind(FilterKind),
    /// A state.
    State(FilterState),
    /// A wallet.
    Channel(Channel),
    /// An operator, an amount or the end of a card number, ready to show.
    Text(String),
}

/// What the number keypad types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typing {
    /// A number to look for.
    Number,
    /// The amount of the filter.
    Amount,
    /// The last four digits of a card.
    CardTail,
    /// A day, `yyyymmdd`.
    Day,
}

/// What is chosen and typed.
#[derive(Clone, Debug)]
pub struct Browse {
    /// Days.
    pub period: Period,
    /// Kind.
    pub kind: Option<FilterKind>,
    /// State.
    pub state: Option<FilterState>,
    /// Wallet.
    pub channel: Option<Channel>,
    /// Person.
    pub operator: Option<OperatorNo>,
    /// Amount.
    pub amount: Option<Money>,
    /// End of a card number.
    pub card_tail: Option<String>,
    /// The number whose records are listed instead.
    pub searched: Option<String>,
    /// The field whose values are shown.
    pub choosing: Field,
    /// What the keypad types.
    pub typing: Typing,
    /// Where its page was opened from.
    pub typed_from: DeskPage,
    /// The typed digits.
    pub typed: String,
    /// The typed amount.
    pub sum: AmountEntry,
    /// The statistics' span.
    pub span: Span,
    /// A day of it.
    pub day: LocalDay,
    /// What its figures are parted by.
    pub by: By,
}

impl Default for Browse {
    fn default() -> Self {
        Self {
            period: Period::Today,
            kind: None,
            state: None,
            channel: None,
            operator: None,
            amount: None,
            card_tail: None,
            searched: None,
            choosing: Field::Period,
            typing: Typing::Number,
            typed_from: DeskPage::Records,
            typed: String::new(),
            sum: AmountEntry::default(),
            span: Span::Day,
            day: LocalDay(0),
            by: By::Time,
        }
    }
}

impl Browse {
    /// Returns which records are listed.
    pub fn filter(&self, today: LocalDay) -> Filter {
        Filter {
            days: self.period.days(today),
            channel: self.channel,
            kind: self.kind,
            state: self.state,
            operator: self.operator.clone(),
            amount: self.amount,
            card_tail: self.card_tail.clone(),
        }
    }

    /// Lists today again, and everything of it.
    pub fn reset(&mut self) {
        *self = Self {
            span: self.span,
            day: self.day,
            by: self.by,
            ..Self::default()
        };
    }

    /// Counts what records are filtered by beside the days.
    pub fn filters(&self) -> usize {
        [
            self.kind.is_some(),
            self.state.is_some(),
            self.channel.is_some(),
            self.operator.is_some(),
            self.amount.is_some(),
            self.card_tail.is_some(),
        ]
        .into_iter()
        .filter(|set| *set)
        .count()
    }

    /// Tells whether sums of what is listed exist: they know no single amount, card or state.
    pub fn has_sums(&self) -> bool {
        let plain = !matches!(self.kind, Some(FilterKind::Hold | FilterKind::Completion));
        let whole = self.amount.is_none() && self.card_tail.is_none();
        plain && whole && matches!(self.state, None | Some(FilterState::Done))
    }

    /// Returns the value of a field.
    pub fn value(&self, field: Field) -> Choice {
        let text = |text: &OperatorNo| Choice::Text(text.to_string());
        let value = match field {
            Field::Period => Some(Choice::Period(self.period)),
            Field::Kind => self.kind.map(Choice::Kind),
            Field::State => self.state.map(Choice::State),
            Field::Channel => self.channel.map(Choice::Channel),
            Field::Operator => self.operator.as_ref().map(text),
            Field::Amount => self
                .amount
                .map(|sum| Choice::Text(super::format::amount(sum))),
            Field::CardTail => self.card_tail.clone().map(Choice::Text),
        };
        value.unwrap_or(Choice::All)
    }

    /// Returns the values that a field can have; none for one that is typed.
    pub fn choices(field: Field, operators: &[OperatorNo]) -> Vec<Choice> {
        let all = std::iter::once(Choice::All);
        match field {
            Field::Period => {
                let named = [
                    Period::Today,
                    Period::Yesterday,
                    Period::Week,
                    Period::Month,
                    Period::All,
                ];
                let named = named.into_iter().map(Choice::Period);
                named.chain([Choice::PickDay]).collect()
            }
            Field::Kind => all.chain(FilterKind::ALL.map(Choice::Kind)).collect(),
            Field::State => all.chain(FilterState::ALL.map(Choice::State)).collect(),
            Field::Channel => all.chain(Channel::ALL.map(Choice::Channel)).collect(),
            Field::Operator => {
                let numbers = operators.iter().map(|n| Choice::Text(n.to_string()));
                all.chain(numbers).collect()
            }
            Field::Amount | Field::CardTail => Vec::new(),
        }
    }

    /// Takes a value of the field that is being chosen.
    pub fn choose(&mut self, choice: &Choice) {
        match (self.choosing, choice) {
            (Field::Period, Choice::Period(period)) => self.period = *period,
            (Field::Kind, Choice::Kind(kind)) => self.kind = Some(*kind),
            (Field::Kind, Choice::All) => self.kind = None,
            (Field::State, Choice::State(state)) => self.state = Some(*state),
            (Field::State, Choice::All) => self.state = None,
            (Field::Channel, Choice::Channel(channel)) => self.channel = Some(*channel),
            (Field::Channel, Choice::All) => self.channel = None,
            (Field::Operator, Choice::Text(number)) => self.operator = OperatorNo::new(number).ok(),
            (Field::Operator, Choice::All) => self.operator = None,
            _ => {}
        }
    }

    /// Begins to type.
    pub fn begin(&mut self, typing: Typing, from: DeskPage) {
        self.typing = typing;
        self.typed_from = from;
        self.typed.clear();
        self.sum = AmountEntry::default();
    }

    /// Types a digit; one too many is ignored.
    pub fn digit(&mut self, digit: u8) {
        let most = match self.typing {
            Typing::Amount => return self.sum.digit(digit),
            Typing::Number => NUMBER_DIGITS_MAX,
            Typing::CardTail => TAIL_DIGITS,
            Typing::Day => DAY_DIGITS,
        };
        if self.typed.len() < most {
            self.typed.push(char::from(b'0' + digit.min(9)));
        }
    }

    /// Types the dot of an amount.
    pub fn dot(&mut self) {
        if self.typing == Typing::Amount {
            self.sum.dot();
        }
    }

    /// Deletes the last key.
    pub fn backspace(&mut self) {
        if self.typing == Typing::Amount {
            self.sum.backspace();
        } else {
            self.typed.pop();
        }
    }

    /// Returns what is typed, ready to show.
    pub fn shown(&self) -> String {
        match self.typing {
            Typing::Amount => self.sum.shown(),
            Typing::Number | Typing::CardTail | Typing::Day => self.typed.clone(),
        }
    }

    /// Tells whether what is typed can be used. Nothing typed lifts a filter.
    pub fn can_send(&self) -> bool {
        match self.typing {
            Typing::Number => !self.typed.is_empty(),
            Typing::Amount => true,
            Typing::CardTail => self.typed.is_empty() || self.typed.len() == TAIL_DIGITS,
            Typing::Day => self.typed_day().is_some(),
        }
    }

    /// Returns the typed day, when there is such a day.
    pub fn typed_day(&self) -> Option<LocalDay> {
        if self.typed.len() != DAY_DIGITS {
            return None;
        }
        LocalDay::from_date(
            self.typed.get(..4)?.parse().ok()?,
            self.typed.get(4..6)?.parse().ok()?,
            self.typed.get(6..)?.parse().ok()?,
        )
    }

    /// Uses what is typed for the filter. A number is the driver's to look for.
    pub fn take_typed(&mut self) {
        match self.typing {
            Typing::Number => {}
            Typing::Amount => self.amount = self.sum.money(),
            Typing::CardTail => {
                self.card_tail = (!self.typed.is_empty()).then(|| self.typed.clone());
            }
            Typing::Day => self.period = self.typed_day().map_or(self.period, Period::Day),
        }
    }
}

/// What records are filtered by, one row each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterPage {
    /// Every field with its value.
    pub rows: Vec<(Field, Choice)>,
    /// Whether anything but today is chosen.
    pub can_reset: bool,
}

/// The values of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChoosePage {
    /// Which field.
    pub field: Field,
    /// Its values.
    pub choices: Vec<Choice>,
    /// Place of the chosen one.
    pub chosen: Option<usize>,
}

/// Digits are typed to find records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberPage {
    /// What.
    pub typing: Typing,
    /// As typed, ready to show.
    pub shown: String,
    /// Whether the key to go on exists.
    pub can_send: bool,
    /// Why nothing was found.
    pub notice: Option<Notice>,
}

pub(super) fn filter_page(browse: &Browse) -> FilterPage {
    FilterPage {
        rows: Field::ALL.map(|field| (field, browse.value(field))).into(),
        can_reset: browse.filters() > 0 || browse.period != Period::Today,
    }
}

pub(super) fn choose_page(browse: &Browse, operators: &[OperatorNo]) -> ChoosePage {
    let choices = Browse::choices(browse.choosing, operators);
    let own = match browse.value(browse.choosing) {
        Choice::Period(Period::Day(_)) => Choice::PickDay,
        value @ (Choice::All
        | Choice::Period(_)
        | Choice::PickDay
        | Choice::Kind(_)
        | Choice::State(_)
        | Choice::Channel(_)
        | Choice::Text(_)) => value,
    };
    ChoosePage {
        field: browse.choosing,
        chosen: choices.iter().position(|choice| *choice == own),
        choices,
    }
}

pub(super) fn number_page(browse: &Browse, notice: Option<Notice>) -> NumberPage {
    NumberPage {
        typing: browse.typing,
        shown: browse.shown(),
        can_send: browse.can_send(),
        notice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_whole_local_days() {
        let today = LocalDay::from_date(2026, 11, 26).expect("a day");
        let dates = |period: Period| {
            let days = period.days(today).expect("days");
            (days.from.date(), days.to.plus(-1).date())
        };
        assert_eq!(dates(Period::Today), ((2026, 11, 26), (2026, 11, 26)));
        assert_eq!(dates(Period::Yesterday), ((2026, 11, 25), (2026, 11, 25)));
        assert_eq!(dates(Period::Week), ((2026, 11, 23), (2026, 11, 26)));
        assert_eq!(dates(Period::Month), ((2026, 11, 1), (2026, 11, 26)));
        assert_eq!(Period::All.days(today), None);
    }

    #[test]
    fn only_a_day_of_the_calendar_can_be_sent() {
        let mut browse = Browse::default();
        for (typed, good) in [("20261126", true), ("20260229", false), ("2026112", false)] {
            browse.begin(Typing::Day, DeskPage::Filter);
            for digit in typed.bytes() {
                browse.digit(digit - b'0');
            }
            assert_eq!(browse.can_send(), good, "{typed}");
        }
    }

    #[test]
    fn every_choice_comes_back_as_the_value_of_its_field() {
        let operators = [OperatorNo::new("01").expect("a number")];
        for field in [Field::Kind, Field::State, Field::Channel, Field::Operator] {
            for choice in Browse::choices(field, &operators) {
                let mut browse = Browse {
                    choosing: field,
                    ..Browse::default()
                };
                browse.choose(&choice);
                assert_eq!(browse.value(field), choice);
            }
        }
    }
}
