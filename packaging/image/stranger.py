"""Somebody on the terminal's own network who knocks at every TCP port.

Owns frames that are put on the virtual machine's wire, and the recording of what goes over it. Never
answers: what the terminal says to a knock is read from the recording."""
import socket
import struct
import time

STRANGER, GUEST = bytes([10, 0, 2, 2]), bytes([10, 0, 2, 15])
STRANGER_MAC, GUEST_MAC = bytes.fromhex("52550a000202"), bytes.fromhex("525400123456")
OWN_PORT = 40000
SYN, RST, ACK = 2, 4, 16
# So many knocks are followed by a question that every machine answers: none of them was lost.
TURN = 128


def wire(folder):
    """What QEMU needs for it."""
    return ["-chardev", f"socket,id=stranger,path={folder}/stranger.sock,server=on,wait=off",
            "-object", "filter-redirector,id=knock,netdev=net,queue=tx,indev=stranger",
            "-object", f"filter-dump,id=record,netdev=net,file={folder}/wire.pcap,maxlen=128"]


def knock(vm, ports=range(1, 65536)):
    """Knocks at every port; returns (ports that answered, ports that were knocked at for certain)."""
    line = socket.socket(socket.AF_UNIX)
    line.connect(f"{vm.folder}/stranger.sock")
    start = len(frames(vm.folder))
    answered = 0
    for first in range(0, len(ports), TURN):
        turn = ports[first:first + TURN]
        line.sendall(b"".join(framed(syn(port)) for port in turn))
        line.sendall(framed(who_has()))
        until = time.monotonic() + 0.05
        while time.monotonic() < until:
            vm.pass_time(0.02)
    vm.pass_time(3)
    opened = set()
    for frame in frames(vm.folder)[start:]:
        if frame[6:12] != GUEST_MAC:
            continue
        if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\x00\x02":
            answered += 1
        if frame[12:14] == b"\x08\x00" and frame[23] == 6:
            port, to = struct.unpack(">HH", frame[34:38])
            if to == OWN_PORT and frame[47] & (RST | ACK):
                opened.add(port)
    turns = -(-len(ports) // TURN)
    return sorted(opened), f"{answered} of {turns} turns confirmed"


def framed(frame):
    return struct.pack(">I", len(frame)) + frame


def total(data):
    words = struct.unpack(f">{len(data) // 2}H", data)
    value = sum(words)
    value = (value & 0xffff) + (value >> 16)
    return ~(value + (value >> 16)) & 0xffff


def syn(port):
    tcp = struct.pack(">HHIIBBHHH", OWN_PORT, port, port, 0, 5 << 4, SYN, 1024, 0, 0)
    check = total(STRANGER + GUEST + struct.pack(">HH", 6, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack(">H", check) + tcp[18:]
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, port, 0, 64, 6, 0, STRANGER, GUEST)
    ip = ip[:10] + struct.pack(">H", total(ip)) + ip[12:]
    return GUEST_MAC + STRANGER_MAC + b"\x08\x00" + ip + tcp


def who_has():
    """ARP: who has the terminal's address?"""
    asked = struct.pack(">HHBBH6s4s6s4s", 1, 0x800, 6, 4, 1, STRANGER_MAC, STRANGER, bytes(6), GUEST)
    return b"\xff" * 6 + STRANGER_MAC + b"\x08\x06" + asked


def frames(folder):
    """What went over the wire so far."""
    with open(f"{folder}/wire.pcap", "rb") as file:
        data = file.read()
    found, at = [], 24
    while at + 16 <= len(data):
        size = struct.unpack("<I", data[at + 8:at + 12])[0]
        found.append(data[at + 16:at + 16 + size])
        at += 16 + size
    return found
