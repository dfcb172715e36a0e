"""Reads an export and prints its rows' count and sum as JSON, with nothing but Python's own library; where openpyxl is
installed it reads the same workbook and must see the same cells.

usage: read_export.py FILE (csv, xlsx or jsonl)
Checks what the layout promises: the byte order mark, quoted cells and no formulas; typed cells; the hash chain.
"""

import csv
import datetime
import hashlib
import io
import json
import re
import sys
import zipfile
from decimal import Decimal
from xml.etree import ElementTree

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def fen(text):
    value = Decimal(text) * 100
    assert value == value.to_integral_value(), text
    return int(value)


def read_csv(path):
    text = open(path, "rb").read()
    assert text.startswith(b"\xef\xbb\xbf"), "no byte order mark"
    text = text[3:].decode("utf-8")
    for line in text.splitlines():
        assert line.startswith('"') and line.endswith('"'), line
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    for row in rows:
        for name, cell in row.items():
            assert name == "amount" or not re.match(r"[=+\-@\t\r]", cell), (name, cell)
    rows, total = rows[:-1], rows[-1]
    assert total["time"] == "TOTAL" and int(total["type"]) == len(rows)
    counted = [row for row in rows if row["counts"] == "1"]
    return len(rows), len(counted), sum(fen(row["amount"]) for row in counted), fen(total["amount"])


def read_xlsx(path):
    book = zipfile.ZipFile(path)
    strings = []
    if "xl/sharedStrings.xml" in book.namelist():
        for item in ElementTree.fromstring(book.read("xl/sharedStrings.xml")).iter(MAIN + "si"):
            strings.append("".join(part.text or "" for part in item.iter(MAIN + "t")))
    sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    assert sheet.find(".//" + MAIN + "f") is None, "a formula"
    rows = []
    for row in sheet.iter(MAIN + "row"):
        cells = {}
        for cell in row.iter(MAIN + "c"):
            column = re.match("[A-Z]+", cell.get("r")).group()
            value = cell.find(MAIN + "v")
            if value is None:
                continue
            kind = cell.get("t", "n")
            cells[column] = (kind, strings[int(value.text)] if kind == "s" else value.text)
        rows.append(cells)
    head, rows, total = rows[0], rows[1:-1], rows[-1]
    assert head["A"] == ("s", "time") and head["I"] == ("s", "amount") and total["A"] == ("s", "TOTAL")
    for row in rows:
        # A moment and an amount are numbers, whether it counts is a truth value.
        assert row["A"][0] == "n" and float(row["A"][1]) > 40000, row["A"]
        assert row["I"][0] == "n" and row["K"][0] == "b" and row["C"][0] == "s", row
    counted = [row for row in rows if row["K"][1] == "1"]
    return len(rows), len(counted), sum(fen(row["I"][1]) for row in counted), fen(total["I"][1])


def confirm(path, rows, minor):
    """The widely used reader of workbooks sees as many rows, the same sum, dates as dates and flags as flags."""
    try:
        import openpyxl
    except ImportError:
        return False
    sheet = openpyxl.load_workbook(path).worksheets[0]
    table = list(sheet.iter_rows(values_only=True))
    assert len(table) == rows + 2 and table[-1][0] == "TOTAL", len(table)
    for row in table[1:-1]:
        assert isinstance(row[0], datetime.datetime) and isinstance(row[10], bool), row
    cents = lambda cell: round(Decimal(str(cell)) * 100)  # noqa: E731
    assert sum(cents(row[8]) for row in table[1:-1] if row[10]) == cents(table[-1][8]) == minor
    return True


def read_jsonl(path):
    lines = open(path, encoding="utf-8").read().splitlines()
    before = "0" * 64
    for line in lines:
        assert json.loads(line)["prev"] == before, "the chain is broken"
        before = hashlib.sha256(line.encode()).hexdigest()
    rows, end = [json.loads(line) for line in lines[:-1]], json.loads(lines[-1])["end"]
    counted = [row for row in rows if row["counts"]]
    assert (end["rows"], end["count"]) == (len(rows), len(counted))
    return len(rows), len(counted), sum(row["minor"] for row in counted), end["sum_minor"]


def main():
    path = sys.argv[1]
    read = {"csv": read_csv, "xlsx": read_xlsx, "jsonl": read_jsonl}[path.rsplit(".", 1)[1]]
    rows, count, minor, told = read(path)
    assert minor == told, (minor, told)
    if path.endswith("xlsx") and confirm(path, rows, minor):
        print("openpyxl agrees", file=sys.stderr)
    print(json.dumps({"rows": rows, "count": count, "sum_minor": minor}))


main()
