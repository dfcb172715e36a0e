#!/usr/bin/env python3
"""A sale by fingers on a touch screen with several slots: IMAGE OUT, of the test image with the player.

Owns the drill. The machine has no other pointer, so whatever the panel follows came from the touch screen.
The player inside it reports fingers as real panels do (protocol B); the panel's pixels tell what the terminal
made of it."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import player  # noqa: E402
from till import KEYS, Till, books_hold, can_charge, machine  # noqa: E402


def main():
    image, out = sys.argv[1:3]
    with machine(image, out, wire=player.devices, pointer=False) as (vm, sandbox):
        vm.power_on()
        till, hand = Till(vm, out), player.Player(vm)
        till.sells()
        hand.ask("screen")
        vm.tap = hand.tap
        till.touches()
        print("the panel follows a touch screen that appeared after the terminal", flush=True)
        till.sale(sandbox, "12.34", pictures=True)
        print("12.34 typed by fingers, the merchant's code shown: paid on the panel", flush=True)
        beside_another(vm, till, hand)
        till.sale(sandbox, "5.06")
        vm.cut()
        books_hold(vm, out, sandbox, {1234: "paid", 506: "paid"})
    print("image-test touch: everything passed")


def beside_another(vm, till, hand):
    """While a finger rests on the panel, what another one does types nothing, and nothing gets stuck."""
    hand.tap(*KEYS["7"], beside_another=True)
    vm.pass_time(3)
    till.picture("beside-another-finger")
    assert not can_charge(vm.screen()), "a tap beside another finger was taken"
    print("a tap beside another finger types nothing", flush=True)


main()
