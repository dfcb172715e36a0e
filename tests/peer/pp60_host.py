"""A host of its own for a PIN pad of the NL-PP60 kind on a serial port. Needs the Python package cryptography.

Written from the pad's user manual (section 4), not from the terminal's or the sandbox's code. Arguments: the port, then
steps: `info`, `bad-edc`, `lying-length`, `noise`, `keys`, `macs COUNT`, `pin DIGITS CARD`, `ends`, `refusals`, `fault
NAME`, `unplug`, `blank`, `do WORDS`. Keys are made up anew each time and wrapped under the sandbox's master key. What
somebody does at the pad is printed as `DO words` and confirmed by a line on standard input. Prints one line of JSON a step; "same" says
whether the pad made what this program made.
"""

import json
import os
import select
import sys
import termios
import time
import tty

from cryptography.hazmat.primitives.ciphers import Cipher, modes

try:
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
except ImportError:
    from cryptography.hazmat.primitives.ciphers.algorithms import TripleDES

UID = bytes.fromhex("88888888888888881111111111111111")
MASTER = bytes.fromhex("112233445566778899AABBCCDDEEFF01")
AUTH = {
    1: bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"),
    2: bytes(range(0x20, 0x30)),
    3: bytes(range(0x30, 0x40)),
}
FOREVER = b"\xff\xff"


def cipher(key, data, encrypt=True):
    """ECB with a key of one or two parts."""
    whole = key * 3 if len(key) == 8 else key + key[:8]
    worker = Cipher(TripleDES(whole), modes.ECB())
    worker = worker.encryptor() if encrypt else worker.decryptor()
    return worker.update(data) + worker.finalize()


def xor(left, right):
    return bytes(a ^ b for a, b in zip(left, right))


def retail_mac(key, text):
    chain = Cipher(TripleDES(key[:8] * 3), modes.CBC(bytes(8))).encryptor()
    last = (chain.update(text + bytes(-len(text) % 8)) + chain.finalize())[-8:]
    return cipher(key[:8], cipher(key[8:], last, encrypt=False))


def pad_mac(key, text):
    return cipher(key, text) if len(text) == 8 else retail_mac(key, text)


def pin_block(key, pin, digits):
    """Format 0; the digits are without the check digit."""
    field = bytes.fromhex(("0%X%s" % (len(pin), pin)).ljust(16, "F"))
    return cipher(key, xor(field, bytes.fromhex("0000" + digits[-12:])))


def frame(command, data=b"", spoil=0):
    body = bytes([command, len(data)]) + data
    edc = spoil
    for byte in body:
        edc ^= byte
    return body + bytes([edc])


class Pad:
    def __init__(self, path):
        self.path = path
        self.open()

    def open(self):
        self.fd = os.open(self.path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.fd)
        modes_ = termios.tcgetattr(self.fd)
        modes_[4] = modes_[5] = termios.B9600
        termios.tcsetattr(self.fd, termios.TCSANOW, modes_)

    def write(self, data):
        os.write(self.fd, data)

    def read(self, command, seconds=5.0):
        """Returns ("good", data), ("error", code), or None when no whole answer to the command comes."""
        seen, end = b"", time.monotonic() + seconds
        while True:
            for at in range(len(seen)):
                head = seen[at]
                if head | 0x80 != command or len(seen) < at + 3:
                    continue
                length = seen[at + 1]
                body = seen[at : at + 3 + length]
                if len(body) < 3 + length or (head < 0x80 and length != 1):
                    continue
                edc = 0
                for byte in body:
                    edc ^= byte
                if edc == 0:
                    return ("good", body[2:-1]) if head >= 0x80 else ("error", body[2])
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                return None
            try:
                seen += os.read(self.fd, 4096)
            except OSError:
                return None

    def call(self, command, data=b"", seconds=5.0):
        self.write(frame(command, data))
        return self.read(command, seconds)

    def good(self, command, data=b""):
        kind, told = self.call(command, data)
        assert kind == "good", (hex(command), hex(told))
        return told

    def signed(self, auth, command, data, seconds=5.0):
        """Fetches a random number, adds the code, and checks the pad's own code in the answer."""
        random = self.good(0xD0)
        code = retail_mac(AUTH[auth], data + random + UID)
        answer = self.call(command, data + code, seconds)
        if answer is None or answer[0] == "error":
            return answer
        told = answer[1]
        if command != 0x83:
            assert told[-8:] == retail_mac(AUTH[auth], told[:-8] + random + UID), "the pad's own code"
            told = told[:-8]
        return ("good", told)

    def load(self, slot, mode, key, uses=FOREVER):
        return self.signed(3, 0x81, bytes([0, slot, mode]) + cipher(MASTER, key) + uses)


def do(words):
    print("DO " + words, flush=True)
    sys.stdin.readline()


def type_key(pad, number, mode, key):
    """Enters a key in three parts that sum up to it."""
    first, second = os.urandom(16), os.urandom(16)
    for place, part in enumerate([first, second, xor(xor(first, second), key)], 1):
        data = bytes([number, mode, place])
        if mode != 0x83:
            data += retail_mac(AUTH[1], data + pad.good(0xD0) + UID)
        pad.write(frame(0x80, data))
        do("type " + part.hex())
        kind, told = pad.read(0x80)
        assert kind == "good" and len(told) == (0 if mode == 0x83 else 8), (kind, told)


def error(answer):
    return "%02X" % answer[1] if answer and answer[0] == "error" else repr(answer)


