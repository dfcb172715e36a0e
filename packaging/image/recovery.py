#!/usr/bin/env python3
"""What a machine does when something is broken or to be emptied: IMAGE CRASHING OUT.

Owns the drills: a data partition with faults that a program repairs carefully and boldly, one that cannot be mounted,
one that is full, 恢复出厂 by taps, and a terminal that crashes three times (CRASHING, folder `crash`). The disk is
damaged while the machine has no power, as debugfs(8) can, and looked at by e2fsck(8). Fails at the first thing that is
not as it must be."""
import os
import shutil
import subprocess
import sys
import time
from collections import Counter

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from keep import digest  # noqa: E402
from till import (ENDS, RED, ROSE, Till, books_hold, change, data_of, data_partition, equal_books,  # noqa: E402
                  is_keypad, is_settled, is_stopped, machine, recovered)
from ways import TO_MAINTENANCE, approves_at_last, goes, is_maintenance  # noqa: E402

# On the page 维护.
RESET = (360, 882)
# The key of a screen that does not start.
AGAIN = (360, 1168)
# Beyond what a superblock takes; and what the file system itself needs for a file that fills it.
HEAD, OWN = 8 << 10, 1 << 20


def main():
    image, crashing, out = sys.argv[1:4]
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    drills = {drill.__name__: drill for drill in (repaired, unmounted, full, emptied, crashes)}
    for name in os.environ.get("DRILLS", " ".join(drills)).split():
        drill, place = drills[name], f"{out}/{name}"
        with machine(crashing if drill is crashes else image, place, pin=drill is emptied) as (vm, sandbox):
            drill(vm, Till(vm, place), sandbox, place)
            vm.cut()
    print("image-test recovery: everything passed")


def sells(vm, till, sandbox, amount):
    """From power-on to a sale that is paid."""
    vm.power_on()
    till.sells()
    vm.pass_time(5)
    till.picture("keypad")
    till.touches()
    till.sale(sandbox, amount)


def is_sound(data):
    return subprocess.run(["e2fsck", "-fn", data], capture_output=True).returncode == 0


def repaired(vm, till, sandbox, out):
    """Faults that `e2fsck -p` takes, then faults that it leaves; no sale is lost by either."""
    sells(vm, till, sandbox, "1.10")
    wanted = {110: "paid"}
    for amount, damage in ((220, ["mkdir gone", "clri gone"]), (330, ["mkdir odd", "sif odd mode 0100644"])):
        vm.cut()
        with data_partition(vm.image, f"{out}/data.img", kept=True) as data:
            recovered(data)
            change(data, *damage, "ssv state 2")
            assert not is_sound(data), "no fault"
        sells(vm, till, sandbox, f"{amount / 100:.2f}")
        wanted[amount] = "paid"
    vm.cut()
    books_hold(vm, out, sandbox, wanted)
    with data_partition(vm.image, f"{out}/data.img") as data:
        recovered(data)
        assert is_sound(data), "a fault is left"
    print("a faulty data partition: repaired at the start, twice; three sales paid, journal and books equal",
          flush=True)


def unmounted(vm, till, _, out):
    """A partition without a file system: the terminal says so, and nothing is written to it."""
    with data_partition(vm.image, f"{out}/data.img", kept=True) as data:
        with open(data, "r+b") as file:
            file.write(bytes(HEAD))
        before = digest(data)
    vm.power_on()
    till.until(is_stopped, "a screen that says why", 300)
    vm.pass_time(20)
    till.picture("not-mounted")
    vm.cut()
    with data_partition(vm.image, f"{out}/data.img") as data:
        assert digest(data) == before, "something was written"
    print("a data partition that cannot be mounted: the screen says so, and no byte of it changes", flush=True)


