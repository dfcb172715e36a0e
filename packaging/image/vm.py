"""A virtual machine with the boot image: its power, its screen, its finger, its serial ports.

Owns QEMU and the channels to it; knows nothing of payments. Software emulation (TCG): nothing here needs KVM."""
import json
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import time
import zlib

FIRMWARE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd"


class Vm:
    """Starts stopped; `power_on` begins. `folder` keeps sockets, the serial log and pictures."""

    def __init__(self, image, folder, width=720, height=1280, memory=512, snapshot=False, reboot=True, icount=False, extra=()):
        self.image, self.folder, self.size = image, folder, (width, height)
        os.makedirs(folder, exist_ok=True)
        variables = f"{folder}/variables.fd"
        if not os.path.exists(variables):
            shutil.copy(VARIABLES, variables)
        drive = f"file={image},if=none,id=disk,format=raw,cache=writeback" + (",snapshot=on" if snapshot else "")
        machine = ["-accel", "tcg,thread=multi", "-smp", "2"]
        if icount:
            # One instruction is one nanosecond: the guest's clock then counts instructions, whatever the host's load is.
            machine = ["-accel", "tcg,thread=single", "-smp", "1", "-icount", "shift=0,sleep=off"]
        self.command = [
            "qemu-system-x86_64", "-M", "q35,smm=off", *machine, "-cpu", "max", "-m", str(memory), "-nodefaults", "-display", "none",
            "-drive", f"if=pflash,format=raw,readonly=on,file={FIRMWARE}", "-drive", f"if=pflash,format=raw,file={variables}",
            "-device", f"virtio-gpu-pci,xres={width},yres={height},edid=on", "-device", "virtio-tablet-pci", "-device", "virtio-keyboard-pci",
            "-drive", drive, "-device", "virtio-blk-pci,drive=disk",
            "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net",
            "-chardev", f"socket,id=log,path={folder}/log.sock,server=on,wait=off", "-serial", "chardev:log",
            "-chardev", f"socket,id=reader,path={folder}/reader.sock,server=on,wait=off", "-serial", "chardev:reader",
            "-qmp", f"unix:{folder}/qmp.sock,server=on,wait=off", "-device", "i6300esb", "-watchdog-action", "reset",
            "-object", "rng-random,id=rng", "-device", "virtio-rng-pci,rng=rng", "-S", *([] if reboot else ["-no-reboot"]), *extra,
        ]
        self.process, self.lines, self.began = None, [], None

    def power_on(self):
        for name in ("log", "reader", "qmp"):
            if os.path.exists(f"{self.folder}/{name}.sock"):
                os.unlink(f"{self.folder}/{name}.sock")
        self.process = subprocess.Popen(self.command, stdout=open(f"{self.folder}/qemu.log", "w"), stderr=subprocess.STDOUT)
        self.log, self.qmp = self._connect("log"), self._connect("qmp")
        self.words = self.qmp.makefile("rw")
        self.words.readline()
        self.rest, self.serial = b"", open(f"{self.folder}/serial.log", "ab")
        self.ask("qmp_capabilities")
        self.began = time.monotonic()
        self.ask("cont")

    def _connect(self, name):
        for _ in range(400):
            try:
                channel = socket.socket(socket.AF_UNIX)
                channel.connect(f"{self.folder}/{name}.sock")
                return channel
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        raise SystemExit("QEMU did not start:\n" + open(f"{self.folder}/qemu.log").read())

    def ask(self, command, **arguments):
        """One QMP command; returns its answer."""
        self.words.write(json.dumps({"execute": command, **({"arguments": arguments} if arguments else {})}) + "\n")
        self.words.flush()
        while True:
            answer = json.loads(self.words.readline())
            if "event" not in answer:
                if "error" in answer:
                    raise RuntimeError(f"{command}: {answer['error']}")
                return answer.get("return")

    def wait(self, pattern, seconds):
        """Reads the serial log until a line matches; returns it, or None after so many seconds."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            if not select.select([self.log], [], [], 0.2)[0]:
                continue
            data = self.log.recv(65536)
            if not data:
                break
            self.serial.write(data)
            self.serial.flush()
            self.rest += data
            *lines, self.rest = self.rest.split(b"\n")
            for line in lines:
                line = line.decode("utf-8", "replace").strip("\r")
                self.lines.append((time.monotonic() - self.began, line))
                if re.search(pattern, line):
                    return line
        return None

    def pass_time(self, seconds):
        self.wait("(?!)", seconds)

    def picture(self, name):
        """The screen as PNG; returns (width, height, rows of RGB bytes)."""
        raw = f"{self.folder}/screen.ppm"
        self.ask("screendump", filename=raw)
        with open(raw, "rb") as file:
            assert file.readline() == b"P6\n"
            width, height = map(int, file.readline().split())
            file.readline()
            pixels = file.read()
        rows = [pixels[at:at + width * 3] for at in range(0, width * height * 3, width * 3)]
        with open(f"{self.folder}/{name}.png", "wb") as file:
            file.write(b"\x89PNG\r\n\x1a\n")
            for kind, body in ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
                               (b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))), (b"IEND", b"")):
                file.write(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))
        os.unlink(raw)
        return width, height, rows

    def tap(self, x, y):
        """A finger at pixels of the panel. The kernel drops a coordinate that equals the last one: move beside it first."""
        where = [int(x * 32767 / self.size[0]), int(y * 32767 / self.size[1])]
        for aside in (64, 0):
            events = [{"type": "abs", "data": {"axis": axis, "value": value ^ aside}} for axis, value in zip("xy", where)]
            self.ask("input-send-event", events=events)
            self.pass_time(0.15)
        for down in (True, False):
            self.ask("input-send-event", events=[{"type": "btn", "data": {"down": down, "button": "left"}}])
            self.pass_time(0.25)

    def keys(self, *names):
        """Keys that are pressed together."""
        self.ask("send-key", keys=[{"type": "qcode", "data": name} for name in names])

    def is_on(self):
        return self.process is not None and self.process.poll() is None

    def cut(self):
        """The power fails."""
        if self.is_on():
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
