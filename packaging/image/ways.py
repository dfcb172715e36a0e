#!/usr/bin/env python3
"""What a supervisor does at the page of updates, by taps: IMAGE GOOD OLD OUT.

Owns the drill: 立即更新 with a PIN and a wrong one before it, an older version that is offered, a wish for it that is
not granted, and 退回 with a PIN. GOOD (version 2) and OLD (version 1, signed by the same key) are folders that a
server offers. The PIN is drawn here and told to nobody. Fails at the first thing that is not as it must be."""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import update  # noqa: E402
from till import (AMBER, BLUE, GREY, KEYS, WHITE, Till, books_hold, change, data_of,  # noqa: E402
                  data_partition, is_keypad, machine, recovered, wrong)

# From the keypad to the page of updates: each step is a place to tap and what the next page is known by. The only
# thing to change when the page moves.
TO_MAINTENANCE = [((74, 158), lambda screen: is_records(screen)), ((360, 458), lambda screen: is_maintenance(screen))]
WAY = [*TO_MAINTENANCE, ((590, 267), lambda screen: is_update(screen))]
# The keys of that page.
ACT, GO_BACK = (480, 1168), (360, 1000)
# Beyond what a fetch and an installation take on a loaded machine.
PATIENCE = 900


def main():
    image, good, old, out = sys.argv[1:5]
    with machine(image, out, pin=True, provision=lambda sandbox: update.provision(sandbox, window=None)) as (vm, sandbox):
        pin = sandbox.pin
        update.offer(sandbox, good)
        vm.power_on()
        till = Till(vm, out)
        till.sells()
        till.touches()
        till.sale(sandbox, "8.80")
        now(vm, till, pin)
        older_is_offered(vm, till, sandbox, old)
        older_is_wished_for(vm, till, old, out)
        back(vm, till, pin)
        till.sale(sandbox, "9.60")
        vm.cut()
        books_hold(vm, out, sandbox, {880: "paid", 960: "paid"})
    print("image-test ways: everything passed")


def is_records(screen):
    """Keys above, and the way back to the keypad below; a short list has no 更多 beside that."""
    keys = all(screen.at(*place) == WHITE for place in [(60, 180), (600, 230), (60, 340)])
    return keys and screen.at(400, 1100) == BLUE


def is_maintenance(screen):
    """A title with keys below it, and the way back along the whole foot."""
    return (screen.at(60, 240) == WHITE and screen.at(300, 165) == GREY and screen.at(60, 1100) == BLUE
            and screen.at(400, 1100) == BLUE and not is_keypad(screen))


def is_update(screen):
    """The page of updates with something to do on it."""
    return (screen.at(600, 230) == GREY and screen.at(400, 1100) == BLUE and screen.at(60, 1100) == WHITE
            and screen.at(300, 165) == GREY and not is_keypad(screen))


def lies_ready(screen):
    """Its notes stand in a field, and the key at the foot acts."""
    return is_update(screen) and screen.at(600, 800) == WHITE


def says_why_not(screen):
    """A strip between the notes and the key."""
    return lies_ready(screen) and screen.at(690, 960) == AMBER


def can_go_back(screen):
    return is_update(screen) and screen.at(160, 1000) == WHITE and screen.at(600, 800) == GREY


def is_approval(screen):
    """The keys for a PIN: its zero is as wide as three."""
    return is_keypad(screen) and screen.at(243, 972) == WHITE


def to_updates(vm, till):
    goes(vm, till, WAY)


def goes(vm, till, way):
    for place, there in way:
        vm.tap(*place)
        till.until(there, "the next page on the way", 90)


def approves(vm, till, pin):
    till.until(is_approval, "the keys for a PIN", 90)
    for digit in pin:
        vm.tap(*KEYS[digit])
    till.until(lambda screen: screen.at(300, 1100) == BLUE, "a whole PIN", 90)
    vm.tap(*KEYS["charge"])


def approves_at_last(vm, till, pin):
    """A wrong PIN, which leads nowhere, and the right one."""
    approves(vm, till, wrong(pin))
    vm.pass_time(5)
    assert is_approval(vm.screen()), "a wrong PIN led on"
    till.picture("wrong-pin")
    approves(vm, till, pin)


