#!/usr/bin/env python3
"""Takes out of a root what nothing in it starts or loads: PROGRAMS.txt ROOT.

Owns the closure of libraries: what the programs that stay, systemd's own and the libraries among
themselves name as needed. Never removes data."""
import os
import re
import subprocess
import sys

# Loaded by name while a program runs, so that no program names them as needed.
LOADED = {"libgcc_s.so.1"}
KEEP_FOLDERS = ["usr/lib/systemd", "usr/lib/udev", "usr/libexec", "usr/lib/x86_64-linux-gnu/alsa-lib",
                "usr/lib/x86_64-linux-gnu/systemd"]
LIBRARIES = "usr/lib/x86_64-linux-gnu"


def main():
    listing, root = sys.argv[1:3]
    kept = {"bin": set(), "sbin": set()}
    with open(listing) as lines:
        for line in lines:
            folder, *names = line.split("#")[0].split() or [""]
            if folder:
                kept[folder].update(names)
    start = []
    for folder, names in kept.items():
        place = f"{root}/usr/{folder}"
        for name in os.listdir(place):
            if name not in names:
                os.unlink(f"{place}/{name}")
        missing = names - set(os.listdir(place))
        if missing:
            sys.exit(f"{listing}: the packages have no {', '.join(sorted(missing))}")
        start += [f"{place}/{name}" for name in names]
    for folder in KEEP_FOLDERS:
        for at, _, names in os.walk(f"{root}/{folder}"):
            start += [f"{at}/{name}" for name in names]
    prune(root, start)


def prune(root, start):
    place = f"{root}/{LIBRARIES}"
    present = {name for name in os.listdir(place) if ".so" in name and os.path.isfile(
        f"{place}/{name}") or os.path.islink(f"{place}/{name}")}
    needed, open_files = set(LOADED), [path for path in start if is_program(path)]
    open_files += [f"{place}/{name}" for name in LOADED]
    while open_files:
        found = needs(open_files) - needed
        needed |= found
        open_files = [f"{place}/{name}" for name in found if name in present]
    files = {os.path.basename(os.path.realpath(f"{place}/{name}")) for name in needed & present}
    for name in present - needed - files:
        os.unlink(f"{place}/{name}")


def is_program(path):
    if os.path.islink(path) or not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def needs(paths):
    told = subprocess.run(["readelf", "-d", *paths], capture_output=True, text=True).stdout
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", told))


main()
