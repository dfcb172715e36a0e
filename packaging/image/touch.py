#!/usr/bin/env python3
"""A sale by fingers on a touch screen with several slots: IMAGE OUT, of the test image with the player.

Owns the drill. The machine has no other pointer, so whatever the panel follows came from the touch screen. The player
inside it reports fingers as real panels do (protocol B); the panel's pixels tell what the terminal made of it."""
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import player  # noqa: E402
from till import KEYS, Sandbox, Till, can_charge, copy_image, equal_books  # noqa: E402
from vm import Vm  # noqa: E402


def main():
    image, out = sys.argv[1:3]
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    sandbox = Sandbox(out)
    disk = f"{out}/disk.raw"
    vm = None
    try:
        copy_image(image, disk, sandbox.provision())
        vm = Vm(disk, f"{out}/vm", pointer=False, extra=player.devices(f"{out}/vm"))
        vm.power_on()
        till, hand = Till(vm, out), player.Player(vm)
        till.sells()
        hand.ask("screen")
        vm.tap = hand.tap
        till.touches()
        print("the panel follows a touch screen that appeared after the terminal", flush=True)
        till.sale(sandbox, "12.34", pictures=True)
        books = [order["net_charged"] for order in sandbox.ledger()["orders"]]
        assert books == [1234], books
        print("12.34 typed by fingers, the merchant's code shown: paid on the panel and in the books", flush=True)
        beside_another(vm, till, hand)
        till.sale(sandbox, "5.06")
        vm.cut()
        orders = equal_books(disk, out, sandbox)
        states = {order["amount"]: order["state"] for order in orders.values()}
        assert states == {1234: "paid", 506: "paid"}, states
    finally:
        if vm is not None and vm.process is not None:
            vm.cut()
        sandbox.stop()
    os.unlink(disk)
    print("image-test touch: everything passed")


def beside_another(vm, till, hand):
    """A second finger rests on the panel: what the first one's neighbour types is told, and nothing gets stuck."""
    hand.tap(*KEYS["7"], beside_another=True)
    vm.pass_time(3)
    taken = can_charge(vm.screen())
    till.picture("beside-another-finger")
    told = "is taken" if taken else "is not taken"
    print(f"a tap beside another finger {told}; the next sale goes on with one finger", flush=True)
    if taken:
        vm.tap(*KEYS["clear"])
        till.until(lambda screen: not can_charge(screen), "an empty amount", 90)


main()
