"""A PIN pad of the NL-PP60 kind of its own on a pseudo-terminal, for the terminal's driver. Needs cryptography.

Written from the pad's user manual. Argument: the symbolic link to make. Has directories 1 and 2, the sandbox's
authentication and master keys in directory 1, and random numbers that are random. Checks every authentication code. Every
second answer comes in pieces with noise before it. Ends when its standard input ends.
"""

import os
import pty
import select
import sys
import tty

from pp60_host import AUTH, MASTER, UID, cipher, pad_mac, retail_mac

AUTH_OF = {0x81: 3, 0x82: 2, 0x85: 2}


class Pad:
    def __init__(self):
        self.directory, self.random, self.keys, self.chosen = 0, None, {}, None

    def answer(self, command, data):
        """Returns data, or the number of an error."""
        if command == 0xD5:
            self.directory, self.random, self.chosen = 0, None, None
            return b""
        if command == 0xD6:
            if data[0] > 2:
                return 0x31
            self.directory, self.random = data[0], None
            return b""
        if command == 0xD0:
            self.random = os.urandom(8)
            return self.random
        if command not in AUTH_OF:
            return 0xFF
        data, code = data[:-8], data[-8:]
        random, self.random = self.random, None
        key = AUTH[AUTH_OF[command]]
        if self.directory != 1 or random is None or code != retail_mac(key, data + random + UID):
            return 0x08
        told = self.sensitive(command, data)
        return told if isinstance(told, int) else told + retail_mac(key, told + random + UID)

    def sensitive(self, command, data):
        if command == 0x81:
            if data[0] != 0:
                return 0x63
            if data[2] not in (0x91, 0x92):
                return 0x62
            self.keys[data[2] & 3, data[1]] = cipher(MASTER, data[3:19], encrypt=False)
            return b""
        if command == 0x82:
            if (2, data[0]) not in self.keys:
                return 0x61
            self.chosen = data[0]
            return b""
        if data[1] != 0x82:
            return 0x62
        if len(data) % 8 != 2:
            return 0x82
        key = self.keys.get((1, data[0]))
        return pad_mac(key, data[2:]) if key else 0x61


def frame(head, data):
    edc = head ^ len(data)
    for byte in data:
        edc ^= byte
    return bytes([head, len(data)]) + data + bytes([edc])


def main():
    host_end, link_end = pty.openpty()
    tty.setraw(link_end)
    os.symlink(os.ttyname(link_end), sys.argv[1])
    print("ready", flush=True)
    pad, seen, answers = Pad(), b"", 0
    while True:
        ready, _, _ = select.select([host_end, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        seen += os.read(host_end, 4096)
        while len(seen) >= 3 and len(seen) >= 3 + seen[1]:
            whole, seen = seen[: 3 + seen[1]], seen[3 + seen[1] :]
            command, edc = whole[0], 0
            for byte in whole:
                edc ^= byte
            told = 0x0D if edc else pad.answer(command, whole[2:-1])
            if isinstance(told, int):
                answer = frame(command & 0x7F, bytes([told]))
            else:
                answer = frame(command, told)
            answers += 1
            if answers % 2 == 0:
                answer = b"\x00\x7f\x85\x00\xff" + answer
                for at in range(0, len(answer), 3):
                    os.write(host_end, answer[at : at + 3])
            else:
                os.write(host_end, answer)


main()
