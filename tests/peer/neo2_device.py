"""A ViVOtech2 protocol 2 reader of its own on a pseudo-terminal, for the terminal's driver. Standard library only.

Written from the NEO 2 guide's description of the wire. Argument: the symbolic link to make. Answers the questions of a
greeting, and every activation with a card that wants to go online for the amount that was asked. Every second result
comes in pieces with noise before it. Ends when its standard input ends.
"""

import binascii
import os
import pty
import select
import struct
import sys
import tty

MAGIC = b"ViVOtech2\x00"
KSN = bytes.fromhex("62994900750002A00290")
SEALED = bytes.fromhex("D0182C6B2DF9C4D2CD60B774C765AF140E7B53F77839629A")


def reply(command, status, data=b""):
    body = MAGIC + bytes([command, status]) + struct.pack(">H", len(data)) + data
    return body + struct.pack(">H", binascii.crc_hqx(body, 0xFFFF))


def item(tag, value):
    return bytes.fromhex(tag) + bytes([len(value)]) + value


def online(data):
    """Takes the amount from the activation; knows the order that a host may use only as far as it needs to."""
    at = data.index(b"\x9f\x02\x06")
    amount = data[at + 3 : at + 9]
    out = b"\x41" + item("DFEE12", KSN) + item("9F02", amount)
    for tag, value in [
        ("5F2A", "0156"), ("9F1A", "0156"), ("9C", "00"), ("9F26", "0102030405060708"), ("9F27", "80"),
        ("9F10", "07010103A0A00001"), ("9F37", "01020304"), ("9F36", "0009"), ("95", "0000000000"),
        ("9A", "261126"), ("82", "7C00"), ("9F39", "07"), ("DF52", "03"), ("DFEF5B", "621626CCCCCCCCC0018F"),
    ]:
        out += item(tag, bytes.fromhex(value))
    return reply(0x02, 0x23, out + item("57", SEALED))


def main():
    reader, host = pty.openpty()
    tty.setraw(host)
    os.symlink(os.ttyname(host), sys.argv[1])
    print("ready", flush=True)
    seen, taps = b"", 0
    while True:
        ready, _, _ = select.select([reader, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        seen += os.read(reader, 4096)
        while True:
            start = seen.find(MAGIC)
            if start < 0 or len(seen) < start + 16:
                break
            command, sub = seen[start + 10], seen[start + 11]
            (length,) = struct.unpack(">H", seen[start + 12 : start + 14])
            end = start + 16 + length
            if len(seen) < end:
                break
            body, crc, seen = seen[start : end - 2], seen[end - 2 : end], seen[end:]
            if struct.pack("<H", binascii.crc_hqx(body, 0xFFFF)) != crc:
                os.write(reader, reply(command, 0x04))
            elif (command, sub) == (0x02, 0x40):
                taps += 1
                answer = reply(0x02, 0x0E, b"\x01") + online(body[14:])
                if taps % 2 == 0:
                    answer = b"\x00ViVO\xff" + answer
                    for at in range(0, len(answer), 7):
                        os.write(reader, answer[at : at + 7])
                else:
                    os.write(reader, answer)
            elif (command, sub) == (0x29, 0x00):
                os.write(reader, reply(command, 0, b"PYTHON NEO"))
            elif (command, sub) == (0x81, 0x0B):
                os.write(reader, reply(command, 0, b"\x01\x0a" + KSN))
            else:
                os.write(reader, reply(command, 0, b""))


main()
