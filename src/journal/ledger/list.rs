//! Lists and searches: sales, voids and refunds, newest first, page by page.
//!
//! Owns the order of the lists (time of opening, then row) and the search by number. A page looks at a bounded number
//! of rows, however many there are and however few of them fit: what waits for the journal never waits long.

use rusqlite::{Row, Rows, Statement, ToSql, params};

use super::channel;
use crate::domain::{
    Channel, Filter, FilterKind, FilterState, Money, Place, Timestamp, TxnId, VoucherNo,
};
use crate::journal::error::JournalError;
use crate::journal::query::SaleRow;
use crate::journal::records::UndoState;
use crate::journal::store::Store;
use crate::payment::UndoKind;

/// Rows that are looked at for one page: a few milliseconds.
const LOOKED_AT: usize = 4_000;
/// Rows found by a number at the most.
const FOUND_MAX: usize = 30;

/// A void or refund in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoItem {
    /// Its own transaction.
    pub txn: TxnId,
    /// The sale.
    pub of: TxnId,
    /// Void or refund.
    pub kind: UndoKind,
    /// It gives a hold back.
    pub of_hold: bool,
    /// What goes back.
    pub amount: Money,
    /// The sale's wallet.
    pub channel: Channel,
    /// State.
    pub state: UndoState,
    /// A person must look at it.
    pub attention: bool,
    /// Number for people.
    pub voucher: VoucherNo,
    /// When the intent was stored.
    pub opened_at: Timestamp,
}

/// One row of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListRow {
    /// A sale, hold or completion.
    Sale(SaleRow),
    /// A void or refund.
    Undo(UndoItem),
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPage {
    /// Newest first.
    pub rows: Vec<ListRow>,
    /// Where to go on; none when nothing older is left. A page may be short, or empty, and not be the last one.
    pub next: Option<Place>,
}

/// A candidate, before the rest of it is read.
struct Seen {
    place: Place,
    txn: String,
    undo: bool,
}

impl Store {
    /// Returns at most `limit` rows behind `before`, newest first.
    pub(in crate::journal) fn list(
        &self,
        filter: &Filter,
        before: Option<Place>,
        limit: usize,
    ) -> Result<ListPage, JournalError> {
        let (seen, next) = self
            .look(filter, before, limit)
            .map_err(|e| self.refused("reading a list", e))?;
        let mut rows = Vec::with_capacity(seen.len());
        for one in &seen {
            rows.extend(self.whole(one)?);
        }
        Ok(ListPage { rows, next })
    }

    /// Returns what has this number, newest first: a voucher of at most six digits, the last six characters of an
    /// order number or of the number of an undo, either of these in full, or the acquirer's number in full.
    pub(in crate::journal) fn find(&self, number: &str) -> Result<Vec<ListRow>, JournalError> {
        let mut seen = Vec::new();
        for (undo, table, own) in [(false, "sale", "order_no"), (true, "undo", "undo_no")] {
            let found = format!(
                "SELECT opened_ms, opened_by, txn FROM {table} WHERE {own} = ?1 OR trade_no = ?1 \
                 ORDER BY opened_by DESC LIMIT ?2"
            );
            seen.extend(self.places(&found, undo, params![number, FOUND_MAX])?);
            if number.len() == 6 {
                let tail = format!(
                    "SELECT opened_ms, opened_by, txn FROM {table} WHERE substr({own}, -6) = ?1 \
                     ORDER BY opened_by DESC LIMIT ?2"
                );
                seen.extend(self.places(&tail, undo, params![number, FOUND_MAX])?);
            }
            if let (1..=6, Ok(voucher)) = (number.len(), number.parse::<u32>()) {
                let of = format!(
                    "SELECT opened_ms, opened_by, txn FROM {table} WHERE voucher = ?1 \
                     ORDER BY opened_by DESC LIMIT ?2"
                );
                seen.extend(self.places(&of, undo, params![voucher, FOUND_MAX])?);
            }
        }
        seen.sort_by_key(|one| std::cmp::Reverse(one.place));
        seen.dedup_by(|one, other| one.txn == other.txn);
        seen.truncate(FOUND_MAX);
        let mut rows = Vec::new();
        for one in &seen {
            rows.extend(self.whole(one)?);
        }
        Ok(rows)
    }

