"""The terminal in the virtual machine as a cashier and a customer see it, and the sandbox acquirer.

Owns where the keys are on a panel of 720x1280 (docs/screens), what a screen is recognised by, and the
comparison of the terminal's journal with the acquirer's books. Never reads the guest's memory: what
is known of the terminal comes from its screen and, without power, from its disk."""
import contextlib
import json
import os
import random
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from vm import Vm

HERE = os.path.dirname(os.path.abspath(__file__))
KEYS = {"7": (128, 432), "8": (359, 432), "9": (590, 432), "4": (128, 612), "5": (359, 612),
        "6": (590, 612), "1": (128, 792), "2": (359, 792), "3": (590, 792), "00": (128, 972),
        "0": (359, 972), ".": (590, 972), "charge": (474, 1168), "clear": (74, 158)}
# 出码 below the prompt, the first wallet that is offered for it, and 下一笔 below an outcome.
MAKE_CODE, FIRST_WALLET, NEXT = (186, 989), (133, 1040), (470, 1168)
GREY, WHITE, BLUE, GREEN, RED = (238, 241, 245), (255, 255, 255), (15, 91, 224), (8, 102, 42), (169, 29, 29)
AMBER, ROSE = (255, 241, 214), (253, 233, 232)
SECTOR = 512
# A prompt without a code for so long does not make one any more.
ASKS_AGAIN = 15
# Open sales are asked about more and more seldom.
ENDS = 1200
# What the tool says, with exit code 1, of a second copy whose only fault is that it ends too early.
SOUND_BUT = re.compile(r"\d+ records are sound, head \w+\n"
                       r"the second copy lacks the newest records \((\d+)\); a start adds them\n")


@contextlib.contextmanager
def machine(image, out, wire=None, pin=False, provision=None, **of_vm):
    """A machine of its own disk with a provisioned till, not started, and the sandbox beside it: (vm, sandbox).
    Both are gone afterwards, the disk when all went well. `wire` gives what else QEMU needs, from the
    machine's folder; with `pin` the shop has a supervisor, whose PIN is drawn and told to nobody; `provision`
    makes the configuration and keys in another way than `Sandbox.provision`."""
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    sandbox = Sandbox(out)
    if pin:
        sandbox.pin = set_pin(f"{out}/supervisor.pin")
    disk, folder = f"{out}/disk.raw", f"{out}/vm"
    vm = None
    try:
        copy_image(image, disk, (provision or Sandbox.provision)(sandbox))
        vm = Vm(disk, folder, extra=wire(folder) if wire else (), **of_vm)
        yield vm, sandbox
    finally:
        if vm is not None and vm.process is not None:
            vm.cut()
        sandbox.stop()
    os.unlink(disk)


