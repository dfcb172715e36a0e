#!/usr/bin/env python3
"""A camera of the machine reads a customer's payment code: IMAGE OUT, of the test image with the player.

Owns the drill: no camera at the start, one that is plugged in while a sale waits for it, a code sale through it, one that
is pulled and another that comes. The terminal reads /dev/video0 as in a shop; the acquirer's books and the journal tell
what came of it. No picture is kept while a code is before the camera."""
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import player  # noqa: E402
from till import (KEYS, NEXT, Sandbox, Till, copy_image, equal_books, is_keypad, is_paid,  # noqa: E402
                  is_prompt)
from vm import Vm  # noqa: E402

# Two places of the camera's picture on the prompt: both show the empty counter when there is one.
PREVIEW, NEARLY = [(60, 380), (660, 380)], 8


def main():
    image, out = sys.argv[1:3]
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    sandbox = Sandbox(out)
    disk = f"{out}/disk.raw"
    vm = None
    try:
        copy_image(image, disk, sandbox.provision())
        vm = Vm(disk, f"{out}/vm", extra=player.devices(f"{out}/vm"))
        vm.power_on()
        till, hand = Till(vm, out), player.Player(vm)
        till.sells()
        till.touches()
        plugged_in_a_sale(vm, till, hand, sandbox)
        at_once(vm, till, hand, sandbox)
        another(vm, till, hand, sandbox)
        vm.cut()
        orders = equal_books(disk, out, sandbox)
        states = {order["amount"]: order["state"] for order in orders.values()}
        assert states == {1818: "paid", 2727: "paid", 3636: "paid"}, states
    finally:
        if vm is not None and vm.process is not None:
            vm.cut()
        sandbox.stop()
    os.unlink(disk)
    print("journal and books hold the three sales, each paid once", flush=True)
    print("image-test camera: everything passed")


def has_picture(screen):
    return all(abs(shade - player.EMPTY_COUNTER) < NEARLY for place in PREVIEW for shade in screen.at(*place))


def waits(screen):
    """The prompt, which without a camera has another key in front."""
    return is_prompt(screen) or has_picture(screen)


def asks(till, amount):
    till.charge(amount)
    till.vm.tap(*KEYS["charge"])
    till.until(waits, "the prompt", 120)


def reads_a_code(vm, till, hand, sandbox, wallet):
    """A phone comes before the camera and leaves when the panel says paid; returns how long that took."""
    picture = player.phone(sandbox, wallet)
    began = time.monotonic()
    hand.show(picture)
    till.until(is_paid, "paid by a code before the camera", 240, keep=False)
    took = time.monotonic() - began
    hand.empty()
    return took


def ends(vm, till):
    vm.tap(*NEXT)
    till.until(is_keypad, "the keypad after a sale", 90)


def plugged_in_a_sale(vm, till, hand, sandbox):
    """There is no camera until the prompt has said so."""
    asks(till, "18.18")
    vm.pass_time(8)
    assert not has_picture(vm.screen()), "a picture without a camera"
    till.picture("no-camera")
    began = time.monotonic()
    hand.plug(1280, 720)
    till.until(has_picture, "the picture of a camera that was plugged in", 120)
    print(f"plugged in during a sale: its picture is there after {time.monotonic() - began:.1f} s", flush=True)
    till.picture("camera-prompt")
    took = reads_a_code(vm, till, hand, sandbox, "alipay")
    till.picture("camera-paid")
    print(f"18.18 by a payment code before /dev/video0 (1280x720): paid after {took:.1f} s", flush=True)
    ends(vm, till)


def at_once(vm, till, hand, sandbox):
    """The camera is there already; another wallet's code."""
    asks(till, "27.27")
    till.until(has_picture, "the camera's picture", 60)
    took = reads_a_code(vm, till, hand, sandbox, "wechat")
    print(f"27.27 with the camera there from the start of the sale: paid after {took:.1f} s", flush=True)
    ends(vm, till)


def another(vm, till, hand, sandbox):
    """Its cable is pulled at the prompt, and a camera with fewer pixels comes instead."""
    asks(till, "36.36")
    till.until(has_picture, "the camera's picture", 60)
    hand.pull()
    till.until(lambda screen: is_prompt(screen) and not has_picture(screen), "no picture", 120)
    till.picture("pulled")
    began = time.monotonic()
    hand.plug(640, 480)
    till.until(has_picture, "the picture of the other camera", 180)
    print(f"pulled, and another plugged in: its picture is there after {time.monotonic() - began:.1f} s", flush=True)
    took = reads_a_code(vm, till, hand, sandbox, "alipay")
    print(f"36.36 by the other camera (640x480): paid after {took:.1f} s", flush=True)
    ends(vm, till)


main()
