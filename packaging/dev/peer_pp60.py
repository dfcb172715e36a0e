"""The sandbox PIN pad's MACs and PIN blocks, made again by other people's code (psec).

    pip install psec
    python3 packaging/dev/peer_pp60.py target/debug/shouyin-sandbox

Talks to the pad with tests/peer/pp60_host.py; keys and texts are made up anew. Fails at the first value that differs.
"""

import os
import subprocess
import sys
import tempfile

from psec import des, mac, pinblock

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "peer"))

from pp60_host import MASTER, Pad, frame  # noqa: E402

CARDS = ["6216261000000000018", "6250948736102942", "621626100000000026"]
MACS, PINS = 300, 100


def main():
    link = os.path.join(tempfile.mkdtemp(), "pad")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    sandbox = subprocess.Popen([sys.argv[1], "reader", "--kind", "pp60", "--link", link], **pipes)
    sandbox.stdout.readline()
    pad = Pad(link)
    pad.good(0xD6, b"\x01")
    mac_key, pin_key = os.urandom(16), os.urandom(16)
    for slot, mode, key in [(2, 0x91, mac_key), (3, 0x92, pin_key)]:
        wrapped = des.encrypt_tdes_ecb(MASTER, key)
        data = bytes([0, slot, mode]) + wrapped + b"\xff\xff"
        assert pad.signed(3, 0x81, data)[0] == "good"
    for turn in range(MACS):
        text = os.urandom(8 * (turn % 30 + 1))
        if len(text) == 8:
            made = des.encrypt_tdes_ecb(mac_key, text)
        else:
            made = mac.generate_retail_mac(mac_key[:8], mac_key[8:], text, 1)
        assert pad.signed(2, 0x85, b"\x02\x82" + text) == ("good", made), "a MAC differs"
    assert pad.signed(2, 0x82, b"\x03\x81\x00\x00")[0] == "good"
    for turn in range(PINS):
        card = CARDS[turn % len(CARDS)]
        pin = ("%012d" % (turn * 7919 + 1234))[-(4 + turn % 9):]
        digits = card[:-1].rjust(16, "0")[-16:].encode("ascii")
        pad.write(frame(0x83, b"\x04\x0c" + digits))
        # Without this the pad might hear of the PIN before the command.
        while True:
            sandbox.stdin.write("pin " + pin + "\n")
            assert sandbox.stdout.readline() == "ok\n"
            answer = pad.read(0x83, 0.2)
            if answer:
                break
        made = des.encrypt_tdes_ecb(pin_key, pinblock.encode_pinblock_iso_0(pin, card))
        assert answer == ("good", made), "a PIN block differs"
    sandbox.stdin.close()
    sandbox.wait()
    print(f"{MACS} MACs and {PINS} PIN blocks are what psec makes of them")


main()