class Sandbox:
    """The acquirer on this machine's loopback; a guest of QEMU reaches it as 10.0.2.2."""

    def __init__(self, folder, program="target/debug/shouyin-sandbox", scale=1, reader=None):
        """`reader` is the name of the serial line of a card reader, which is made."""
        os.makedirs(folder, exist_ok=True)
        command = [program, "serve", "--dir", f"{folder}/sandbox", "--port", "0", "--page-port",
                   "0", "--time-scale", str(scale), *(["--reader", reader] if reader else [])]
        self.folder, self.pin = folder, None
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        told = self.process.stdout.readline()
        if not told:
            raise SystemExit(f"{program} did not start")
        self.pages = json.loads(told)

    def provision(self):
        """Configuration and keys for an image, as a folder."""
        out = f"{self.folder}/provision"
        subprocess.run([f"{HERE}/provision.sh", f"{self.folder}/sandbox", out], check=True)
        return out

    def ledger(self):
        with urllib.request.urlopen(self.pages["ledger"], timeout=20) as page:
            return json.load(page)

    def scan(self, code, wallet="alipay"):
        """A customer's wallet scans a merchant's code and pays; returns what the wallet says."""
        asked = urllib.parse.urlencode({"code": code, "wallet": wallet})
        url = self.pages["wallet"] + "scan?" + asked
        request = urllib.request.Request(url, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=20) as page:
                return page.read().decode()
        except urllib.error.HTTPError as refused:
            return f"refused: {refused.read().decode()}"

    def at_reader(self, words):
        """What a customer does at the card reader."""
        url = self.pages["wallet"] + "desk/reader"
        request = urllib.request.Request(url, words.encode(), method="POST")
        with urllib.request.urlopen(request, timeout=20) as page:
            page.read()

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Till:
    """Fingers and eyes before a virtual machine. Pictures go to `out` with rising numbers."""

    def __init__(self, vm, out):
        self.vm, self.out = vm, out
        self.count = len([name for name in os.listdir(out) if name.endswith(".png")])

    def picture(self, name):
        self.count += 1
        return self.vm.screen().save(f"{self.out}/{self.count:02d}-{name}.png")

    def until(self, is_so, what, seconds, every=0.5, keep=True):
        """Waits until the screen is so, and returns it. Without `keep` no picture is kept when that
        fails: a customer's code may be on it."""
        until = time.monotonic() + seconds
        while self.vm.is_on():
            screen = self.vm.screen()
            if is_so(screen):
                return screen
            if time.monotonic() > until:
                break
            self.vm.pass_time(every)
        if self.vm.is_on() and keep:
            self.picture("gave-up")
        raise SystemExit(f"{what}: not within {seconds} s; the last picture is in {self.out}")

    def sells(self, seconds=600):
        """Waits for the first screen that can take an amount; returns seconds since power-on."""
        first = self.until(is_keypad, "a keypad", seconds)
        assert not can_charge(first), "the first screen shows an amount that nobody typed"
        return time.monotonic() - self.vm.began

    def touches(self, seconds=300):
        """Input devices come after the first screen: taps a digit until it is taken, and clears."""
        until = time.monotonic() + seconds
        while not can_charge(self.vm.screen()):
            if time.monotonic() > until:
                self.picture("gave-up")
                raise SystemExit(f"no tap was taken within {seconds} s")
            self.vm.tap(*KEYS["1"])
        self.vm.tap(*KEYS["clear"])
        self.until(lambda screen: not can_charge(screen), "an empty amount", 90)

    def charge(self, amount):
        for key in amount:
            self.vm.tap(*KEYS[key])
        self.until(can_charge, f"the amount {amount}", 90)

    def merchant_code(self, amount, pictures=False):
        """Types an amount, asks for a code, and reads it from the screen as a phone does."""
        self.charge(amount)
        if pictures:
            self.picture("typed")
        self.vm.tap(*KEYS["charge"])
        self.until(is_prompt, "the prompt", 120)
        if pictures:
            self.picture("prompt")
        self.make_code(180)
        path = self.picture("code") if pictures else f"{self.out}/code.png"
        until = time.monotonic() + 120
        while True:
            self.vm.screen().save(path)
            read = subprocess.run(["zbarimg", "-q", "--raw", path], capture_output=True, text=True)
            if read.stdout.strip():
                return read.stdout.strip()
            if time.monotonic() > until:
                raise SystemExit(f"no code can be read from {path}")
            self.vm.pass_time(0.5)

    def make_code(self, seconds):
        """Asks for a code until there is one: a till is ready before its network is, and says then that
        there is none."""
        until = time.monotonic() + seconds
        while not is_code(self.vm.screen()):
            if time.monotonic() > until:
                self.picture("gave-up")
                raise SystemExit(f"no code within {seconds} s; the last picture is in {self.out}")
            self.vm.tap(*MAKE_CODE)
            self.vm.pass_time(1)
            if not is_code(self.vm.screen()):
                self.vm.tap(*FIRST_WALLET)
            asked = time.monotonic()
            while not is_code(self.vm.screen()) and time.monotonic() < asked + ASKS_AGAIN:
                self.vm.pass_time(0.5)
            while not is_code(self.vm.screen()) and not is_prompt(self.vm.screen()) and time.monotonic() < until:
                self.vm.pass_time(0.5)

    def sale(self, sandbox, amount, pictures=False):
        """A sale by the merchant's code, until the screen says that it is paid."""
        told = sandbox.scan(self.merchant_code(amount, pictures))
        self.until(is_paid, f"paid (the wallet said {told})", 180)
        if pictures:
            self.picture("paid")
        self.vm.tap(*NEXT)
        self.until(is_keypad, "the keypad after a sale", 90)


