"""The sandbox's GemPC Twin and its contact cards, as foreign programs find them: the PC/SC daemon with libccid's serial
driver reads the line, opensc-tool asks the card, the EMV kernel of the crate `emv` runs whole transactions, and pyemv
checks every cryptogram and proves the issuer to the card.

    apt-get install pcscd libccid opensc libpcsclite-dev
    cargo install emv --version 0.1.1 --bin emv-test-transaction      (needs Rust 1.95)
    pip install pyemv
    python3 packaging/dev/peer_gempc.py target/debug/shouyin-sandbox

Needs the right to run pcscd, and that none runs already. What is not installed is skipped with a line; the end is an
error when anything differs. Card numbers stay in a scratch folder that is removed.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import warnings

# The ciphers of these cards are old, and pyemv's library says so at every use.
warnings.filterwarnings("ignore", category=DeprecationWarning)
warnings.filterwarnings("ignore", message=".*TripleDES.*")
DRIVERS = ["/usr/lib/pcsc/drivers/serial/libccidtwin.so", "/usr/lib64/pcsc/drivers/serial/libccidtwin.so"]
ISSUER = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
PANS = {
    "debit": "6216261000000000018",
    "declines": "6216261000000000042",
    "refuses": "6216261000000000067",
    "torn": "6216261000000000075",
}
AIDS = """
[defaults]
merchant_category_code = 5999
merchant_identifier = "SHOUYIN_PEER_01"
merchant_name_and_location = "peer of the sandbox"
terminal_identification = "PEER0001"
transaction_currency_code = 156
transaction_currency_exponent = 2
partial_match_allowed = true
default_ddol = "9F3704"
terminal_floor_limit = 10000

[[aids]]
aid = "A000000333010101"
application_version_number = "0020"
tac_denial = "0010000000"
tac_online = "D84004F800"
tac_default = "D84000A800"
"""
TERMINAL = """
ifd_serial_number = "PEER0001"
terminal_country_code = 156
terminal_type = "22"
terminal_capabilities = "E028C8"
cardholder_selection_and_confirmation_supported = true
additional_terminal_capabilities = "6000B07001"
"""


def skip(what):
    print("skipped:", what)
    sys.exit(0)


def within(seconds, what, true):
    """Waits until something is true; the world outside has no other way to tell."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            sys.exit(f"not within {seconds} s: {what}")
        time.sleep(0.05)


class Sandbox:
    def __init__(self, program, link):
        self.process = subprocess.Popen(
            [program, "reader", "--kind", "gempc", "--link", link],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )
        self.process.stdout.readline()

    def does(self, words):
        self.process.stdin.write(words + "\n")
        told = self.process.stdout.readline().strip()
        assert told == "ok", (words, told)


