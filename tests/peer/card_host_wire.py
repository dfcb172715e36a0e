#!/usr/bin/env python3
"""An outside peer for the messages to the card host: shares no line with the terminal.

The table is written from docs/CARDS.md; the codec is the package pyiso8583 (pip install pyiso8583). Lines of hexadecimal
come in, one frame each.

    card_host_wire.py decode        prints each frame to the host as JSON: "t" and the fields by number
    card_host_wire.py encode        the other way: JSON comes in, a frame from the host as hexadecimal goes out

Without the package it prints "skip".
"""
import json
import sys

try:
    import iso8583
except ImportError:
    print("skip")
    sys.exit(0)

TO_HOST = bytes.fromhex("6000030000") + bytes.fromhex("603100000000")
TO_TERMINAL = bytes.fromhex("6000000003") + bytes.fromhex("603100000000")


def digits(length, right=True):
    row = {"data_enc": "b", "len_enc": "bcd", "len_type": 0, "max_len": length, "len_count": "nibbles"}
    if length % 2:
        row["right_pad" if right else "left_pad"] = "0"
    return row


def text(length):
    return {"data_enc": "ascii", "len_enc": "bcd", "len_type": 0, "max_len": length}


def raw(length):
    return {"data_enc": "b", "len_enc": "bcd", "len_type": 0, "max_len": length}


LLL_DIGITS = {"data_enc": "b", "len_enc": "bcd", "len_type": 2, "max_len": 999, "len_count": "nibbles",
              "right_pad": "0"}
LLL_TEXT = {"data_enc": "ascii", "len_enc": "bcd", "len_type": 2, "max_len": 999}
LLL_BYTES = {"data_enc": "b", "len_enc": "bcd", "len_type": 2, "max_len": 999}

SPEC = {
    "h": {"data_enc": "b", "len_enc": "b", "len_type": 0, "max_len": 0},
    "t": {"data_enc": "b", "len_enc": "b", "len_type": 0, "max_len": 2},
    "p": {"data_enc": "b", "len_enc": "b", "len_type": 0, "max_len": 8},
    "1": {"data_enc": "b", "len_enc": "b", "len_type": 0, "max_len": 8},
    "3": digits(6), "4": digits(12), "11": digits(6), "12": digits(6), "13": digits(4),
    "22": digits(3), "23": digits(3, right=False), "25": digits(2), "26": digits(2),
    "37": text(12), "38": text(6), "39": text(2), "41": text(8), "42": text(15),
    "44": dict(LLL_TEXT, len_type=1, max_len=25), "54": dict(LLL_TEXT, max_len=120),
    "48": LLL_BYTES, "49": text(3), "52": raw(8), "53": digits(16), "55": LLL_BYTES,
    "60": LLL_DIGITS, "61": LLL_DIGITS, "62": LLL_BYTES, "63": LLL_TEXT, "64": raw(8),
}


def end_of_batch(fields):
    """Field 48 of totals and records holds digits as text."""
    digits = bytes.fromhex(fields.pop("48")).decode("ascii")
    if fields["t"] == "0500":
        assert len(digits) == 60, "totals"

        def side(part):
            return {"charged": [int(part[:12]), int(part[12:15])], "returned": [int(part[15:27]), int(part[27:])]}

        return dict(fields, home=side(digits[:30]), foreign=side(digits[30:]))
    count, rows = int(digits[:2]), digits[2:]
    assert len(rows) == 20 * count, "records"
    row = [rows[at:at + 20] for at in range(0, len(rows), 20)]
    return dict(fields, rows=[[one[:2], int(one[2:8]), int(one[8:])] for one in row])


def decode(frame):
    length = int.from_bytes(frame[:2], "big")
    assert length == len(frame) - 2, "length of the frame"
    assert frame[2:13] == TO_HOST, "TPDU and header"
    fields, _ = iso8583.decode(frame[13:], SPEC)
    fields = {key: value for key, value in fields.items() if key not in ("h", "p")}
    return end_of_batch(fields) if fields["t"] in ("0500", "0320") else fields


def encode(fields):
    message, _ = iso8583.encode(dict(fields, h=""), SPEC)
    rest = TO_TERMINAL + bytes(message)
    return (len(rest).to_bytes(2, "big") + rest).hex().upper()


for line in sys.stdin:
    if sys.argv[1] == "decode":
        print(json.dumps(decode(bytes.fromhex(line.strip())), sort_keys=True))
    else:
        print(encode(json.loads(line)))
