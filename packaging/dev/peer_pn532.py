"""The sandbox's PN532 and its card, as foreign hosts find them: libnfc's shell of raw commands and its diagnosis, and
adafruit-circuitpython-pn532.

    apt-get install libnfc-pn53x-examples
    pip install adafruit-circuitpython-pn532 pyserial
    python3 packaging/dev/peer_pn532.py target/debug/shouyin-sandbox

What is not installed is skipped with a line; the end is an error when anything differs.
"""

import os
import shutil
import subprocess
import sys
import tempfile

PPSE = b"\x00\xa4\x04\x00\x0e2PAY.SYS.DDF01\x00"
FOUND = "01 01 00 04 20 04 08 a1 b2 c3 06 75 77 81 02 80"
# Each raw command and what must come back; "!" is an error of libnfc's, which then prints no answer.
SHELL = [
    ("02", "32 01 06 07"),
    ("00 00 6c 69 62 6e 66 63", "00 6c 69 62 6e 66 63"),
    ("04", "00 01 00 00"),
    ("12 14", ""),
    ("14 01", ""),
    ("32 05 ff 01 02", ""),
    ("4a 01 00", FOUND),
    ("04", "00 01 01 01 00 00 00 00"),
    ("40 01 " + PPSE.hex(), "00 6f34840e325041592e5359532e4444463031a522bf0c1f611d4f08a000000333010101"
     "500e556e696f6e50617920446562697487 0101 9000"),
    ("40 01 00a4040007a000000003101000", "00 6a82"),
    ("40 02 " + PPSE.hex(), "!"),
    # Deselected, selected by hand, deselected again and selected by the next exchange.
    ("44 01", "00"),
    ("54 01", "00"),
    ("44 00", "00"),
    ("40 01 00b2010c00", "00 6d00"),
    ("52 01", "00"),
    ("40 01 " + PPSE.hex(), "!"),
    ("54 01", "!"),
    ("52 00", "00"),
    # Without parameters, and a command that is none.
    ("40", "!"),
    ("4a", "!"),
    ("99", "!"),
    # No card of type B; without automatic RATS there is no answer to select.
    ("4a 01 03", "00"),
    ("12 04", ""),
    ("4a 01 00", FOUND[:29]),
    ("52 00", "00"),
]


def packed(text):
    return text.replace(" ", "").lower()


def shell(_, link):
    """libnfc's own tools; they name the port in an environment variable."""
    env = dict(os.environ, LIBNFC_DEFAULT_DEVICE=f"pn532_uart:{link}:115200")
    for tool in ("pn53x-tamashell", "pn53x-diagnose"):
        if not shutil.which(tool):
            print(f"skipped: {tool} (Debian package libnfc-pn53x-examples) is not installed")
            return
    typed = "".join(command + "\n" for command, _ in SHELL)
    run = subprocess.run(["pn53x-tamashell"], input=typed, capture_output=True, text=True, env=env, timeout=60)
    # An answer is told on one stream and an error on another: what follows a command's "Tx" decides.
    told = []
    for line in run.stdout.splitlines():
        if line.startswith("Tx:"):
            told.append("!")
        elif line.startswith("Rx:"):
            told[-1] = packed(line[3:])
    assert len(told) == len(SHELL), (len(told), run.stdout, run.stderr)
    for (command, wanted), got in zip(SHELL, told):
        assert packed(wanted) == got, f"{command}: {got} instead of {wanted}"
    assert run.stderr.count("Rx:") == told.count("!"), run.stderr
    told = subprocess.run(["pn53x-diagnose"], capture_output=True, text=True, env=env, timeout=60).stdout
    for test in ("Communication line test", "ROM test", "RAM test"):
        assert f"{test}: OK" in told, told
    print(f"pn53x-tamashell: {len(SHELL)} raw commands answered as expected; pn53x-diagnose: line, ROM and RAM")


def main():
    link = os.path.join(tempfile.mkdtemp(), "reader")
    sandbox = subprocess.Popen(
        [sys.argv[1], "reader", "--kind", "pn532", "--link", link],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    )
    sandbox.stdout.readline()
    # Each host meets a chip that has just got power: libnfc leaves settings behind.
    for host in (shell, adafruit):
        for words in ("unplug", "plug", "tap debit"):
            sandbox.stdin.write(words + "\n")
            assert sandbox.stdout.readline() == "ok\n"
        host(sandbox, link)
    sandbox.stdin.close()
    sandbox.wait()


def adafruit(sandbox, link):
    try:
        import serial
        from adafruit_pn532.uart import PN532_UART
    except ImportError:
        print("skipped: adafruit-circuitpython-pn532 and pyserial are not installed")
        return
    chip = PN532_UART(serial.Serial(link, 115200, timeout=1))
    assert chip.firmware_version == (0x32, 1, 6, 7), chip.firmware_version
    chip.SAM_configuration()
    uid = chip.read_passive_target(timeout=1)
    assert uid.hex() == "08a1b2c3", uid
    answer = chip.call_function(0x40, params=b"\x01" + PPSE, response_length=255, timeout=1)
    assert answer[0] == 0 and bytes(answer[-2:]) == b"\x90\x00" and bytes.fromhex("A000000333010101") in bytes(answer)
    sandbox.stdin.write("pull\n")
    assert sandbox.stdout.readline() == "ok\n"
    assert chip.read_passive_target(timeout=1) is None, "no card any more"
    print("adafruit-circuitpython-pn532: firmware, card, payment directory and an empty field are found")


main()
