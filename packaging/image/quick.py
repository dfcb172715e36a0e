#!/usr/bin/env python3
"""Boots the shipped image in a virtual machine and sells: IMAGE OUT. `make image-test`.

Everything is seen from outside: the panel's pixels, the wire, the acquirer's own books, and the disk
of a machine without power. Fails at the first thing that is not as it must be."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import stranger  # noqa: E402
from till import (Till, books_hold, can_charge, data_of, is_keypad, is_settled,  # noqa: E402
                  journal, machine)

ESCAPES = [("ctrl", "alt", "f1"), ("ctrl", "alt", "f2"), ("ctrl", "alt", "f3"),
           ("alt", "sysrq", "b"), ("alt", "sysrq", "e"), ("alt", "f4"), ("ctrl", "c"),
           ("ctrl", "alt", "backspace"), ("meta_l", "r"), ("ctrl", "alt", "t"),
           *[("ctrl", "alt", "delete")] * 20]


def main():
    image, out = sys.argv[1:3]
    with machine(image, out, wire=stranger.wire) as (vm, sandbox):
        first_sale(vm, sandbox, out)
        no_way_out(vm, out)
        cut_in_a_sale(vm, sandbox, out)
    print("image-test quick: everything passed")


def first_sale(vm, sandbox, out):
    vm.power_on()
    till = Till(vm, out)
    print(f"first screen {till.sells():.1f} s after power-on (UEFI, emulated)", flush=True)
    till.picture("first-screen")
    till.touches()
    print(f"first tap taken {time.monotonic() - vm.began:.1f} s after power-on", flush=True)
    till.sale(sandbox, "12.34", pictures=True)
    books = [(order["net_charged"]) for order in sandbox.ledger()["orders"]]
    assert books == [1234], f"the acquirer's books hold {books}, not one sale of 1234 fen"
    print("a sale of 12.34 by the merchant's code: paid on the screen and in the books", flush=True)


def no_way_out(vm, out):
    till = Till(vm, out)
    for keys in ESCAPES:
        vm.keys(*keys)
        vm.pass_time(0.3)
    vm.pass_time(3)
    till.picture("after-keys")
    assert is_keypad(vm.screen()), "a key led out of the terminal"
    vm.ask("query-status")
    assert "RESET" not in vm.events, "a key started something anew"
    till.charge("1")
    till.vm.tap(74, 158)
    till.until(lambda screen: not can_charge(screen), "an empty amount", 20)
    print(f"{len(ESCAPES)} combinations of keys lead nowhere", flush=True)
    opened, sure = stranger.knock(vm)
    assert not opened, f"these ports answer: {opened}"
    assert not sure.startswith("0 "), "the terminal never saw a knock"
    print(f"65535 TCP ports: none answers ({sure})", flush=True)


def cut_in_a_sale(vm, sandbox, out):
    """The customer pays, and the power fails before the terminal has heard of it."""
    till = Till(vm, out)
    code = till.merchant_code("23.45")
    told = sandbox.scan(code)
    vm.cut()
    orders = journal(data_of(vm.image, f"{out}/data"))
    told_open = [order for order in orders.values() if order["state"] == "open"]
    print(f"power cut after the wallet said {told[:60]}; open sales: {len(told_open)}", flush=True)
    vm.power_on()
    till.sells()
    till.picture("after-the-cut")
    till.touches()
    till.until(is_settled, "the end of the sale that was cut", 180)
    till.picture("settled")
    vm.cut()
    books_hold(vm, out, sandbox, {1234: "paid", 2345: "paid"})
    print("after the cut: the sale went on and is paid; journal and books are equal", flush=True)


main()
