#!/usr/bin/env python3
"""The network of the machine, looked at from within: IMAGE OUT [given|fixed], of the test image with the drill's service (folder `lines`).

Owns what has to be so in a machine with DHCP, after a radio appears, in a machine whose data hold a fixed address, and
after another wish. Which units run, addresses and routes are told by the service inside; the pages are tapped as in `ways`.
Fails at the first thing that is not as it must be, with the last report."""
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from till import BLUE, WHITE, Till, is_keypad, machine  # noqa: E402
from ways import TO_MAINTENANCE, goes  # noqa: E402

# From the keypad to the page of the network.
WAY = [*TO_MAINTENANCE, ((186, 267), lambda screen: is_network(screen))]
# The key for Wi-Fi there, and the card of the first link.
WIFI, LINK = (380, 185), (60, 570)
# QEMU's own network gives this address by DHCP, and takes any other of its range.
GIVEN, FIXED = "10.0.2.15/24", "10.0.2.77/24"
WISH, BACK = "fixed 10.0.2.77/24 10.0.2.2 10.0.2.3 7", "automatic 8"
# Beyond what anything takes on a loaded machine.
PATIENCE = 420


def main():
    image, out, *only = sys.argv[1:]
    for name, wish, has in (("given", None, given), ("fixed", WISH, fixed)):
        if not only or name in only:
            drill(image, f"{out}/{name}", wish, has)
    print("image-test network: everything passed")


def drill(image, out, wish, has):
    """A machine of its own that sells; its data hold the wish, if there is one."""
    def provision(sandbox):
        folder = sandbox.provision()
        if wish:
            os.makedirs(f"{folder}/network")
            with open(f"{folder}/network/wired", "w") as file:
                file.write(wish + "\n")
        return folder

    with machine(image, out, provision=provision) as (vm, sandbox):
        vm.power_on()
        till = Till(vm, out)
        print(f"first screen {till.sells():.0f} s after power-on", flush=True)
        has(vm, till, sandbox)


class Report:
    """What the service inside told last: the lines of each part."""

    def __init__(self, lines):
        self.lines, self.parts, part = lines, {}, []
        for line in lines:
            named = re.match(r"drill part (\w+)", line)
            if named:
                part = self.parts.setdefault(named[1], [])
            else:
                part.append(line)
        self.units = {}
        for block in self.text("units").split("\n\n"):
            unit = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
            self.units[unit.get("Id")] = unit

    def of(self, part):
        return self.parts.get(part, [])

    def text(self, part):
        return "\n".join(self.of(part))

    def state(self, unit):
        of = self.units.get(f"{unit}.service", {})
        return f"{of.get('ActiveState')} ({of.get('SubState')}), {of.get('Result')}"

    def addresses(self):
        return re.findall(r"inet (\S+) .*scope global", self.text("addresses"))

    def router(self):
        return re.findall(r"default via (\S+) dev \S+.*metric (\d+)", self.text("routes"))

    def is_quiet(self):
        """Nothing starts or stops any more, the updater has told its version, and the system's log was read."""
        return "manager" in self.parts and self.parts.get("jobs") == [] and "/run/shouyin-updater/report" in self.text("told")


def report(vm, seconds=PATIENCE):
    """The next whole report that begins from now on."""
    begun = vm.wait(r"^drill begin \d+$", seconds)
    if begun is None:
        raise SystemExit("the drill's service told nothing")
    first = len(vm.lines)
    if vm.wait(r"^drill end \d+$", seconds) is None:
        raise SystemExit("the drill's service told no whole report")
    return Report([line for _, line in vm.lines[first:-1]])


def until(vm, is_so, what, seconds=PATIENCE):
    """Waits for a report that is so."""
    end = time.monotonic() + seconds
    while True:
        told = report(vm)
        if is_so(told):
            return told
        if time.monotonic() > end:
            # With what the system complains of, which is not in every report.
            for _ in range(2):
                told = told if "complaints" in told.parts else report(vm)
            fail(told, f"{what}: not within {seconds} s")


def order(vm, words):
    vm.log.sendall(words.encode() + b"\n")
    name = words.split()[0]
    if vm.wait(rf"^drill obeyed {name} \d+$", PATIENCE) != f"drill obeyed {name} 0":
        raise SystemExit(f"the drill's service did not obey: {words}")


def fail(told, why):
    print("\n".join(told.lines), flush=True)
    raise SystemExit(why)


