"""A card terminal of its own, for the sandbox's card host: written from docs/CARDS.md, not from the terminal's code.

Messages are written and parsed by `pyiso8583` with a table of its own, ciphers are `cryptography`'s. Arguments: the HTTPS
port and the authority's certificate. Reads one JSON object a line from standard input, prints one as answer. Prints
`missing: WHAT` and ends when a package is not installed.
"""

import copy
import hashlib
import http.client
import json
import ssl
import struct
import sys

try:
    import iso8583
    import iso8583.specs
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    from cryptography.hazmat.primitives.ciphers import Cipher, modes
except ImportError as missing:
    print("missing: %s; install the Python packages pyiso8583 and cryptography" % missing.name, flush=True)
    sys.exit(0)

import neo2_host

MASTER = bytes.fromhex("112233445566778899AABBCCDDEEFF01")
BASE = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
SERIAL = 0xFFFF9876543210E00000
MERCHANT, TERMINAL = "822100054110001", "A0010001"
# Tags of field 55, in the order of the 2002 field book.
CHIP = "9F26 9F27 9F10 9F37 9F36 95 9A 9C 9F02 5F2A 82 9F1A 9F03 9F33 84 9F09 9F41 9F34 9F35 9F1E".split()


def table():
    spec = copy.deepcopy(iso8583.specs.default)
    packed = {"data_enc": "b", "len_enc": "bcd", "len_type": 0, "len_count": "nibbles", "right_pad": "0"}
    text = {"data_enc": "ascii", "len_enc": "bcd", "len_type": 0}
    raw = {"data_enc": "b", "len_enc": "bcd", "len_type": 0}
    rows = {
        "h": (raw, 11), "t": (raw, 2), "p": (raw, 8),
        "3": (packed, 6), "4": (packed, 12), "11": (packed, 6), "12": (packed, 6), "13": (packed, 4),
        "22": (packed, 3), "25": (packed, 2), "26": (packed, 2), "53": (packed, 16),
        "37": (text, 12), "38": (text, 6), "39": (text, 2), "41": (text, 8), "42": (text, 15), "49": (text, 3),
        "52": (raw, 8), "64": (raw, 8),
        "48": (dict(raw, len_type=2), 999), "55": (dict(raw, len_type=2), 999), "62": (dict(raw, len_type=2), 999),
        "60": (dict(packed, len_type=2), 99), "61": (dict(packed, len_type=2), 99),
        "44": (dict(text, len_type=1), 25), "54": (dict(text, len_type=2), 99), "63": (dict(text, len_type=2), 99),
    }
    for key, (form, length) in rows.items():
        spec[key] = dict(form, max_len=length, desc=key)
    left = dict(packed, left_pad="0", max_len=3, desc="23")
    del left["right_pad"]
    spec["23"] = left
    return spec


SPEC = table()


def ecb(key, data, encrypt=True):
    whole = key * 3 if len(key) == 8 else key + key[:8]
    worker = Cipher(TripleDES(whole), modes.ECB())
    worker = worker.encryptor() if encrypt else worker.decryptor()
    return worker.update(data) + worker.finalize()


def cbc(key, data):
    data += bytes(-len(data) % 8)
    worker = Cipher(TripleDES(key + key[:8]), modes.CBC(bytes(8))).encryptor()
    return worker.update(data) + worker.finalize()


def mac(key, covered):
    return cbc(key, covered.hex().upper().encode("ascii"))[-8:]


def xor(left, right):
    return bytes(a ^ b for a, b in zip(left, right))


def dukpt(counter):
    """The key of a counter, by ANSI X9.24-1:2009, and its serial number."""
    mask = bytes.fromhex("C0C0C0C000000000") * 2
    start = struct.pack(">QH", SERIAL >> 16, SERIAL & 0xFFFF)[:8]
    key = ecb(BASE, start) + ecb(xor(BASE, mask), start)
    register = int.from_bytes(((SERIAL & ~0x1FFFFF) & (2**64 - 1)).to_bytes(8, "big"), "big")
    for bit in reversed(range(21)):
        if not counter >> bit & 1:
            continue
        register |= 1 << bit
        block = register.to_bytes(8, "big")

        def half(part):
            return xor(ecb(part[:8], xor(block, part[8:])), part[8:])

        key = half(xor(key, mask)) + half(key)
    return key, (SERIAL | counter).to_bytes(10, "big")


