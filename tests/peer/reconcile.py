"""Reconciles a daily file in the neutral layout with an exported journal, written apart from the terminal.

usage: reconcile.py DAILY.csv JOURNAL.jsonl CUT_MIN TERM_NO
JOURNAL.jsonl is what `shouyinctl journal export` writes; its hash chain is checked. Prints one JSON line a
difference: reason, number, amount and fee (the acquirer's less ours, in fen). Only what one file can show.
"""

import csv
import json
import sys
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal

CHINA = timezone(timedelta(hours=8))
NEAR = 120


def journal(path):
    """Returns every sale and undo, by its transaction."""
    found, before = {}, "0" * 64
    for line in open(path, encoding="utf-8"):
        row = json.loads(line)
        assert row["prev"] == before, f"record {row['number']} is out of place"
        before = row["hash"]
        fact = json.loads(row["body"])
        name, txn = fact["fact"], fact.get("txn")
        if name == "intent_recorded":
            business = (fact.get("purpose") or {}).get("business", "sale")
            found[txn] = dict(kind="sale", number=fact["order_no"], order=fact["order_no"], fen=fact["amount"],
                              channel=fact["channel"], at=fact["at"], state="open", late=False,
                              hold=business == "hold")
        elif name == "undo_intended":
            found[txn] = dict(kind=fact["kind"], number=fact["undo_no"], order=fact["of_order"], fen=fact["amount"],
                              channel=fact["channel"], at=fact["at"], state="open",
                              late=fact["cause"] == "late_success", hold=found[fact["of"]]["hold"])
        elif name in ("closed", "undo_closed"):
            found[txn]["state"] = fact["outcome"]
            found[txn]["ended"] = fact["at"]
            channel = (fact.get("evidence") or {}).get("channel")
            found[txn]["channel"] = channel or found[txn]["channel"]
    return [item for item in found.values() if not item["hold"]]


def fee(fen, channel):
    """The published rates; a card nobody named is a credit card."""
    share = Decimal("0.006") if channel in ("unionpay", "bank_card") else Decimal("0.0038")
    return int((fen * share).quantize(Decimal(1), ROUND_HALF_UP))


def estimate(item):
    cost = fee(item["fen"], item["channel"])
    return {"sale": cost, "void": -cost, "refund": 0}[item["kind"]]


def signed(item):
    return item["fen"] if item["kind"] == "sale" else -item["fen"]


def main():
    daily, exported, cut, term = sys.argv[1:5]
    rows = list(csv.reader(open(daily, encoding="utf-8", newline="")))
    head, rows, total = rows[0], rows[1:-1], rows[-1]
    rows = [dict(zip(head, row)) for row in rows]
    for row in rows:
        row["out"] = row["trade_main_type"] in ("REVERSAL", "REFUND")
        price = int(row["total_amount"]) * (-1 if row["out"] else 1)
        row["gain"] = price + int(row["merchant_discount"]) * (1 if row["out"] else -1)
        row["price"], row["fee"] = price, int(row["fee"])
    assert total == ["#TOTAL", str(len(rows)), str(sum(row["price"] for row in rows))], total
    day = rows[0]["business_date"]
    end = datetime.strptime(day, "%Y%m%d").replace(tzinfo=CHINA) + timedelta(minutes=int(cut) or 1440)
    end = end.timestamp()
    told = []

    def tell(reason, number, gain, cost):
        told.append([reason, number, gain, cost])

    by_number = defaultdict(list)
    for row in rows:
        kind = {"REVERSAL": "void", "REFUND": "refund"}.get(row["trade_main_type"], "sale")
        by_number[kind, row["out_trade_no"]].append(row)
    items = journal(exported)
    orders = {item["number"]: item for item in items if item["kind"] == "sale"}
    for item in items:
        here = end - 86400 <= item["at"] / 1000 < end
        number = item["number"]
        key = (item["kind"], item["order"] if item["kind"] == "void" else number)
        lines = by_number.pop(key, [])
        ended = item["state"] not in ("open", "paid", "done")
        if item["kind"] == "sale" and ended:
            back = by_number.pop(("void", number), [])
            late = [other for other in items if other["late"] and other["order"] == number]
            for other in late:
                back += by_number.pop(("refund", other["number"]), [])
            lines += back
            gain, cost = sum(row["gain"] for row in lines), sum(row["fee"] for row in lines)
            if lines:
                tell("R3" if late else "R2" if gain == 0 else "R12", number, gain, cost)
        elif item["late"]:
            pass
        elif item["state"] == "open":
            tell("R1", item["order"], sum(row["gain"] for row in lines), sum(row["fee"] for row in lines))
        elif ended:
            for row in lines:
                tell("R12", number, row["gain"], row["fee"])
        elif len(lines) > 1:
            tell("R4", number, sum(row["gain"] for row in lines) - signed(item),
                 sum(row["fee"] for row in lines) - estimate(item))
        elif here and not lines:
            near = item.get("ended", item["at"]) / 1000 >= end - NEAR or item["at"] / 1000 < end - 86400 + NEAR
            moved = "R10" if item["kind"] == "sale" else "R5"
            tell(moved if near else "R8", number, -signed(item), -estimate(item))
        elif lines and not here:
            tell("R10" if item["kind"] == "sale" else "R5", number, lines[0]["gain"], lines[0]["fee"])
        elif lines:
            row = lines[0]
            gain, cost = row["gain"] - signed(item), row["fee"] - estimate(item)
            if gain:
                tell("R6", number, gain, cost)
            elif cost:
                tell("R7", number, 0, cost)
    for lines in by_number.values():
        for row in lines:
            assert row["out_trade_no"] not in orders or row["out"], row
            tell("R9" if row["term_no"] == term else "R11", row["out_trade_no"], row["gain"], row["fee"])
    for line in sorted(told):
        print(json.dumps(line))


main()
