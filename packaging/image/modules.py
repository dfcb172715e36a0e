#!/usr/bin/env python3
"""Copies the kernel modules that modules.txt names, with their dependencies: LIST SOURCE ROOT INITRD.

SOURCE is lib/modules/VERSION of the unpacked kernel package, ROOT the same folder of the image, INITRD the tree of the first
program, which gets the modules of the other stages and their lists in loading order."""
import os
import shutil
import sys


def main():
    listing, source, root, initrd = sys.argv[1:5]
    depends = {}
    with open(f"{source}/modules.dep") as lines:
        for line in lines:
            path, rest = line.split(":")
            depends[path] = rest.split()
    by_name = {os.path.basename(path)[:-3].replace("-", "_"): path for path in depends}
    with open(f"{source}/modules.builtin") as lines:
        builtin = {os.path.basename(line.strip())[:-3].replace("-", "_") for line in lines}
    stages = {"boot": [], "disk": [], "late": [], "screen": [], "rescue": [], "root": []}
    with open(listing) as lines:
        for line in lines:
            stage, *names = line.split("#")[0].split() or [""]
            for name in names:
                path = by_name.get(name)
                if path is None:
                    if name not in builtin:
                        sys.exit(f"{listing}: this kernel has no module {name}")
                    continue
                # modules.dep names the farthest dependency last.
                for module in [*reversed(depends[path]), path]:
                    if module not in stages[stage]:
                        stages[stage].append(module)
    for module in {module for stage in stages.values() for module in stage}:
        copy(f"{source}/{module}", f"{root}/{module}")
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        copy(f"{source}/{name}", f"{root}/{name}")
    for stage in ("boot", "disk", "late", "screen", "rescue"):
        for module in stages[stage]:
            copy(f"{source}/{module}", f"{initrd}/m/{os.path.basename(module)}")
        with open(f"{initrd}/modules.{stage}", "w") as out:
            out.writelines(f"/m/{os.path.basename(module)}\n" for module in stages[stage])


def copy(source, target):
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy(source, target)


main()