def data_key(counter):
    key, serial = dukpt(counter)
    key = xor(key, bytes.fromhex("0000000000FF0000") * 2)
    return ecb(key, key[:8]) + ecb(key, key[8:]), serial


def pin_key(counter):
    return xor(dukpt(counter)[0], bytes.fromhex("00000000000000FF") * 2)


def pin_block(key, pin, pan):
    field = bytes.fromhex(("%02X%s" % (len(pin), pin)).ljust(16, "F"))
    return ecb(key, xor(field, bytes.fromhex("0000" + pan[-13:-1])))


def tlv(tag, value):
    length = bytes([len(value)]) if len(value) < 128 else b"\x81" + bytes([len(value)])
    return bytes.fromhex(tag) + length + value


def filled(digits):
    return bytes.fromhex(digits + "F" * (len(digits) % 2))


class Terminal:
    def __init__(self, port, authority):
        self.port, self.keys, self.reader, self.card = port, {}, None, {}
        self.tls = ssl.create_default_context(cafile=authority)
        self.kept = {}

    def post(self, body, kind="application/octet-stream", method="POST", path="/card/8583"):
        line = http.client.HTTPSConnection("localhost", self.port, timeout=30, context=self.tls)
        try:
            line.request(method, path, body, {"Content-Type": kind})
            answer = line.getresponse()
            return answer.status, answer.read()
        except (http.client.HTTPException, OSError):
            return 0, b""
        finally:
            line.close()

    def exchange(self, message):
        """Sends a message in its frame and reads the answer."""
        status, body = self.post(struct.pack(">H", len(message) + 11) + bytes.fromhex("6000030000603100000000") + message)
        return self.understood(status, body)

    def understood(self, status, body):
        if status != 200:
            return {"status": status, "text": body.decode("utf-8", "replace")}
        assert struct.unpack(">H", body[:2])[0] == len(body) - 2, "the frame's length"
        assert body[2:13].hex() == "6000000003603100000000", "the frame's head"
        told, _ = iso8583.decode(body[2:], SPEC)
        good = None
        if "64" in told and self.keys:
            good = mac(self.keys["mac"], body[13:-8]) == body[-8:]
        fields = {key: value for key, value in told.items() if key.isdigit() and key != "1"}
        return {"status": 200, "mti": told["t"], "fields": fields, "mac": good}

    def send(self, mti, fields, asked):
        for key, value in asked.get("change", {}).items():
            if value is None:
                fields.pop(key, None)
            else:
                fields[key] = value
        how = asked.get("mac", "good")
        if how != "none":
            fields["64"] = "00" * 8
        document = dict(fields, h="6000030000603100000000", t=mti)
        wire, _ = iso8583.encode(document, SPEC)
        message = bytes(wire[11:])
        if how != "none":
            made = mac(self.keys.get("mac", bytes(range(16))), message[:-8])
            if how == "reader":
                status, answer = self.through_reader(message[:-8])
                assert (status, answer) == (0, made), (status, answer, made)
            message = message[:-8] + (made if how != "bad" else xor(made, b"\0\0\0\0\0\0\0\1"))
        self.last = message
        if "keep" in asked:
            self.kept[asked["keep"]] = message
        return self.exchange(message)

    def through_reader(self, covered):
        self.reader.write(neo2_host.frame(0x63, 0x06, covered.hex().upper().encode("ascii")))
        return self.reader.reply(0x63)

    def common(self, asked, code, kind, entry, condition="00"):
        return {
            "3": code, "4": "%012d" % asked["fen"], "11": asked["trace"], "22": entry, "25": condition, "41": TERMINAL,
            "42": MERCHANT, "49": "156", "53": "0600000000000000", "60": kind + asked["batch"] + "00060",
            "63": asked["number"],
        }

    def short(self, asked, rest):
        return {"11": asked["trace"], "41": TERMINAL, "42": MERCHANT, "60": "00" + asked["batch"] + rest}

    # What a line may ask for.

    def sign_in(self, asked):
        told = self.send("0800", self.short(asked, "004"), dict(asked, mac="none"))
        blob = bytes.fromhex(told.get("fields", {}).get("62", ""))
        self.wrapped = {}
        for at, name in enumerate(["pin", "mac", "data"]):
            part = blob[at * 20 : at * 20 + 20]
            if len(part) < 20:
                return told
            key = ecb(MASTER, part[:16], encrypt=False)
            assert ecb(key, bytes(8))[:4] == part[16:], "the check value of " + name
            self.keys[name], self.wrapped[name] = key, part
        told["length"] = len(blob)
        told["keys"] = sorted({key.hex() for key in self.keys.values()})
        return told

    def sign_out(self, asked):
        return self.send("0820", self.short(asked, "002"), dict(asked, mac="none"))

    def parameters(self, asked):
        """The limits, read from the ASCII list of field 62."""
        told = self.send("0800", self.short(asked, "394"), dict({"mac": "none"}, **asked))
        text = bytes.fromhex(told.get("fields", {}).get("62", "")).decode("ascii")
        told["limits"] = {}
        while text:
            tag, length = text[:6], int(text[6:9])
            assert tag not in told["limits"] and len(text) >= 9 + length, text
            told["limits"][tag], text = text[9 : 9 + length], text[9 + length :]
        return told

    def sale(self, asked):
        return self.with_card(asked, "0200", "000000", "22")

    def hold(self, asked):
        return self.with_card(asked, "0100", "030000", "10", "06")

    def balance(self, asked):
        return self.with_card(dict({"fen": 0}, **asked), "0200", "310000", "01")

    def with_card(self, asked, mti, code, kind, condition="00"):
        card = self.card if asked.get("from_reader") else self.made(asked)
        fields = self.common(asked, code, kind, card["entry"] + ("1" if card.get("pin") else "2"), condition)
        if code == "310000":
            del fields["4"]
        fields["23"] = asked.get("sequence", "001")
        fields["48"], fields["55"] = card["48"], card["55"]
        if card.get("pin"):
            fields.update({"26": "12", "52": card["pin"], "53": "2600000000000000"})
        return self.send(mti, fields, asked)

    def made(self, asked):
        """Card data as the simulated reader makes it: docs/READERS.md."""
        pan, counter = asked["pan"], asked.get("ksn", 1)
        key, serial = data_key(counter)
        track = filled(pan + "D" + asked.get("expiry", "3012") + "2010000000000")
        sealed = tlv("57", cbc(key, track))
        if asked.get("with_number", True):
            sealed += tlv("5A", cbc(key, filled(asked.get("other_number", pan))))
        sealed += tlv("DFEE12", serial)
        atc, amount = struct.pack(">H", counter), bytes.fromhex("%012d" % asked["fen"])
        cryptogram = hashlib.sha256(pan.encode("ascii") + atc + amount).digest()[:8]
        chip = {
            "9F26": cryptogram.hex(), "9F27": "80", "9F10": "07010103A0200000010A010000000000", "9F37": "01020304",
            "9F36": atc.hex(), "95": "0000048000", "9A": "261126", "9C": "00", "9F02": amount.hex(), "5F2A": "0156",
            "82": "7C00", "9F1A": "0156", "9F03": "0" * 12, "9F33": "E0F9C8", "84": "A000000333010101",
        }
        chip.update(asked.get("chip", {}))
        made = b"".join(tlv(tag, bytes.fromhex(value)) for tag, value in chip.items() if value is not None)
        told = {"48": sealed.hex().upper(), "55": made.hex().upper(), "entry": asked.get("entry", "05")}
        if asked.get("pin"):
            key = pin_key(asked["pin_counter"]) if "pin_counter" in asked else self.keys["pin"]
            told["pin"] = pin_block(key, asked["pin"], pan).hex().upper()
        return told

    def back(self, asked, mti, kind, code="200000", condition="00"):
        fields = self.common(asked, code, kind, "012", condition)
        fields.update({"37": asked["rrn"], "61": asked["original"]})
        if kind in ("11", "20"):
            fields["38"] = asked["auth"]
        return self.send(mti, fields, asked)

    def completion(self, asked):
        return self.back(asked, "0200", "20", "000000", "06")

    def hold_void(self, asked):
        return self.back(asked, "0100", "11", condition="06")

    def completion_void(self, asked):
        return self.back(asked, "0200", "21", condition="06")

    def void(self, asked):
        return self.back(asked, "0200", "23")

    def refund(self, asked):
        return self.back(asked, "0220", "25")

    def reversal(self, asked):
        kinds = {
            "sale": ("000000", "22", "051", "00"), "hold": ("030000", "10", "051", "06"),
            "completion": ("000000", "20", "012", "06"),
        }
        code, kind, entry, condition = kinds[asked.get("of", "sale")]
        fields = self.common(asked, code, kind, asked.get("entry", entry), condition)
        fields.update({"39": asked.get("reason", "98"), "61": asked["batch"] + asked["trace"]})
        if kind != "20" and asked.get("sequence", "001"):
            fields["23"] = asked.get("sequence", "001")
        return self.send("0400", fields, asked)

    def settlement(self, asked):
        """Totals of a batch; the answer's are text again."""
        return self.about_batch(asked, "0500", "201", asked["totals"])

    def upload(self, asked):
        rows = asked["rows"]
        text = "%02d" % asked.get("count", len(rows)) + "".join(rows)
        return self.about_batch(asked, "0320", "202" if asked.get("last") else "201", text)

    def about_batch(self, asked, mti, rest, text):
        fields = dict(self.short(asked, rest), **{"48": text.encode("ascii").hex().upper(), "49": "156"})
        told = self.send(mti, fields, asked)
        if "fields" in told and "48" in told["fields"]:
            told["totals"] = bytes.fromhex(told["fields"]["48"]).decode("ascii")
        return told

    def again(self, asked):
        """Sends the last message anew, or one that was kept under a name."""
        return self.exchange(self.kept[asked["kept"]] if "kept" in asked else self.last)

    def raw(self, asked):
        """Sends bytes as they are, or the last message with a piece of its frame changed."""
        message = bytes.fromhex("6000030000603100000000") + self.last
        wire = struct.pack(">H", len(message)) + message
        if "cut" in asked:
            wire = wire[: len(wire) - asked["cut"]]
        if "more" in asked:
            wire += bytes(asked["more"])
        if "at" in asked:
            wire = wire[: asked["at"]] + bytes([wire[asked["at"]] ^ asked["flip"]]) + wire[asked["at"] + 1 :]
        if asked.get("length"):
            wire = struct.pack(">H", len(wire) - 2) + wire[2:]
        options = {key: asked[key] for key in ("kind", "method", "path") if key in asked}
        return self.understood(*self.post(wire, **options))

    # The reader, through its serial port.

    def plug(self, asked):
        self.reader = neo2_host.Port(asked["link"])
        return {}

    def load_keys(self, _asked):
        told = {}
        for kind, name in enumerate(["data", "mac", "pin"]):
            part = self.wrapped[name]
            data = bytes([0, 1, kind, 0, 16]) + part[:16] + b"\x00\x02" + part[16:18]
            self.reader.write(neo2_host.frame(0x63, 0x03, data))
            told[name] = self.reader.reply(0x63)[0]
        return told

    def reader_mac(self, asked):
        self.reader.write(neo2_host.frame(0x63, 0x06, bytes.fromhex(asked["hex"])))
        status, data = self.reader.reply(0x63)
        return {"status": status, "mac": data.hex().upper()}

    def activate(self, asked):
        self.reader.write(neo2_host.frame(0x02, 0x40, neo2_host.activation(asked["fen"])))
        return {}

    def taken(self, _asked):
        found = neo2_host.result(self.reader.reply(0x02))
        tags = found["tags"]
        sealed = b"".join(tlv(tag, bytes.fromhex(tags[tag])) for tag in ("57", "5A", "DFEE12") if tag in tags)
        chip = b"".join(tlv(tag, bytes.fromhex(tags[tag])) for tag in CHIP if tag in tags)
        entry = {"05": "05", "07": "07"}[tags["9F39"]]
        self.card = {"48": sealed.hex().upper(), "55": chip.hex().upper(), "entry": entry}
        return {"status": found["status"], "cvm": tags["DF52"], "masked": tags["DFEF5B"]}

    def ask_pin(self, asked):
        self.reader.write(neo2_host.frame(0x62, 0x01, bytes([asked["kind"], 0, 12, 4, 30])))
        return {"first": self.reader.reply(0x62)[0]}

    def typed(self, _asked):
        status, data = self.reader.reply(0x62)
        self.card["pin"] = data[1:].decode("ascii")[-16:]
        return {"status": status, "state": data[0]}

    def complete(self, asked):
        data = tlv("8A", asked["code"].encode("ascii")) + bytes.fromhex(asked.get("more", ""))
        self.reader.write(neo2_host.frame(0x60, 0x12, data))
        told = {"first": self.reader.reply(0x60)[0]}
        if told["first"] == 0x63:
            told.update(neo2_host.result(self.reader.reply(0x60)))
        return told


def main():
    terminal = Terminal(int(sys.argv[1]), sys.argv[2])
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(getattr(terminal, asked["do"])(asked)), flush=True)


if __name__ == "__main__":
    main()
