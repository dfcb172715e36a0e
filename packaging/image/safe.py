#!/usr/bin/env python3
"""A version that keeps crashing, and what its safe mode is for: IMAGE CRASHING OUT.

Owns the drill: version 2 (CRASHING, a folder that a server offers, folder `crash`) is installed by itself, comes to its
keypad, and crashes three times; then 导出日志, 网络 and 退回 are used by taps, and version 1 sells again. The PIN is
drawn here and told to nobody. Fails at the first thing that is not as it must be."""
import glob
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import update  # noqa: E402
from lines import is_network  # noqa: E402
from till import WHITE, Till, books_hold, is_stopped, machine  # noqa: E402
from ways import approves_at_last, older_starts  # noqa: E402

# The three keys above 重试, and the way back from the pages they open.
LOGS, NETWORK, GO_BACK, BACK = (100, 988), (350, 988), (600, 988), (144, 1168)


def main():
    image, crashing, out = sys.argv[1:4]
    with machine(image, out, pin=True, provision=update.provision) as (vm, sandbox):
        update.offer(sandbox, crashing)
        till = Till(vm, out)
        crashes(vm, till)
        report(vm, till, sandbox.pin, list(secrets(f"{out}/provision")))
        line(vm, till)
        back(vm, till, sandbox.pin)
        till.sale(sandbox, "8.30")
        vm.cut()
        books_hold(vm, out, sandbox, {830: "paid"})
    print("image-test safe: everything passed")


def keys(screen):
    """How many keys stand beside each other above 重试."""
    row = [screen.at(x, 945) == WHITE for x in range(720)]
    return sum(white and not before for white, before in zip(row[1:], row))


def is_safe_mode(screen):
    return is_stopped(screen) and keys(screen) == 3


def secrets(folder):
    """Every line of every private key that the machine was given."""
    for path in glob.glob(f"{folder}/**/*.pem", recursive=True):
        with open(path) as file:
            text = file.read()
        if "PRIVATE KEY" in text:
            yield from (line for line in text.split() if len(line) > 40)


def crashes(vm, till):
    """The update by itself, and three crashes of the version that came with it."""
    vm.power_on()
    till.sells()
    update.starts_anew(vm, update.INSTALLS)
    vm.began = time.monotonic()
    till.sells()
    for number in range(3):
        if vm.wait(r"^systemd \d+", 300) is None:
            raise SystemExit(f"crash {number + 1} never happened")
    # Whether there is a way back is told some time after the start.
    till.until(is_safe_mode, "the safe mode with its three keys", 120)
    till.picture("safe-mode")
    print("version 2 was installed by itself and crashed three times: its safe mode has a way back", flush=True)


def report(vm, till, pin, key):
    """导出日志, read as a phone does."""
    vm.tap(*LOGS)
    until, path = time.monotonic() + 120, f"{till.out}/report.png"
    while True:
        vm.screen().save(path)
        told = subprocess.run(["zbarimg", "-q", "--raw", path], capture_output=True, text=True).stdout
        if told:
            break
        assert time.monotonic() < until, f"no code can be read from {path}"
        vm.pass_time(1)
    os.unlink(path)
    till.picture("report")
    lines = told.splitlines()
    for wanted in ("image 2", "notice S03"):
        assert wanted in lines, f"{wanted} is not in the report:\n{told}"
    assert key and not [secret for secret in (pin, *key) if secret in told], "the report tells a secret"
    print(f"导出日志: {len(told.encode())} bytes by the code on the screen, {len(lines)} lines, among them: "
          f"{', '.join(lines[:5])}", flush=True)
    vm.tap(*BACK)
    till.until(is_safe_mode, "the safe mode again", 60)


def line(vm, till):
    """网络, which a broken version must not be in the way of."""
    vm.tap(*NETWORK)
    till.until(is_network, "the page of the network", 60)
    vm.pass_time(5)
    till.picture("network")
    vm.tap(*BACK)
    till.until(is_safe_mode, "the safe mode again", 60)
    print("网络: the page opens and is left again", flush=True)


def back(vm, till, pin):
    """退回, with a wrong PIN and the right one."""
    vm.tap(*GO_BACK)
    approves_at_last(vm, till, pin)
    older_starts(vm, till)


if __name__ == "__main__":
    main()