    fn places(
        &self,
        sql: &str,
        undo: bool,
        values: &[&dyn ToSql],
    ) -> Result<Vec<Seen>, JournalError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut select| {
                select
                    .query_map(values, |row| seen(row, undo))?
                    .collect::<rusqlite::Result<Vec<_>>>()
            })
            .map_err(|e| self.refused("searching a number", e))
    }

    /// Merges sales and undos by their place, as far as one page looks.
    fn look(
        &self,
        filter: &Filter,
        before: Option<Place>,
        limit: usize,
    ) -> rusqlite::Result<(Vec<Seen>, Option<Place>)> {
        let mut found = Vec::new();
        let (mut sales, mut undos) = (self.sales_of(filter)?, self.undos_where(filter)?);
        let mut sales = Stream::open(&mut sales, filter, before, false)?;
        let mut undos = Stream::open(&mut undos, filter, before, true)?;
        for _ in 0..LOOKED_AT {
            let sale_first = match (&sales.head, &undos.head) {
                (None, None) => return Ok((found, None)),
                (Some(sale), Some(undo)) => sale.0.place > undo.0.place,
                (Some(_), None) => true,
                (None, Some(_)) => false,
            };
            let stream = if sale_first { &mut sales } else { &mut undos };
            let Some((seen, fits)) = stream.take()? else {
                return Ok((found, None));
            };
            let place = seen.place;
            if fits {
                found.push(seen);
            }
            if found.len() == limit {
                let more = sales.head.is_some() || undos.head.is_some();
                return Ok((found, more.then_some(place)));
            }
            if sales.looked + undos.looked >= LOOKED_AT {
                return Ok((found, Some(place)));
            }
        }
        Ok((found, None))
    }

    /// The rarest property leads; an index goes with each of them.
    fn sales_of(&self, filter: &Filter) -> rusqlite::Result<Option<Statement<'_>>> {
        let none = matches!(filter.kind, Some(FilterKind::Void | FilterKind::Refund));
        if none {
            return Ok(None);
        }
        let lead = if filter.card_tail.is_some() {
            "INDEXED BY sale_card WHERE card_tail = ?5"
        } else if filter.amount.is_some() {
            "INDEXED BY sale_amount WHERE amount = ?6"
        } else if filter.state == Some(FilterState::Open) {
            "INDEXED BY sale_open WHERE state IN ('open','revoking')"
        } else {
            match filter.kind {
                Some(FilterKind::Hold) => "INDEXED BY sale_purpose WHERE purpose = 'hold'",
                Some(FilterKind::Completion) => {
                    "INDEXED BY sale_purpose WHERE purpose = 'completion'"
                }
                Some(FilterKind::Sale | FilterKind::Void | FilterKind::Refund) | None => {
                    "INDEXED BY sale_listed WHERE 1"
                }
            }
        };
        let also = if lead.contains("sale_purpose") {
            " AND purpose <> 'sale'"
        } else {
            ""
        };
        self.connection
            .prepare(&format!(
                "SELECT opened_ms, opened_by, txn, channel, state, operator, amount, purpose, \
                 card_tail FROM sale {lead}{also} AND (opened_ms, opened_by) < (?1, ?2) \
                 AND opened_ms >= ?3 AND opened_ms < ?4 \
                 AND (?5 IS NULL OR card_tail = ?5) AND (?6 IS NULL OR amount = ?6) \
                 ORDER BY opened_ms DESC, opened_by DESC"
            ))
            .map(Some)
    }

    fn undos_where(&self, filter: &Filter) -> rusqlite::Result<Option<Statement<'_>>> {
        let none = matches!(
            filter.kind,
            Some(FilterKind::Sale | FilterKind::Hold | FilterKind::Completion)
        );
        if none || filter.card_tail.is_some() {
            return Ok(None);
        }
        self.connection
            .prepare(
                "SELECT u.opened_ms, u.opened_by, u.txn, s.channel, u.state, u.operator, u.amount, \
                 u.kind, NULL FROM undo u INDEXED BY undo_listed CROSS JOIN sale s \
                 WHERE s.txn = u.sale AND (u.opened_ms, u.opened_by) < (?1, ?2) \
                 AND u.opened_ms >= ?3 AND u.opened_ms < ?4 \
                 AND ?5 IS NULL AND (?6 IS NULL OR u.amount = ?6) \
                 ORDER BY u.opened_ms DESC, u.opened_by DESC",
            )
            .map(Some)
    }

    fn whole(&self, seen: &Seen) -> Result<Option<ListRow>, JournalError> {
        if !seen.undo {
            let sales = self.sales("WHERE txn = ?1", params![seen.txn])?;
            return Ok(sales.into_iter().next().map(ListRow::Sale));
        }
        self.connection
            .prepare_cached(
                "SELECT u.txn, u.sale, u.kind, u.amount, s.channel, u.state, u.voucher, \
                 u.opened_ms, s.purpose = 'hold', u.attention \
                 FROM undo u JOIN sale s ON s.txn = u.sale WHERE u.txn = ?1",
            )
            .and_then(|mut select| select.query_row([&seen.txn], undo_item))
            .map(|item| Some(ListRow::Undo(item)))
            .map_err(|e| self.refused("reading an undo", e))
    }
}