def set_pin(file, ctl="target/debug/shouyinctl"):
    """Six digits that the rules for PINs take."""
    while True:
        pin = "".join(random.SystemRandom().choice("0123456789") for _ in range(6))
        made = subprocess.run([ctl, "pin", "set", "--file", file], input=pin + "\n", text=True,
                              capture_output=True)
        if made.returncode == 0:
            return pin


def wrong(pin):
    return "".join(str((int(digit) + 1) % 10) for digit in pin)


def is_keypad(screen):
    """White keys on grey, and the key for charging below."""
    return (screen.height == 1280 and screen.at(60, 400) == WHITE
            and screen.at(243, 600) == GREY and screen.at(60, 1100) == WHITE
            and screen.at(60, 760) == WHITE and screen.at(300, 1100) in (GREY, BLUE))


def can_charge(screen):
    """An amount stands there: the key for charging is blue."""
    return is_keypad(screen) and screen.at(300, 1100) == BLUE


def is_prompt(screen):
    return screen.at(400, 1100) == BLUE and screen.at(60, 360) != WHITE and not is_keypad(screen)


def is_code(screen):
    """A white field with something black in it."""
    line = [screen.at(x, 432) for x in range(60, 660)]
    return screen.at(60, 360) == WHITE and line.count((0, 0, 0)) > 60 and not is_keypad(screen)


def is_settled(screen):
    """The keypad without the badge for sales that are still open."""
    return is_keypad(screen) and screen.at(330, 20) != AMBER


def is_paid(screen):
    return screen.at(100, 200) == GREEN


def is_stopped(screen):
    """The screen of a terminal that does not start, with its key below."""
    return screen.at(100, 200) == RED and screen.at(60, 1100) == BLUE


def partition(image, name):
    """(first byte, bytes) of a partition."""
    told = subprocess.run(["sfdisk", "-J", image], capture_output=True, text=True, check=True)
    for part in json.loads(told.stdout)["partitiontable"]["partitions"]:
        if part["name"] == name:
            return part["start"] * SECTOR, part["size"] * SECTOR
    raise SystemExit(f"{image} has no partition {name}")


def copy_image(image, copy, provision=None):
    """The image as shipped; only its data partition is another one, with a configuration."""
    os.makedirs(os.path.dirname(copy), exist_ok=True)
    subprocess.run(["cp", "--sparse=always", image, copy], check=True)
    if provision is None:
        return
    start, size = partition(copy, "shouyin-data")
    seed, data = f"{copy}.seed", f"{copy}.data"
    shutil.rmtree(seed, ignore_errors=True)
    shutil.copytree(provision, f"{seed}/shouyin")
    subprocess.run(["chown", "-R", "900:900", f"{seed}/shouyin"], check=True)
    subprocess.run(["chmod", "-R", "go=", f"{seed}/shouyin"], check=True)
    with open(data, "wb") as file:
        file.truncate(size)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-O", "metadata_csum,64bit", "-E",
                    "root_owner=0:0", "-L", "shouyin-data", "-d", seed, data], check=True)
    put_data(data, copy, start)
    os.unlink(data)
    shutil.rmtree(seed)


def data_of(image, folder):
    """What is on the data partition of a machine without power, after its file system's recovery."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    with data_partition(image, f"{folder}/data.img") as data:
        recovered(data)
        subprocess.run(["debugfs", "-R", f"rdump /shouyin {folder}", data], check=True, capture_output=True)
    return f"{folder}/shouyin"


def recovered(data):
    """Replays the file system's own log, as the kernel does at the next start."""
    checked = subprocess.run(["e2fsck", "-p", data], capture_output=True, text=True)
    if checked.returncode > 1:
        raise SystemExit(f"the data partition needs a repair by hand: {checked.stdout}")


