#!/usr/bin/env python3
"""Secure Boot and the verified root: what was altered does not start. IMAGE OUT.

Owns the enrolment of the builder's certificate in a virtual board, and the damages. Each damage is
done to a fresh copy; only the picture of the panel tells what came of it."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from till import Sandbox, Till, copy_image, is_keypad, partition  # noqa: E402
from vm import VARIABLES, Vm  # noqa: E402

OWNER = "6b1c1f0e-5a0e-4c0c-9a86-5a9d3a3f4c11"
# Longer than any start takes that succeeds; a start that was refused is watched for so long.
PATIENCE = 80


def main():
    image, out = sys.argv[1:3]
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    sandbox = Sandbox(out)
    try:
        provision = sandbox.provision()
        parts = os.path.dirname(image)
        fresh = f"{out}/fresh.raw"
        copy_image(image, fresh, provision)
        variables = enrol(fresh, parts, out)
        kernel = os.path.splitext(image)[0] + ".efi"
        unsigned(fresh, f"{parts}/work/unsigned.efi", variables, out)
        altered(fresh, kernel, variables, out)
        damaged(fresh, image, out)
    finally:
        sandbox.stop()
    shutil.rmtree(f"{out}/disks", ignore_errors=True)
    os.unlink(fresh)
    print("image-test secure: everything passed")


def enrol(fresh, parts, out):
    """Puts the certificate into an empty board by the boot loader, as a shop's board gets it."""
    key = os.environ.get("SIGN_KEY", f"{parts}/keys/test.key")
    certificate = os.environ.get("SIGN_CERT", f"{parts}/keys/test.crt")
    disk = copied(fresh, out, "enrol")
    lists = f"{out}/certificate.esl"
    call("cert-to-efi-sig-list", "-g", OWNER, certificate, lists)
    for name in ("PK", "KEK", "db"):
        call("sign-efi-sig-list", "-g", OWNER, "-k", key, "-c", certificate, name, lists,
             f"{out}/{name}.auth")
    with open(f"{out}/loader.conf", "w") as file:
        file.write("timeout 0\neditor no\nsecure-boot-enroll force\n")
    boot = on_boot_partition(disk)
    call("mcopy", "-o", "-i", boot, f"{out}/loader.conf", "::/loader/loader.conf")
    call("mmd", "-i", boot, "::/loader/keys", "::/loader/keys/auto")
    for name in ("PK", "KEK", "db"):
        call("mcopy", "-i", boot, f"{out}/{name}.auth", f"::/loader/keys/auto/{name}.auth")
    vm = Vm(disk, f"{out}/vm-enrol", secure=VARIABLES)
    starts(vm, out, "signed", 400)
    print("certificate enrolled by the boot loader; the signed image starts", flush=True)
    return f"{out}/vm-enrol/variables.fd"


def unsigned(fresh, kernel, variables, out):
    disk = copied(fresh, out, "unsigned")
    replace_kernel(disk, kernel)
    refused(Vm(disk, f"{out}/vm-unsigned", secure=variables), out, "unsigned")
    print("a kernel file without a signature does not start", flush=True)


def altered(fresh, kernel, variables, out):
    """One letter of the command line in the signed file is another one."""
    with open(kernel, "rb") as file:
        data = bytearray(file.read())
    at = data.index(b"quiet loglevel=3")
    data[at + len("quiet loglevel=")] = ord("4")
    with open(f"{out}/altered.efi", "wb") as file:
        file.write(data)
    disk = copied(fresh, out, "altered")
    replace_kernel(disk, f"{out}/altered.efi")
    refused(Vm(disk, f"{out}/vm-altered", secure=variables), out, "altered")
    print("a kernel file with one altered byte does not start", flush=True)


def damaged(fresh, image, out):
    """The root with altered bytes: it is not mounted; where the other slot holds it, that starts."""
    disk = copied(fresh, out, "damaged")
    start, _ = partition(disk, "shouyin-a")
    write(disk, start, b"\xa5" * 4096)
    refused(Vm(disk, f"{out}/vm-damaged"), out, "damaged")
    print("a damaged root does not start", flush=True)
    slot = os.path.splitext(image)[0] + ".slot"
    other, _ = partition(disk, "shouyin-b")
    call("dd", f"if={slot}", f"of={disk}", "bs=1M", f"seek={other >> 20}", "conv=notrunc",
         "status=none")
    starts(Vm(disk, f"{out}/vm-other"), out, "other-slot", 300)
    print("a damaged slot and a good one: the good one starts", flush=True)


def starts(vm, out, name, seconds):
    vm.power_on()
    try:
        till = Till(vm, out)
        till.sells(seconds)
        till.picture(name)
    finally:
        vm.cut()


def refused(vm, out, name):
    vm.power_on()
    try:
        till = Till(vm, out)
        for _ in range(PATIENCE // 4):
            vm.pass_time(4)
            assert not is_keypad(vm.screen()), f"{name}: it started"
        till.picture(name)
    finally:
        vm.cut()


def copied(fresh, out, name):
    shutil.rmtree(f"{out}/disks", ignore_errors=True)
    disk = f"{out}/disks/{name}.raw"
    copy_image(fresh, disk)
    return disk


def on_boot_partition(disk):
    return f"{disk}@@{partition(disk, 'shouyin-esp')[0]}"


def replace_kernel(disk, kernel):
    boot = on_boot_partition(disk)
    listed = subprocess.run(["mdir", "-b", "-i", boot, "::/EFI/Linux"], capture_output=True,
                            text=True, check=True).stdout.split()
    call("mcopy", "-o", "-i", boot, kernel, listed[0])


def write(disk, at, data):
    with open(disk, "r+b") as file:
        file.seek(at)
        file.write(data)


def call(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


main()
