#!/usr/bin/env python3
"""An update of a machine, a bad one that is left again, and power cuts in between: IMAGE GOOD BAD OUT.

Owns the drills; GOOD and BAD are folders that a server offers (versions 2 and 3). Everything is seen from
outside: the panel, resets, and the boot partition of a machine without power. UPDATE_CUTS in the environment
changes how often the power fails; the seed is printed; KEEP=1 keeps the figures (keep.py). Fails at the
first thing that is not as it must be."""
import os
import random
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from keep import keep, said  # noqa: E402
from till import Sandbox, Till, books_hold, copy_image, is_keypad, partition  # noqa: E402
from vm import Vm  # noqa: E402

CUTS = int(os.environ.get("UPDATE_CUTS", "10"))
SEED = int(os.environ.get("SEED", str(int(time.time()))))
# From a keypad to the restart into a new version, and from its keypad to the mark of a good start.
INSTALLS, PROVES = 900, 60
# A start of the new version, up to its keypad.
STARTS = 40


def main():
    image, good, bad, out = sys.argv[1:5]
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    print(f"seed {SEED}", flush=True)
    sandbox = Sandbox(out)
    ready, disk = f"{out}/ready.raw", f"{out}/disk.raw"
    vm = Vm(disk, f"{out}/vm")
    try:
        folder = provision(sandbox)
        copy_image(image, disk, folder)
        offer(sandbox, good)
        figures = [f"seed {SEED}", updated(vm, out)]
        offer(sandbox, bad)
        figures.append(fallen_back(vm, sandbox, out))
        # What was fetched lies there already, so that only the installation is cut.
        shutil.copytree(good, f"{folder}/update")
        copy_image(image, ready, folder)
        figures += cuts(vm, ready, out)
    finally:
        if vm.process is not None:
            vm.cut()
        sandbox.stop()
    os.unlink(disk)
    os.unlink(ready)
    keep("update", image, figures)
    print("image-test update: everything passed")


def provision(sandbox, window="00:00-23:59"):
    """A shop that takes updates at any time of day, so that no hand is needed; without a window only people
    begin one."""
    folder = sandbox.provision()
    with open(f"{folder}/terminal.toml") as file:
        server = re.search(r"https://10\.0\.2\.2:\d+", file.read()).group()
    with open(f"{folder}/terminal.toml", "a") as file:
        file.write(f'\n[update]\nurl = "{server}/update"\nca_file = "/data/shouyin/sandbox/ca.pem"\n')
        if window:
            file.write(f'window = "{window}"\n')
    return folder


def offer(sandbox, folder):
    to = f"{sandbox.folder}/sandbox/update"
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(folder, to)


def kernels(disk):
    """The kernels on the boot partition of a machine without power, with what the boot loader counts in their names."""
    where = f"{disk}@@{partition(disk, 'shouyin-esp')[0]}"
    told = subprocess.run(["mdir", "-b", "-i", where, "::/EFI/Linux"], capture_output=True, text=True,
                          check=True).stdout
    return sorted(line.rsplit("/", 1)[1] for line in told.split())


def starts_anew(vm, seconds):
    """Waits for a reset; returns how long that took."""
    began = time.monotonic()
    seen = vm.events.count("RESET")
    while vm.events.count("RESET") == seen:
        if time.monotonic() - began > seconds:
            raise SystemExit(f"no restart within {seconds} s")
        vm.pass_time(0.5)
        vm.ask("query-status")
    return time.monotonic() - began


def updated(vm, out):
    vm.power_on()
    till = Till(vm, out)
    till.sells()
    took = starts_anew(vm, INSTALLS)
    vm.began = time.monotonic()
    till.sells()
    till.picture("updated")
    vm.pass_time(PROVES)
    till.touches()
    till.picture("updated-and-proven")
    vm.cut()
    names = kernels(vm.image)
    assert names == ["shouyin_1.efi", "shouyin_2.efi"], names
    return said(f"version 2 was fetched and installed {took:.0f} s after the keypad, and proved itself")


def fallen_back(vm, sandbox, out):
    """A version whose terminal never starts: the boot loader gives it up, and it is not tried again."""
    vm.power_on()
    till = Till(vm, out)
    till.sells()
    starts_anew(vm, INSTALLS)
    tries = 1
    while True:
        until = time.monotonic() + 300
        before = vm.events.count("RESET")
        while vm.events.count("RESET") == before and not is_keypad(vm.screen()):
            assert time.monotonic() < until, "neither a restart nor a keypad"
            vm.pass_time(0.5)
        if vm.events.count("RESET") == before:
            break
        tries += 1
    till.picture("fallen-back")
    resets = vm.events.count("RESET")
    till.touches()
    till.sale(sandbox, "7.70")
    vm.pass_time(PROVES)
    vm.ask("query-status")
    assert vm.events.count("RESET") == resets, "it was tried again by itself"
    vm.cut()
    names = kernels(vm.image)
    assert "shouyin_2.efi" in names and "shouyin_3.efi" not in names, names
    books_hold(vm, out, sandbox, {770: "paid"})
    return said(f"a bad version 3: {tries} restarts, then version 2 again, which sells (journal and books equal): "
                f"{', '.join(names)}")


def cuts(vm, ready, out):
    """The power fails at any moment between a keypad with an update that lies ready and the new version's mark."""
    chance = random.Random(SEED)
    copy_image(ready, vm.image)
    vm.power_on()
    till = Till(vm, out)
    till.sells()
    took = starts_anew(vm, INSTALLS)
    vm.cut()
    found, longest = {}, 0.0
    for number in range(1, CUTS + 1):
        copy_image(ready, vm.image)
        vm.power_on()
        till.sells()
        # Beyond the restart, so that the first start of the new version is cut, too.
        moment = chance.uniform(0, took + STARTS)
        vm.pass_time(moment)
        vm.cut()
        names = kernels(vm.image)
        assert "shouyin_1.efi" in names, f"cut {number}: {names}"
        vm.power_on()
        longest = max(longest, till.sells())
        till.touches()
        vm.cut()
        others = ", ".join(name for name in names if name != "shouyin_1.efi") or "none"
        found[others] = found.get(others, 0) + 1
        print(f"cut {number} after {moment:.0f} s (new kernel: {others}): sells", flush=True)
    told = ", ".join(f"{others} {count}" for others, count in sorted(found.items()))
    return [said(f"{CUTS} power cuts during an update of {took:.0f} s, each with a system that sells; "
                 f"the new kernel then: {told}"),
            said(f"the longest start after a cut {longest:.1f} s until it sells")]


if __name__ == "__main__":
    main()
