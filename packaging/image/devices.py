#!/usr/bin/env python3
"""A card reader on the machine's serial port and a printer on its network: IMAGE OUT.

The sandbox plays both on this side: its reader has the second serial port of the machine, its printer takes
what comes over the wire. Fails at the first thing that is not as it must be."""
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from till import Sandbox, Till, books_hold, copy_image, is_keypad, is_paid, is_prompt, KEYS, NEXT  # noqa: E402
from vm import Vm  # noqa: E402


class Printer:
    """The sandbox's printer on this machine's loopback."""

    def __init__(self, folder, program="target/debug/shouyin-sandbox"):
        command = [program, "printer", "--dir", f"{folder}/slips", "--port", "0", "--page-port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.said = json.loads(self.process.stdout.readline())

    def slips(self):
        with urllib.request.urlopen(self.said["bench"] + "slips", timeout=20) as page:
            return json.load(page)["slips"]

    def stop(self):
        self.process.terminate()
        self.process.wait()


def main():
    image, out = sys.argv[1:3]
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    line = f"{out}/card-reader"
    sandbox, printer = Sandbox(out, reader=line), Printer(out)
    disk = f"{out}/disk.raw"
    vm = None
    try:
        copy_image(image, disk, provision(sandbox, printer))
        vm = Vm(disk, f"{out}/vm", reader=os.path.realpath(line))
        vm.power_on()
        till = Till(vm, out)
        till.sells()
        till.touches()
        card_sale(vm, till, sandbox, out)
        slips(printer, vm)
        vm.cut()
        books_hold(vm, out, sandbox, {3302: "paid"})
    finally:
        if vm is not None and vm.process is not None:
            vm.cut()
        sandbox.stop()
        printer.stop()
    os.unlink(disk)
    print("image-test devices: everything passed")


def provision(sandbox, printer):
    folder = sandbox.provision()
    address = printer.said["printer"].replace("127.0.0.1", "10.0.2.2").replace("localhost", "10.0.2.2")
    with open(f"{folder}/terminal.toml", "a") as file:
        file.write('\n[cards]\nreader = "/dev/ttyS1"\nno_pin_max_fen = 100000\ndevice_counts = true\n'
                   f'\n[printer]\nkind = "network"\naddress = "{address}"\ncut = true\n')
    return folder


def card_sale(vm, till, sandbox, out):
    """A small amount by a card that is tapped: no PIN."""
    till.charge("33.02")
    vm.tap(*KEYS["charge"])
    till.until(is_prompt, "the prompt", 40)
    # The reader is looked for since the start; it takes the tap when it was told of the sale.
    vm.pass_time(3)
    till.picture("card-prompt")
    sandbox.at_reader("tap debit")
    till.until(is_paid, "paid by card", 90)
    till.picture("card-paid")
    sandbox.at_reader("pull")
    vm.tap(*NEXT)
    till.until(is_keypad, "the keypad after a sale", 30)
    print("a card sale of 33.02 through the machine's serial port: paid", flush=True)


def slips(printer, vm):
    until = time.monotonic() + 60
    while len([slip for slip in printer.slips() if slip["whole"]]) < 2:
        assert time.monotonic() < until, f"slips: {printer.slips()}"
        vm.pass_time(1)
    for slip in printer.slips():
        assert "33.02" in slip["text"] and slip["unknown"] == 0, slip
    print("two slips came out of the printer on the network, each with the amount", flush=True)


main()