def holds(told, *facts):
    """Each fact is what is so and what has to be."""
    for what, found, wanted in facts:
        if found != wanted:
            fail(told, f"{what}: {found!r}, not {wanted!r}")


def sound(told):
    """What holds in every machine here."""
    holds(told, ("failed units", told.of("failed"), []),
          ("shouyin-network", told.state("shouyin-network"), "active (exited), success"),
          ("shouyin-updater-report", told.state("shouyin-updater-report"), "inactive (dead), success"),
          ("networkd", told.state("systemd-networkd"), "active (running), success"),
          ("cycles of units", re.findall("ordering cycle", told.text("manager")), []),
          ("programs that listen", [line for line in told.of("sockets") if "LISTEN" in line], []),
          ("resolved", told.state("systemd-resolved"), "active (running), success"),
          ("starts of networkd's unit by itself", told.units["systemd-networkd.service"]["NRestarts"], "0"))


def given(vm, till, _sandbox):
    told = until(vm, lambda told: told.is_quiet() and told.addresses() == [GIVEN], "an address by DHCP")
    sound(told)
    holds(told, ("the way out", told.router(), [("10.0.2.2", "100")]),
          ("name server", "nameserver 10.0.2.3" in told.text("names"), True),
          ("D-Bus without a radio", told.state("dbus"), "inactive (dead), success"),
          ("iwd without a radio", told.state("iwd"), "inactive (dead), success"))
    print(f"by DHCP: {GIVEN}, no failed unit, shouyin-network active (exited), D-Bus and iwd inactive", flush=True)
    print("sockets:\n  " + "\n  ".join(line for line in told.of("sockets")[2:]), flush=True)
    till.touches()
    goes(vm, till, WAY)
    till.until(lambda screen: not has_wifi(screen) and screen.at(*LINK) == WHITE, "the wired link on the page", 90)
    till.picture("network")
    order(vm, "radios 1")
    told = until(vm, lambda told: told.state("iwd").startswith("active") and told.parts.get("jobs") == [],
                 "iwd after a radio appeared")
    sound(told)
    holds(told, ("iwd", told.state("iwd"), "active (running), success"),
          ("D-Bus", told.state("dbus"), "active (running), success"),
          ("starts of iwd by itself", told.units["iwd.service"]["NRestarts"], "0"))
    print("a radio appears: udev started iwd and D-Bus, no failed unit", flush=True)
    order(vm, "asks")
    told = until(vm, lambda told: "may not: " in told.text("told"), "an answer of the bus")
    asked = told.text("told")
    if "net.connman.iwd.Station" not in asked or "AccessDenied" not in asked.split("may not: ")[1]:
        fail(told, "the bus: the terminal's user may too little or too much")
    print("the terminal's user is told of the station by iwd, and may not switch the radio off", flush=True)
    till.until(has_wifi, "the key for Wi-Fi on the page", 90)
    till.picture("network-with-a-radio")
    print("the page shows the wired link before it, and the key for Wi-Fi after it", flush=True)


def fixed(vm, till, sandbox):
    told = until(vm, lambda told: told.is_quiet() and told.addresses() == [FIXED], "the fixed address")
    sound(told)
    holds(told, ("the way out", told.router(), [("10.0.2.2", "100")]),
          ("name server", "nameserver 10.0.2.3" in told.text("names"), True))
    till.touches()
    till.sale(sandbox, "6.60")
    print(f"from the data partition: {FIXED}, and a sale of 6.60 is paid", flush=True)
    order(vm, f"wish {BACK}")
    told = until(vm, lambda told: told.addresses() == [GIVEN] and "done 8" in told.text("told"), "another wish")
    sound(told)
    holds(told, ("the change", told.state("shouyin-network-change"), "inactive (dead), success"))
    print(f"a wish for DHCP while it runs: {GIVEN}, answered `done 8`", flush=True)
    order(vm, f"wish {WISH.replace(' 7', ' 9')}")
    told = until(vm, lambda told: told.addresses() == [FIXED] and "done 9" in told.text("told"), "the first wish again")
    sound(told)
    till.sale(sandbox, "7.70")
    print(f"and back: {FIXED}, answered `done 9`, a sale of 7.70 is paid", flush=True)


def is_network(screen):
    """The page of the network: 返回 and 再查一次 at its foot."""
    return screen.at(60, 1100) == WHITE and screen.at(400, 1100) == BLUE and not is_keypad(screen)


def has_wifi(screen):
    """A second key beside the title."""
    return is_network(screen) and screen.at(*WIFI) == WHITE


if __name__ == "__main__":
    main()
