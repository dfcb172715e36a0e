"""The sandbox's PN532 and its card, as adafruit-circuitpython-pn532 finds them.

    pip install adafruit-circuitpython-pn532 pyserial
    python3 packaging/dev/peer_pn532.py target/debug/shouyin-sandbox
"""

import os
import subprocess
import sys
import tempfile

import serial
from adafruit_pn532.uart import PN532_UART

PPSE = b"\x00\xa4\x04\x00\x0e2PAY.SYS.DDF01\x00"


def main():
    link = os.path.join(tempfile.mkdtemp(), "reader")
    sandbox = subprocess.Popen(
        [sys.argv[1], "reader", "--kind", "pn532", "--link", link],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    )
    sandbox.stdout.readline()
    chip = PN532_UART(serial.Serial(link, 115200, timeout=1))
    assert chip.firmware_version == (0x32, 1, 6, 7), chip.firmware_version
    chip.SAM_configuration()
    sandbox.stdin.write("tap debit\n")
    assert sandbox.stdout.readline() == "ok\n"
    uid = chip.read_passive_target(timeout=1)
    assert uid.hex() == "08a1b2c3", uid
    answer = chip.call_function(0x40, params=b"\x01" + PPSE, response_length=255, timeout=1)
    assert answer[0] == 0 and bytes(answer[-2:]) == b"\x90\x00" and bytes.fromhex("A000000333010101") in bytes(answer)
    sandbox.stdin.write("pull\n")
    assert sandbox.stdout.readline() == "ok\n"
    assert chip.read_passive_target(timeout=1) is None, "no card any more"
    sandbox.stdin.close()
    sandbox.wait()
    print("firmware, card, payment directory and an empty field are found")


main()