def full(vm, till, sandbox, out):
    """No room on the disk: nobody can be charged; when there is room again, it sells."""
    sells(vm, till, sandbox, "4.40")
    vm.cut()
    with data_partition(vm.image, f"{out}/data.img", kept=True) as data:
        recovered(data)
        with open(f"{out}/filler", "wb") as file:
            file.write(b"\1" * (free_bytes(data) - OWN))
        change(data, f"write {out}/filler filler")
        os.unlink(f"{out}/filler")
        print(f"{free_bytes(data)} bytes left, which only root may use", flush=True)
    sells_until_refused(vm, till, sandbox)
    vm.cut()
    equal_books(vm.image, out, sandbox)
    with data_partition(vm.image, f"{out}/data.img", kept=True) as data:
        recovered(data)
        change(data, "rm filler")
    sells(vm, till, sandbox, "6.60")
    till.until(is_settled, "the end of all open sales", ENDS)
    vm.cut()
    orders = equal_books(vm.image, out, sandbox)
    states = Counter(order["state"] for order in orders.values())
    assert states["open"] == 0 and states["paid"] >= 2, states
    print(f"a full data partition: new sales are refused; with room again one is paid, {dict(states)}, journal "
          "and books equal, none open", flush=True)


class Refused(Exception):
    """The screen says that no new sale begins."""


def is_refused(screen):
    """A red strip above the keys, or the screen of a terminal out of service."""
    return screen.at(100, 200) == RED or is_keypad(screen) and screen.at(690, 320) == ROSE


def sells_until_refused(vm, till, sandbox):
    """What a journal holds already may have room for another sale or two; none may be half stored."""
    look = vm.screen

    def watched():
        screen = look()
        if is_refused(screen):
            raise Refused
        return screen

    vm.screen = watched
    try:
        sells(vm, till, sandbox, "5.50")
        for cents in range(51, 60):
            till.sale(sandbox, f"5.{cents}")
    except Refused:
        vm.screen = look
        vm.pass_time(20)
        till.picture("full")
        return
    raise SystemExit("ten sales on a full disk")


def free_bytes(data):
    told = subprocess.run(["dumpe2fs", "-h", data], capture_output=True, text=True, check=True).stdout
    head = dict(line.split(":", 1) for line in told.splitlines() if ":" in line)
    return int(head["Free blocks"]) * int(head["Block size"])


def emptied(vm, till, sandbox, out):
    """恢复出厂: with a wrong PIN, with the right one, and what is left."""
    vm.power_on()
    till.sells()
    till.touches()
    goes(vm, till, TO_MAINTENANCE)
    till.picture("maintenance")
    vm.tap(*RESET)
    approves_at_last(vm, till, sandbox.pin)
    till.until(is_maintenance, "the page again", 90)
    till.picture("approved")
    vm.tap(*RESET)
    till.until(is_stopped, "the screen of an empty terminal", 120)
    vm.pass_time(5)
    till.picture("emptied")
    vm.cut()
    left = os.listdir(data_of(vm.image, f"{out}/data"))
    print(f"恢复出厂: a wrong PIN led nowhere; left in the data directory: {left}", flush=True)
    assert not left, left
    vm.power_on()
    till.until(is_stopped, "the same screen after a start", 300)
    till.picture("after-a-start")


def crashes(vm, till, sandbox, out):
    """Three crashes of a version that proved itself: the tools instead of a fourth, and 重试 sells."""
    vm.power_on()
    till.sells()
    for number in range(3):
        if vm.wait(r"^systemd \d+", 300) is None:
            raise SystemExit(f"crash {number + 1} never happened")
    till.until(is_stopped, "the safe mode", 60)
    vm.pass_time(5)
    till.picture("safe-mode")
    vm.tap(*AGAIN)
    began = time.monotonic()
    till.sells(60)
    print(f"three crashes: the safe mode; 重试: a keypad after {time.monotonic() - began:.1f} s", flush=True)
    till.touches()
    till.sale(sandbox, "7.70")
    vm.ask("query-status")
    assert "RESET" not in vm.events, vm.events
    vm.cut()
    books_hold(vm, out, sandbox, {770: "paid"})


if __name__ == "__main__":
    main()
