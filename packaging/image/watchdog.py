#!/usr/bin/env python3
"""A terminal that is killed, one that hangs, and a PID 1 that stands still: IMAGE OUT.

Owns the drill of the watchdogs, on an image that hurts itself (folder `drill`). The guest's clock counts
instructions, and goes with ours while the guest rests; the panel's pixels tell when the till sells."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from till import KEYS, Till, can_charge, is_keypad, machine  # noqa: E402

# `WatchdogSec` of the terminal, `RuntimeWatchdogSec` of the system, and how soon a till sells again.
TERMINAL, SYSTEM, AGAIN = 6, 20, 3
# What every drill prints at its moment.
MOMENT = r"^systemd \d+"


def main():
    image, out = sys.argv[1:3]
    with machine(image, out, snapshot=True, counted=True) as (vm, _):
        vm.power_on()
        till = Till(vm, out)
        till.sells()
        till.touches()
        sells_again(vm, till, "killed", 0)
        sells_again(vm, till, "hung", TERMINAL)
        reset(vm, till)
    print("image-test watchdog: everything passed")


def moment(vm, name):
    if vm.wait(MOMENT, 300) is None:
        raise SystemExit(f"the drill {name} never happened")


def sells_again(vm, till, name, watchdog):
    """A digit stands on the screen when it happens; the terminal that comes after it has none."""
    until = time.monotonic() + 60
    while not can_charge(vm.screen()):
        assert time.monotonic() < until, "no tap was taken"
        vm.tap(*KEYS["1"])
    moment(vm, name)
    began = vm.guest_seconds()
    till.until(lambda screen: is_keypad(screen) and not can_charge(screen), f"{name}: a new keypad",
               120, every=0.05)
    took = vm.guest_seconds() - began
    till.picture(f"after-{name}")
    print(f"{name}: sells again after {took:.1f} s, {watchdog} of them the watchdog's", flush=True)
    assert took <= watchdog + AGAIN, f"more than {AGAIN} s after the watchdog"


def reset(vm, till):
    moment(vm, "frozen")
    began = time.monotonic()
    while "RESET" not in vm.events:
        assert time.monotonic() - began < SYSTEM + 40, "the board's watchdog did nothing"
        vm.pass_time(0.2)
        vm.ask("query-status")
    took = time.monotonic() - began
    assert "WATCHDOG" in vm.events, f"a reset, but not by the watchdog: {vm.events}"
    till.sells()
    till.picture("after-frozen")
    print(f"PID 1 stands still: reset by the board's watchdog after {took:.1f} s, sells again", flush=True)


main()