@contextlib.contextmanager
def data_partition(image, data, kept=False):
    """The data partition of a machine without power, as a file; `kept` puts it back as it was changed."""
    start, size = partition(image, "shouyin-data")
    subprocess.run(["dd", f"if={image}", f"of={data}", "bs=1M", f"skip={start >> 20}",
                    f"count={size >> 20}", "conv=sparse", "status=none"], check=True)
    yield data
    if kept:
        put_data(data, image, start)
    os.unlink(data)


def put_data(data, image, start):
    subprocess.run(["dd", f"if={data}", f"of={image}", "bs=1M", f"seek={start >> 20}", "conv=notrunc",
                    "status=none"], check=True)


def change(data, *orders):
    """Orders to debugfs(8), which must complain of none."""
    told = subprocess.run(["debugfs", "-w", "-f", "-", data], input="\n".join(orders) + "\n", text=True,
                          capture_output=True, check=True)
    complaints = told.stderr.splitlines()[1:]
    assert not complaints, complaints


def journal(folder, ctl="target/debug/shouyinctl"):
    """Order number to what the journal says of it: open, or its outcome, with the amount."""
    database = f"{folder}/journal.db"
    verdict = subprocess.run([ctl, "journal", "verify", database, "--mirror", f"{folder}/mirror.log"],
                             text=True, stdout=subprocess.PIPE)
    told = subprocess.run([ctl, "journal", "export", database], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    rows = [json.loads(line) for line in told.splitlines()]
    if verdict.returncode != 0:
        # A unit of work is stored in the journal first, so that a power cut in between leaves a copy without it. Its
        # records have one time.
        behind = SOUND_BUT.fullmatch(verdict.stdout)
        assert verdict.returncode == 1 and behind, verdict.stdout
        times = {json.loads(row["body"])["at"] for row in rows[-int(behind[1]):]}
        assert len(times) == 1, f"the second copy lacks more than one unit of work: {verdict.stdout}"
    orders, numbers = {}, {}
    for row in rows:
        fact = json.loads(row["body"])
        if fact["fact"] == "intent_recorded":
            numbers[fact["txn"]] = fact["order_no"]
            orders[fact["order_no"]] = {"amount": fact["amount"], "state": "open"}
        elif fact["fact"] == "closed":
            orders[numbers[fact["txn"]]]["state"] = fact["outcome"]
    return orders


def compare(orders, ledger):
    """What differs between journal and books, order by order; an open sale differs from nothing."""
    booked = {order["out_trade_no"]: order["net_charged"] for order in ledger["orders"]}
    problems = []
    for number in sorted(set(orders) | set(booked)):
        sale, charged = orders.get(number), booked.get(number, 0)
        if sale is None:
            problems.append(f"{number}: {charged} fen in the books, nothing in the journal")
        elif sale["state"] != "open":
            expected = sale["amount"] if sale["state"] == "paid" else 0
            if expected != charged:
                problems.append(f"{number}: {sale['state']} in the journal, {charged} fen booked")
    if ledger["sum"] != 0:
        problems.append(f"the acquirer's own books differ by {ledger['sum']}")
    return problems


def books_hold(vm, out, sandbox, wanted):
    """Journal and books are equal, and these sales ended so: amount in fen to outcome. A code that was asked for before
    the machine had a network was not sent, and is no sale."""
    orders = equal_books(vm.image, out, sandbox).values()
    found = sorted((order["amount"], order["state"]) for order in orders if order["state"] != "not_sent")
    assert found == sorted(wanted.items()), found


def equal_books(disk, out, sandbox):
    """The journal of a machine without power, after it was seen to agree with the acquirer's books."""
    orders = journal(data_of(disk, f"{out}/data"))
    problems = compare(orders, sandbox.ledger())
    assert not problems, problems
    return orders