def older_starts(vm, till):
    """Version 1 after 退回, at once and at the next power-on; version 2 counts as tried."""
    took = update.starts_anew(vm, PATIENCE)
    vm.began = time.monotonic()
    till.sells()
    till.picture("back")
    vm.pass_time(update.PROVES)
    till.touches()
    print(f"退回 with a PIN: version 1 starts {took:.0f} s later", flush=True)
    vm.cut()
    names = update.kernels(vm.image)
    assert names[0] == "shouyin_1.efi" and "shouyin_2.efi" not in names, names
    print(f"the boot partition after it: {names}", flush=True)
    vm.power_on()
    till.sells()
    till.touches()


def now(vm, till, pin):
    """立即更新: fetched by itself, the batch that is open, 仍要更新, a wrong PIN, the right one."""
    to_updates(vm, till)
    till.until(lies_ready, "a version that lies ready", PATIENCE)
    till.picture("ready")
    vm.tap(*ACT)
    # A sale is in the open batch: it is told, and the supervisor has to want it despite that.
    till.until(says_why_not, "that the batch is open", 90)
    till.picture("batch-open")
    vm.tap(*ACT)
    approves_at_last(vm, till, pin)
    took = update.starts_anew(vm, PATIENCE)
    vm.began = time.monotonic()
    till.sells()
    till.picture("updated-by-hand")
    print(f"立即更新 with a PIN: version 2 starts {took:.0f} s later; a wrong PIN led nowhere", flush=True)
    vm.pass_time(update.PROVES)
    till.touches()


def older_is_offered(vm, till, sandbox, old):
    """The server offers version 1 to a machine that runs version 2."""
    update.offer(sandbox, old)
    resets = vm.events.count("RESET")
    to_updates(vm, till)
    vm.tap(*ACT)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert not lies_ready(vm.screen()), "an older version lies ready"
        vm.pass_time(1)
    till.picture("older-is-offered")
    vm.ask("query-status")
    assert vm.events.count("RESET") == resets, "it started anew"
    print("an older version that is offered is not taken", flush=True)


def back(vm, till, pin):
    """退回, from the page that is open."""
    till.until(can_go_back, "退回", 180)
    vm.tap(*GO_BACK)
    till.until(is_approval, "the keys for a PIN", 90)
    till.picture("approve-back")
    approves(vm, till, pin)
    older_starts(vm, till)


def older_is_wished_for(vm, till, old, out):
    """Whoever could write the terminal's own folder puts version 1 there, which is signed, and wishes for it."""
    vm.cut()
    before = update.kernels(vm.image)
    with open(f"{out}/apply", "w") as file:
        file.write("install 1 1\n")
    with data_partition(vm.image, f"{out}/data.img", kept=True) as data:
        recovered(data)
        # What was fetched there before has the same names.
        listed = subprocess.run(["debugfs", "-R", "ls -p /shouyin/update", data], capture_output=True,
                                text=True, check=True).stdout
        there = [line.split("/")[5] for line in listed.splitlines() if line]
        for path in [*(f"{old}/{name}" for name in sorted(os.listdir(old))), f"{out}/apply"]:
            name = os.path.basename(path)
            taken = [f"rm {name}"] if name in there else []
            change(data, "cd /shouyin/update", *taken, f"write {path} {name}", f"sif {name} uid 900",
                   f"sif {name} gid 900")
    resets = vm.events.count("RESET")
    vm.power_on()
    till.sells()
    till.touches()
    vm.pass_time(update.PROVES)
    vm.ask("query-status")
    till.picture("older-was-wished-for")
    assert vm.events.count("RESET") == resets, "it started anew"
    vm.cut()
    assert update.kernels(vm.image) == before, update.kernels(vm.image)
    left = os.listdir(data_of(vm.image, f"{out}/data") + "/update")
    assert "apply" not in left, f"nobody took the wish: {left}"
    print(f"a wish for an older, signed version is taken and not granted: {before} as before", flush=True)
    vm.power_on()
    till.sells()
    till.touches()
    to_updates(vm, till)


if __name__ == "__main__":
    main()