/// One of the two tables, newest first.
struct Stream<'a> {
    rows: Option<Rows<'a>>,
    filter: &'a Filter,
    undo: bool,
    looked: usize,
    head: Option<(Seen, bool)>,
}

impl<'a> Stream<'a> {
    fn open(
        statement: &'a mut Option<Statement<'_>>,
        filter: &'a Filter,
        before: Option<Place>,
        undo: bool,
    ) -> rusqlite::Result<Self> {
        let before = before.unwrap_or(Place {
            at_ms: i64::MAX,
            row: 0,
        });
        let (from, to) = filter.days.map_or((i64::MIN, i64::MAX), |days| {
            (days.from.start().0, days.to.start().0)
        });
        let rows = match statement {
            None => None,
            Some(statement) => Some(statement.query(params![
                before.at_ms,
                before.row,
                from,
                to,
                filter.card_tail,
                filter.amount.map(Money::minor),
            ])?),
        };
        let mut stream = Self {
            rows,
            filter,
            undo,
            looked: 0,
            head: None,
        };
        stream.advance()?;
        Ok(stream)
    }

    fn take(&mut self) -> rusqlite::Result<Option<(Seen, bool)>> {
        let taken = self.head.take();
        self.advance()?;
        Ok(taken)
    }

    fn advance(&mut self) -> rusqlite::Result<()> {
        let Some(rows) = &mut self.rows else {
            return Ok(());
        };
        match rows.next()? {
            None => self.rows = None,
            Some(row) => {
                self.looked += 1;
                self.head = Some((seen(row, self.undo)?, fits(row, self.filter)?));
            }
        }
        Ok(())
    }
}

fn seen(row: &Row<'_>, undo: bool) -> rusqlite::Result<Seen> {
    Ok(Seen {
        place: Place {
            at_ms: row.get(0)?,
            row: row.get(1)?,
        },
        txn: row.get(2)?,
        undo,
    })
}

/// Compares a candidate with what has no index of its own.
fn fits(row: &Row<'_>, filter: &Filter) -> rusqlite::Result<bool> {
    let text = |index: usize| row.get_ref(index)?.as_str().map_err(Into::into);
    let text = |index: usize| -> rusqlite::Result<&str> { text(index) };
    let state = match text(4)? {
        "open" | "revoking" => FilterState::Open,
        "paid" | "done" => FilterState::Done,
        _ => FilterState::Failed,
    };
    let kind = match text(7)? {
        "hold" => FilterKind::Hold,
        "completion" => FilterKind::Completion,
        "void" => FilterKind::Void,
        "refund" => FilterKind::Refund,
        _ => FilterKind::Sale,
    };
    let operator = text(5)?;
    Ok(filter.state.is_none_or(|wanted| wanted == state)
        && filter.kind.is_none_or(|wanted| wanted == kind)
        && filter
            .channel
            .is_none_or(|wanted| channel(row, 3).is_ok_and(|own| own == wanted))
        && filter
            .operator
            .as_ref()
            .is_none_or(|wanted| wanted.as_str() == operator))
}

fn undo_item(row: &Row<'_>) -> rusqlite::Result<UndoItem> {
    let wrong = |index: usize| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(index, kind, "out of range".into())
    };
    let text = |index: usize| row.get::<_, String>(index);
    Ok(UndoItem {
        txn: TxnId::from_hex(&text(0)?).map_err(|_| wrong(0))?,
        of: TxnId::from_hex(&text(1)?).map_err(|_| wrong(1))?,
        kind: UndoKind::from_key(&text(2)?).ok_or_else(|| wrong(2))?,
        amount: Money::from_fen(row.get(3)?).map_err(|_| wrong(3))?,
        channel: channel(row, 4)?,
        state: UndoState::from_key(&text(5)?).ok_or_else(|| wrong(5))?,
        voucher: VoucherNo::new(row.get(6)?).map_err(|_| wrong(6))?,
        opened_at: Timestamp(row.get(7)?),
        of_hold: row.get(8)?,
        attention: row.get(9)?,
    })
}
