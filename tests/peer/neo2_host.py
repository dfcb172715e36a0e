"""A ViVOtech2 protocol 2 host of its own, for a reader on a serial port. Standard library only.

Written from the NEO 2 guide's description of the wire, not from the terminal's code. Arguments: the port, then steps:
`info`, `tap FEN WORDS`, `cancel FEN WORDS`, `timeout`, `pin WORDS`, `complete CODE`, `bad-crc`, `lying-length`, `unknown`,
`do WORDS`. WORDS are for whoever plays the customer: they are printed as `DO words` and confirmed by a line on standard
input. Prints one line of JSON a step.
"""

import binascii
import json
import os
import select
import struct
import sys
import termios
import time
import tty

MAGIC = b"ViVOtech2\x00"


def frame(command, sub, data=b"", length=None, spoil=0):
    body = MAGIC + bytes([command, sub]) + struct.pack(">H", len(data) if length is None else length) + data
    return body + struct.pack("<H", binascii.crc_hqx(body, 0xFFFF) ^ spoil)


class Port:
    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.fd)
        modes = termios.tcgetattr(self.fd)
        modes[4] = modes[5] = termios.B115200
        termios.tcsetattr(self.fd, termios.TCSANOW, modes)
        self.seen = b""

    def write(self, data):
        os.write(self.fd, data)

    def read(self, seconds=5.0):
        """Returns ("reply", command, status, data) or ("event", data), or None after a silence."""
        end = time.monotonic() + seconds
        while True:
            found = self.cut()
            if found:
                return found
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                return None
            self.seen += os.read(self.fd, 4096)

    def cut(self):
        while self.seen:
            if self.seen.startswith(MAGIC) and len(self.seen) >= 14:
                (length,) = struct.unpack(">H", self.seen[12:14])
                whole, kind = 16 + length, "reply"
            elif self.seen.startswith(b"\x45\x00\x55\x00") and len(self.seen) >= 5:
                whole, kind = 7 + self.seen[4], "event"
            elif any(self.seen.startswith(h) or h.startswith(self.seen) for h in (MAGIC, b"\x45\x00\x55\x00")):
                return None
            else:
                self.seen = self.seen[1:]
                continue
            if len(self.seen) < whole:
                return None
            body, crc = self.seen[: whole - 2], self.seen[whole - 2 : whole]
            if struct.pack(">H", binascii.crc_hqx(body, 0xFFFF)) != crc:
                self.seen = self.seen[1:]
                continue
            self.seen = self.seen[whole:]
            if kind == "event":
                return ("event", body[5:])
            return ("reply", body[10], body[11], body[14:])
        return None

    def reply(self, command, seconds=5.0):
        """Returns status and data of the next reply to a command; events are passed over."""
        while True:
            found = self.read(seconds)
            if found is None:
                return None
            if found[0] == "reply" and found[1] == command and found[2] != 0x0E:
                return found[2], found[3]


def tlvs(data):
    found, at = {}, 0
    while at < len(data):
        start = at
        at += 1
        if data[start] & 0x1F == 0x1F:
            while data[at] & 0x80:
                at += 1
            at += 1
        tag = data[start:at].hex().upper()
        length = data[at]
        at += 1
        if length == 0x81:
            length = data[at]
            at += 1
        assert at + length <= len(data), "a value is cut off"
        found[tag] = data[at : at + length].hex().upper()
        at += length
    return found


def activation(fen, seconds=30):
    amount = bytes.fromhex("%012d" % fen)
    return (
        bytes([seconds]) + b"\x9f\x02\x06" + amount
        + bytes.fromhex("9C01005F2A0201565F3601029F1A020156")
    )


def result(found):
    status, data = found
    told = {"status": status}
    if data:
        told["attribution"] = data[0]
        told["tags"] = tlvs(data[1:])
    return told


def do(words):
    print("DO " + words, flush=True)
    sys.stdin.readline()


def main():
    port = Port(sys.argv[1])
    steps = sys.argv[2:]
    while steps:
        step, told = steps.pop(0), {}
        if step == "do":
            do(steps.pop(0))
            continue
        if step == "info":
            port.write(frame(0x18, 1))
            told["ping"] = port.reply(0x18)[0]
            port.write(frame(0x29, 0))
            told["firmware"] = port.reply(0x29)[1].decode("ascii")
            port.write(frame(0x81, 0x04, b"\x05"))
            told["data_key"] = port.reply(0x81)[1].hex()
            port.write(frame(0x81, 0x0B, b"\x02\x00\x00"))
            told["ksn"] = port.reply(0x81)[1].hex().upper()
        elif step == "tap":
            port.write(frame(0x02, 0x40, activation(int(steps.pop(0)))))
            do(steps.pop(0))
            told = result(port.reply(0x02))
        elif step == "cancel":
            port.write(frame(0x02, 0x40, activation(int(steps.pop(0)))))
            do(steps.pop(0))
            port.write(frame(0x05, 0x01))
            frames = []
            while True:
                found = port.read(0.3)
                if found is None:
                    break
                if found[0] == "reply" and found[2] != 0x0E:
                    frames.append("%02X %02X" % (found[1], found[2]))
            told["frames"] = frames
        elif step == "timeout":
            port.write(frame(0x02, 0x40, activation(100, 1)))
            told["status"] = port.reply(0x02)[0]
        elif step == "pin":
            port.write(frame(0x62, 0x01, bytes([1, 0, 12, 4, 30])))
            told["first"] = port.reply(0x62)[0]
            port.write(frame(0x18, 1))
            told["meanwhile"] = port.reply(0x18)[0]
            do(steps.pop(0))
            status, data = port.reply(0x62)
            told.update(status=status, state=data[0], text=data[1:].decode("ascii"))
        elif step == "complete":
            code = steps.pop(0).encode("ascii")
            port.write(frame(0x60, 0x12, b"\x8a\x02" + code))
            told["first"] = port.reply(0x60)[0]
            if told["first"] == 0x63:
                told.update(result(port.reply(0x60)))
        elif step == "bad-crc":
            port.write(frame(0x18, 1, spoil=1))
            told["status"] = port.reply(0x18)[0]
        elif step == "lying-length":
            port.write(frame(0x02, 0x40, activation(100), length=900))
            port.write(frame(0x18, 1))
            told["ping"] = port.reply(0x18)[0]
        elif step == "unknown":
            port.write(frame(0x7E, 0x01))
            told["status"] = port.reply(0x7E)[0]
        else:
            sys.exit("no step " + step)
        print(json.dumps({"step": step, **told}), flush=True)


if __name__ == "__main__":
    main()
