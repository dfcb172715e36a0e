"""The sandbox reader's DUKPT and PIN blocks, opened by other people's code: pydukpt derives the keys, psec opens and forms.

    pip install psec pydukpt
    python3 packaging/dev/peer_dukpt.py target/debug/shouyin-sandbox

Taps every card that goes online many times and types PINs of 4 to 12 digits; fails at the first value that differs.
"""

import json
import os
import subprocess
import sys
import tempfile

import pydukpt
from psec import des, pinblock

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BASE = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
CARDS = [("debit", "6216261000000000018"), ("credit", "6250948736102942"), ("phone", "6216261000000000026")]
ROUNDS = 300


def key_for(ksn):
    return pydukpt.derive_key(pydukpt.derive_ipek(BASE, ksn), ksn)


def main():
    link = os.path.join(tempfile.mkdtemp(), "reader")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    sandbox = subprocess.Popen([sys.argv[1], "reader", "--link", link], **pipes)
    sandbox.stdout.readline()
    steps, wanted = [], []
    for turn in range(ROUNDS):
        name, pan = CARDS[turn % len(CARDS)]
        pin = ("%012d" % (turn * 7919 + 1234))[-(4 + turn % 9):]
        steps += ["tap", str(turn + 1), "tap " + name, "pin", "pin " + pin]
        wanted.append((pan, pin))
    host = subprocess.Popen(
        [sys.executable, os.path.join(ROOT, "tests/peer/neo2_host.py"), link, *steps], **pipes
    )
    seen = []
    for line in host.stdout:
        if line.startswith("DO "):
            sandbox.stdin.write(line[3:])
            assert sandbox.stdout.readline() == "ok\n", line
            host.stdin.write("done\n")
        else:
            seen.append(json.loads(line))
    assert host.wait() == 0
    sandbox.stdin.close()
    sandbox.wait()
    serials = set()
    for (pan, pin), tap, typed in zip(wanted, seen[::2], seen[1::2]):
        ksn = bytes.fromhex(tap["tags"]["DFEE12"])
        data_key = pydukpt.data_request_key(key_for(ksn))
        track = des.decrypt_tdes_cbc(data_key, bytes(8), bytes.fromhex(tap["tags"]["57"])).hex().upper()
        assert track.startswith(pan + "D"), "a track differs"
        pin_ksn, block = bytes.fromhex(typed["text"][:20]), bytes.fromhex(typed["text"][20:])
        formed = pinblock.encode_pinblock_iso_0(pin, pan)
        assert des.encrypt_tdes_ecb(pydukpt.pin_key(key_for(pin_ksn)), formed) == block, "a PIN block differs"
        serials.add((ksn, "data"))
        serials.add((pin_ksn, "pin"))
    assert len(serials) == 2 * ROUNDS, "a key was used twice"
    print(f"{ROUNDS} tracks and {ROUNDS} PIN blocks are what pydukpt and psec make of them, no key was used twice")


main()