class Daemon:
    """pcscd with one reader; its log is kept in a file, because it holds what the card says."""

    def __init__(self, folder, link, driver):
        conf = os.path.join(folder, "reader.conf")
        with open(conf, "w") as out:
            out.write(f'FRIENDLYNAME "Sandbox Twin"\nDEVICENAME {link}:GemPCTwin\nLIBPATH {driver}\nCHANNELID 1\n')
        self.log = os.path.join(folder, "pcscd.log")
        # Its colour codes would stand in the middle of lines.
        env = dict(os.environ, TERM="dumb", LIBCCID_ifdLogLevel="0x0007")
        self.out = open(self.log, "w")
        self.process = subprocess.Popen(
            ["pcscd", "--foreground", "--apdu", "--debug", "--config", conf],
            stdout=self.out, stderr=subprocess.STDOUT, env=env,
        )
        within(15, "the reader is known to pcscd", lambda: "Firmware" in self.read() and self.knows())

    def read(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def knows(self):
        listed = subprocess.run(["opensc-tool", "--list-readers"], capture_output=True, text=True)
        return "Sandbox Twin" in listed.stdout

    def exchanges(self, since):
        """What was sent to the card and what it said since a place in the log."""
        lines = re.findall(r"(APDU|SW): ((?:[0-9A-F]{2} )*[0-9A-F]{2})", self.read()[since:])
        return [(kind, bytes.fromhex(text)) for kind, text in lines]

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.out.close()


def cryptogram(pyemv, pan, exchanges):
    """The last GENERATE AC of some exchanges: kind, ATC, cryptogram, and what pyemv makes of the same data."""
    at = max(i for i, (kind, data) in enumerate(exchanges) if kind == "APDU" and data[:2] == b"\x80\xae")
    command = exchanges[at][1]
    answer = next(data for kind, data in exchanges[at:] if kind == "SW" and data[0] == 0x80)
    assert answer[:2] == b"\x80\x1e" and answer[-2:] == b"\x90\x00", "a cryptogram in format 1"
    data = command[5:5 + command[4]]
    terminal = data[:29] if len(data) == 52 else data[2:31]
    atc, proof = answer[3:5], answer[5:13]
    key = session_key(pyemv, pan, atc)
    made = pyemv.ac.generate_ac(key, terminal + bytes.fromhex("1C00") + atc, pyemv.ac.PaddingType.EMV)
    return answer[2], atc, proof, made


def session_key(pyemv, pan, atc):
    card = pyemv.kd.derive_icc_mk_a(ISSUER, pan, "01")
    return pyemv.kd.derive_common_sk(card, atc + bytes(6))


def transaction(kernel, folder, name, daemon, host, pyemv):
    """Runs one; `host` makes the host's answer of (exchanges so far). Returns the lines and what was exchanged."""
    since = len(daemon.read())
    run = subprocess.Popen(
        [kernel, "--terminal", f"{folder}/terminal.toml", "--aids", f"{folder}/aids.toml"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1, cwd=folder,
    )
    guard = threading.Timer(60, run.kill)
    guard.start()
    lines = []
    for line in run.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith("BER-TLV blob with tags"):
            within(5, "pcscd logged the cryptogram", lambda: any(
                data[:2] == b"\x80\x1e" for _, data in daemon.exchanges(since)))
            run.stdin.write(host(daemon.exchanges(since)) + "\n")
            run.stdin.flush()
    run.wait()
    guard.cancel()
    return lines, daemon.exchanges(since)


def main():
    program = os.path.abspath(sys.argv[1])
    driver = next((path for path in DRIVERS if os.path.exists(path)), None)
    for tool, package in (("pcscd", "pcscd"), ("opensc-tool", "opensc")):
        if not shutil.which(tool):
            skip(f"{tool} (Debian package {package}) is not installed")
    if not driver:
        skip("libccidtwin.so (Debian package libccid) is not installed")
    if os.path.exists("/run/pcscd/pcscd.comm") and Daemon.knows(None):
        skip("another pcscd runs")
    folder = tempfile.mkdtemp()
    link = os.path.join(folder, "reader")
    sandbox = Sandbox(program, link)
    daemon = None
    try:
        daemon = Daemon(folder, link, driver)
        tools(sandbox, daemon)
        kernels(sandbox, daemon, folder)
    finally:
        if daemon:
            daemon.end()
        sandbox.process.stdin.close()
        sandbox.process.wait()
        if os.environ.get("KEEP"):
            print("kept:", folder)
        else:
            shutil.rmtree(folder)


def opensc(*arguments):
    run = subprocess.run(["opensc-tool", *arguments], capture_output=True, text=True, timeout=60)
    return run.stdout + run.stderr


def present(card):
    shown = opensc("--list-readers")
    return any("Sandbox Twin" in line and (" Yes " in line) == card for line in shown.splitlines())


def tools(sandbox, daemon):
    assert "Firmware: Sandbox GemPC Twin 1.0" in daemon.read()
    within(10, "an empty slot", lambda: present(False))
    sandbox.does("insert debit")
    within(10, "a card in the slot", lambda: present(True))
    atr = opensc("--reader", "0", "--atr")
    assert "3b:67:00:00:53:48:4f:55:59:49:4e" in atr, atr
    pse = opensc("--reader", "0", "--card-driver", "default",
                 "--send-apdu", "00A404000E315041592E5359532E4444463031", "--send-apdu", "00B2010C00",
                 "--send-apdu", "00B2020C00", "--send-apdu", "00A404000E325041592E5359532E4444463031")
    for words in ("SW1=0x90, SW2=0x00", "A0 00 00 03 33 01 01 01", "SW1=0x6A, SW2=0x83", "SW1=0x6A, SW2=0x82"):
        assert words in pse, pse
    for fault, heard in (("slow", "time request: 0x80"), ("nak", "NAK requested"), ("bad-lrc", "Wrong LRC")):
        since = len(daemon.read())
        sandbox.does("fault " + fault)
        opensc("--reader", "0", "--atr")
        assert heard in daemon.read()[since:], f"the driver heard {fault}"
    assert "3b:67" in opensc("--reader", "0", "--atr"), "it works again after every fault"
    sandbox.does("pull")
    within(10, "an empty slot again", lambda: present(False))
    print("pcscd, libccidtwin and opensc-tool: firmware, insertion, ATR, PSE and its record, removal; faults are survived")


def kernels(sandbox, daemon, folder):
    kernel = shutil.which("emv-test-transaction")
    if not kernel:
        skip("emv-test-transaction (crate emv 0.1.1) is not installed; the reader's part passed")
    try:
        import pyemv
        import pyemv.ac
        import pyemv.kd
    except ImportError:
        skip("pyemv is not installed; the reader's part passed")
    for name, text in (("aids.toml", AIDS), ("terminal.toml", TERMINAL)):
        with open(os.path.join(folder, name), "w") as out:
            out.write(text)
    for name in ("capk.toml", "crl.toml"):
        # Empty lists, so that the kernel does not take its own.
        with open(os.path.join(folder, name), "w") as out:
            out.write({"capk.toml": "capk_rsa = []\n", "crl.toml": "entries = []\n"}[name])
    checked = 0

    def proven(pan, decision):
        def answer(exchanges):
            kind, atc, proof, made = cryptogram(pyemv, pan, exchanges)
            assert (kind, proof) == (0x80, made), "the ARQC differs from pyemv's"
            arpc = pyemv.ac.generate_arpc_1(session_key(pyemv, pan, atc), proof, decision)
            return f"8A02{decision.hex()}910A{arpc.hex()}{decision.hex()}"
        return answer

    def forged(exchanges):
        return "8A023030910A11223344556677883030"

    rows = [
        ("debit", "proven, 00", lambda pan: proven(pan, b"00"), "Final outcome: Approved (TC banked)",
         "EXTERNAL AUTHENTICATE → Successful", 0x40),
        ("debit", "00 without proof", lambda pan: lambda exchanges: "", "Final outcome: Approved (TC banked)",
         "EXTERNAL AUTHENTICATE skipped", 0x40),
        ("debit", "proven, 05", lambda pan: proven(pan, b"05"), "Final outcome: Declined",
         "EXTERNAL AUTHENTICATE → Successful", 0x00),
        ("debit", "forged, 00", lambda pan: forged, "Final outcome: Declined",
         "EXTERNAL AUTHENTICATE → ", 0x00),
        ("refuses", "proven, 00", lambda pan: proven(pan, b"00"), "Final outcome: Declined",
         "Second GENERATE AC (Tc)", 0x00),
        ("declines", "not asked", None, "Final outcome: Declined offline.", "First GENERATE AC (Arqc)", 0x00),
        ("torn", "proven, 00", lambda pan: proven(pan, b"00"), "ERROR: second GENERATE AC", "", None),
    ]
    for card, told, host, outcome, step, last in rows:
        sandbox.does("insert " + card)
        within(10, "a card in the slot", lambda: present(True))
        answer = host(PANS[card]) if host else None
        lines, exchanges = transaction(kernel, folder, card, daemon, answer, pyemv)
        whole = "\n".join(lines)
        assert outcome in whole and step in whole, f"{card}, {told}:\n{whole}"
        shown = next(line for line in lines if outcome in line)
        if last is not None:
            within(5, "pcscd logged the end", lambda: cryptogram(pyemv, PANS[card], exchanges)[0] == last)
            kind, _, proof, made = cryptogram(pyemv, PANS[card], exchanges)
            assert proof == made, "the last cryptogram differs from pyemv's"
            checked += 1
        tvr = [line for line in lines if line.startswith("Final TVR")]
        print(f"{card} ({told}): {shown.strip()}", *tvr)
        if card != "torn":
            sandbox.does("pull")
        within(10, "an empty slot", lambda: present(False))
    print(f"crate emv: {len(rows)} transactions ended as written on the cards; pyemv made the same {checked} last "
          "cryptograms, and the same ARQC wherever it proved the issuer")


main()
