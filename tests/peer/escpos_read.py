#!/usr/bin/env python3
"""Reads the bytes of a slip printer on standard input and writes what a person would read.

Written from Epson's command reference, apart from the terminal's encoder and from the sandbox printer. Fails at a
command that it does not know and at a byte that is no character of GB 18030.
"""

import sys

data = sys.stdin.buffer.read()
at = 0
lines, line, tall, qr = [], b"", False, b""


def take(count):
    global at
    part = data[at:at + count]
    if len(part) != count:
        raise SystemExit(f"the bytes end in the middle of a command at {at}")
    at += count
    return part


while at < len(data):
    byte = take(1)
    if byte == b"\x1b":
        command = take(1)
        if command == b"a":
            take(1)
        elif command == b"d":
            # Paper that is moved up: every line ends with its own line feed.
            if line:
                raise SystemExit("a line that is ended by a feed")
            take(1)
        elif command != b"@":
            raise SystemExit(f"ESC {command} at {at}")
    elif byte == b"\x1c":
        if take(1) != b"&":
            raise SystemExit(f"FS at {at}")
    elif byte == b"\x1d":
        command = take(1)
        if command == b"!":
            size = take(1)[0]
            tall = size & 7 == 1
            if size >> 4:
                raise SystemExit("wide letters do not fit the columns")
        elif command == b"V":
            if take(1)[0] in (65, 66):
                take(1)
        elif command == b"(":
            kind, low, high = take(3)
            body = take(low + 256 * high)
            if kind != ord("k") or body[0] != 49:
                raise SystemExit(f"GS ( {kind} at {at}")
            if body[1] == 80:
                qr = body[3:]
            elif body[1] == 81:
                lines.append("[QR " + qr.decode("ascii") + "]")
        else:
            raise SystemExit(f"GS {command} at {at}")
    elif byte == b"\n":
        text = line.decode("gb18030").rstrip()
        if text or not (lines and lines[-1].startswith("[QR")):
            lines.append(text + (" <2" if tall else ""))
        line = b""
    elif byte < b" ":
        raise SystemExit(f"byte {byte} at {at}")
    else:
        line += byte
if line:
    raise SystemExit("a line without its end")
print("\n".join(lines))
