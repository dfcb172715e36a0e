#!/usr/bin/env python3
"""Counts the instructions from power-on to the first screen that can take an amount: IMAGE OUT.

Owns the table of stages. One instruction is one nanosecond of the guest's clock, whatever the load of
this machine is; while the guest has nothing to do its clock goes with ours, so a wait counts as long as it
is. (With a clock that jumps to the guest's next timer instead, each wait for the disk counted whatever that
timer was: the same image took 8.8 G on a quiet machine and 311 on a loaded one.) The disk lies in memory
where there is room, so that waits are short. Nothing in the image is changed for it: the clock is the board's
timer, the stage is told by where the processor is. Each way is counted several times and the middle one is
held against the limit. The limits are for a machine that was started before; its very first start also makes
the journal, and is only told."""
import os
import re
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from till import Sandbox, Till, copy_image, is_keypad  # noqa: E402
from vm import Vm  # noqa: E402

LIMITS = {"shipped (UEFI)": 12.0, "direct kernel": 8.0}
# An odd number, so that one is in the middle.
RUNS = 3
MEMORY = "/dev/shm"
# The file system writes what was not synced within so many seconds.
SETTLES = 15
STAGES = ["firmware, loader, unpacking", "kernel", "first program, systemd, terminal"]
# The upper half of the address space, and the ring in which programs run.
KERNEL_BEGINS, PROGRAMS = 0xffff800000000000, 3


def main():
    image, out = sys.argv[1:3]
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    work = os.path.join(os.path.dirname(image), "work")
    with open(f"{work}/cmdline") as file:
        direct = (f"{work}/vmlinuz", f"{work}/initrd.zst", file.read())
    sandbox = Sandbox(out)
    failed = False
    try:
        room = MEMORY if os.path.isdir(MEMORY) else out
        disk = f"{room}/shouyin-budget-{os.getpid()}.raw"
        copy_image(image, disk, sandbox.provision())
        count(Vm(disk, f"{out}/vm-first", snapshot=True, counted="rests"), "very first (UEFI)")
        started_once(Vm(disk, f"{out}/vm-once"), out)
        for name, way in (("shipped (UEFI)", None), ("direct kernel", direct)):
            folder = f"{out}/vm-{'direct' if way else 'uefi'}"
            totals = sorted(count(Vm(disk, f"{folder}-{run}", snapshot=True, counted="rests",
                                     direct=way), name) for run in range(1, RUNS + 1))
            middle = totals[RUNS // 2]
            print(f"{name}: {middle:.1f} G, the middle one of {RUNS} ({totals[0]:.1f} to {totals[-1]:.1f})",
                  flush=True)
            failed |= middle > LIMITS[name]
    finally:
        sandbox.stop()
        if os.path.exists(disk):
            os.unlink(disk)
    print("image-test budget: " + ("over the budget" if failed else "within the budget"))
    sys.exit(1 if failed else 0)


def started_once(vm, out):
    """The journal is there afterwards, and what is written at leisure is on the disk."""
    vm.power_on()
    try:
        Till(vm, out).sells()
        vm.pass_time(SETTLES)
    finally:
        vm.cut()


def count(vm, name):
    """Prints the stages of one boot and returns its length in giga-instructions."""
    vm.power_on()
    try:
        marks = {}
        until = time.monotonic() + 600
        while not is_keypad(vm.screen()):
            assert vm.is_on() and time.monotonic() < until, f"{name}: no keypad"
            now, stage = vm.guest_seconds() or 0.0, where(vm)
            for reached in range(stage + 1):
                marks.setdefault(reached, now)
            vm.pass_time(0.05)
        total = vm.guest_seconds()
        vm.screen().save(f"{vm.folder}/first-screen.png")
    finally:
        vm.cut()
    wall = time.monotonic() - vm.began
    limit = f"limit {LIMITS[name]:.0f}" if name in LIMITS else "no limit"
    ends = [marks.get(1, total), marks.get(2, total), total]
    print(f"{name}: {total:.1f} G instructions ({limit}), {wall:.0f} s emulated")
    begin = 0.0
    for stage, end in zip(STAGES, ends):
        print(f"  {stage:<34} {end - begin:5.1f} G, until {end:5.1f} G")
        begin = end
    sys.stdout.flush()
    return total


def where(vm):
    """The farthest stage that the processor can be in: 0, 1 or 2."""
    registers = vm.monitor("info registers")
    place = int(re.search(r"[RE]IP=([0-9a-f]+)", registers)[1], 16)
    ring = int(re.search(r"CPL=(\d)", registers)[1])
    return 2 if ring == PROGRAMS else 1 if place >= KERNEL_BEGINS else 0


main()