def main():
    pad = Pad(sys.argv[1])
    steps = sys.argv[2:]
    mac_key, pin_key = os.urandom(16), os.urandom(16)
    while steps:
        step, told = steps.pop(0), {}
        if step == "do":
            do(steps.pop(0))
            continue
        if step == "info":
            pad.good(0xD5)
            told["directories"] = [n for n in range(1, 9) if pad.call(0xD6, bytes([n]))[0] == "good"]
            pad.good(0xD6, b"\x01")
            one, two = pad.good(0xD0), pad.good(0xD0)
            told["random"] = len(one) == 8 and one != two
        elif step == "bad-edc":
            pad.write(frame(0xD5, spoil=1))
            told["error"] = error(pad.read(0xD5))
        elif step == "lying-length":
            # The pad waits for the rest of it until the line rests.
            pad.write(b"\x85\xfa\x00\x82")
            assert pad.read(0x85, 0.4) is None
            told["reset"] = pad.call(0xD6, b"\x01")[0]
        elif step == "noise":
            pad.write(b"\x00\x7f\x20\x41" + frame(0xD6, b"\x01"))
            told["found"] = pad.read(0xD6)[0]
        elif step == "keys":
            told["mac"] = pad.load(2, 0x91, mac_key)[0]
            told["pin"] = pad.load(3, 0x92, pin_key)[0]
            told["chosen"] = pad.signed(2, 0x82, b"\x03\x81\x00\x00")[0]
        elif step == "macs":
            count, same = int(steps.pop(0)), 0
            for turn in range(count):
                text = os.urandom(8 * (turn % 30 + 1))
                answer = pad.signed(2, 0x85, b"\x02\x82" + text)
                same += answer == ("good", pad_mac(mac_key, text))
            told["same"] = same == count
        elif step == "pin":
            pin, card = steps.pop(0), steps.pop(0)
            pad.write(frame(0x83, bytes([4, 12]) + card[:-1].rjust(16, "0")[-16:].encode("ascii")))
            do("pin " + pin)
            told["same"] = pad.read(0x83) == ("good", pin_block(pin_key, pin, card[:-1]))
        elif step == "ends":
            ask = frame(0x83, b"\x04\x06" + b"0" * 16)
            pad.write(ask)
            do("pin cancel")
            told["cancelled"] = error(pad.read(0x83))
            pad.write(ask)
            told["meanwhile"] = error(pad.call(0xD0))
            told["reset"] = pad.call(0xD5)[0]
            told["after"] = error(pad.call(0x83, b"\x04\x06" + b"0" * 16))
            pad.good(0xD6, b"\x01")
            told["chosen"] = pad.signed(2, 0x82, b"\x03\x81\x00\x00")[0]
        elif step == "refusals":
            block = b"\x02\x82" + bytes(8)
            told["errors"] = [
                error(pad.call(0xD6, b"\x05")),
                error(pad.call(0x94, bytes(16))),
                error(pad.call(0x85, block + bytes(8))),
                error(pad.signed(3, 0x85, block)),
                error(pad.signed(2, 0x85, b"\x09\x82" + bytes(8))),
                error(pad.signed(2, 0x85, b"\x02\x82" + bytes(12))),
                error(pad.signed(2, 0x85, b"\x02\x81" + bytes(8))),
                error(pad.signed(2, 0x82, b"\x09\x81\x00\x00")),
                error(pad.signed(2, 0x82, b"\x03\x91\x00\x00")),
                error(pad.load(2, 0x81, mac_key)),
                error(pad.load(2, 0x93, mac_key)),
                error(pad.call(0x83, b"\x03\x06" + b"0" * 16)),
                error(pad.call(0x81, bytes(28))),
            ]
            # A key with one use.
            assert pad.load(7, 0x91, mac_key, b"\x00\x01")[0] == "good"
            told["once"] = pad.signed(2, 0x85, b"\x07\x82" + bytes(8)) == ("good", pad_mac(mac_key, bytes(8)))
            told["twice"] = error(pad.signed(2, 0x85, b"\x07\x82" + bytes(8)))
        elif step == "fault":
            do("fault " + steps.pop(0))
            spoilt = pad.call(0xD0, seconds=0.4)
            told["spoilt"] = spoilt and spoilt[0]
            told["next"] = pad.signed(2, 0x85, b"\x02\x82" + bytes(8)) == ("good", pad_mac(mac_key, bytes(8)))
        elif step == "unplug":
            do("fault unplug")
            told["spoilt"] = pad.call(0xD0, seconds=0.4)
            os.close(pad.fd)
            told["gone"] = not os.path.exists(pad.path)
            do("plug")
            pad.open()
            # Its keys are kept, the directory is not.
            told["rights"] = error(pad.signed(2, 0x85, b"\x02\x82" + bytes(8)))
            pad.good(0xD6, b"\x01")
            told["keys"] = pad.signed(2, 0x85, b"\x02\x82" + bytes(8)) == ("good", pad_mac(mac_key, bytes(8)))
        elif step == "blank":
            do("blank")
            told["locked"] = error(pad.call(0x85, bytes(18)))
            pad.good(0x94, UID)
            told["again"] = error(pad.call(0x94, UID))
            pad.good(0xD6, b"\x02")
            for number in (1, 2, 3):
                type_key(pad, number, 0x83, AUTH[number])
            type_key(pad, 0, 0x81, MASTER)
            type_key(pad, 6, 0x84, pin_key)
            assert pad.load(2, 0x91, mac_key)[0] == "good"
            text = os.urandom(64)
            told["work"] = pad.signed(2, 0x85, b"\x02\x82" + text) == ("good", pad_mac(mac_key, text))
            told["fixed"] = pad.signed(2, 0x85, b"\x06\x84" + text) == ("good", pad_mac(pin_key, text))
        else:
            sys.exit("no step " + step)
        print(json.dumps({"step": step, **told}), flush=True)


if __name__ == "__main__":
    main()
