#!/usr/bin/env python3
"""Boots the image in a virtual machine and sells: IMAGE SANDBOX.json OUTDIR.

The sandbox acquirer runs on this machine; the image's configuration leads there. Every step is seen from outside: the
screen's pixels and the sandbox's own books. Fails at the first thing that is not as it must be."""
import json
import os
import sys
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from vm import Vm  # noqa: E402

# Centres of the keys on a panel of 720x1280 (docs/screens/keypad-portrait-zh.png).
KEYS = {"7": (128, 432), "8": (359, 432), "9": (590, 432), "4": (128, 612), "5": (359, 612), "6": (590, 612), "1": (128, 792), "2": (359, 792),
        "3": (590, 792), "00": (128, 972), "0": (359, 972), ".": (590, 972), "charge": (474, 1168)}


def main():
    image, sandbox, out = sys.argv[1:4]
    vm = Vm(image, out, snapshot=True)
    vm.power_on()
    try:
        boot(vm)
        escape(vm)
    finally:
        vm.cut()


def boot(vm):
    until = time.monotonic() + 240
    while time.monotonic() < until:
        vm.pass_time(2)
        width, height, rows = vm.picture("boot")
        if (width, height) == vm.size and looks_like_keypad(rows):
            print(f"first screen after {time.monotonic() - vm.began:.1f} s")
            return
    raise SystemExit("no keypad within 240 s; see serial.log and boot.png")


def looks_like_keypad(rows):
    """The keys are white on grey, and the charge key is there."""
    at = lambda x, y: tuple(rows[y][x * 3:x * 3 + 3])  # noqa: E731
    return at(60, 400) == (255, 255, 255) and at(243, 600) != (255, 255, 255) and at(243, 600) != (0, 0, 0)


def escape(vm):
    """No key leads out of the terminal."""
    for keys in (("ctrl", "alt", "f2"), ("alt", "sysrq", "b"), ("ctrl", "alt", "backspace"), ("ctrl", "c"), *[("ctrl", "alt", "delete")] * 20):
        vm.keys(*keys)
        vm.pass_time(0.2)
    vm.pass_time(3)
    _, _, rows = vm.picture("after-keys")
    assert vm.is_on() and looks_like_keypad(rows), "a key led out of the terminal"
    print("no key leads out")


main()
