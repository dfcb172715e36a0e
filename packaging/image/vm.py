"""A virtual machine with the boot image: its power, its screen, its finger, its serial ports.

Owns QEMU and the channels to it; knows nothing of payments. Software emulation (TCG): nothing here
needs KVM."""
import calendar
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
# Secure Boot keeps its variables behind system management mode.
SECURE_FIRMWARE = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"
# The port of the power management timer of this machine, and its beats in a second.
TIMER_PORT, TIMER_HZ, TIMER_WRAPS = 0x608, 3579545, 1 << 24
UNSET = 0xffffffff


class Vm:
    """Starts stopped; `power_on` begins. `folder` keeps sockets, the serial log and pictures."""

    def __init__(self, image, folder, size=(720, 1280), memory=512, snapshot=False, reboot=True,
                 counted=False, direct=None, secure=None, reader=None, pointer=True, extra=()):
        """`direct` is (kernel, initrd, command line) without firmware; `secure` a file of variables
        with keys enrolled; `counted` makes one instruction one nanosecond, and lets the
        guest's clock go with ours while it has nothing to do; `reader` is the serial line
        of a card reader on this machine, which the second serial port becomes; without `pointer`
        nothing outside the machine can tap."""
        self.image, self.folder, self.size = image, folder, size
        os.makedirs(folder, exist_ok=True)
        drive = f"file={image},if=none,id=disk,format=raw,cache=writeback"
        drive += ",snapshot=on" if snapshot else ""
        if counted:
            # The guest's clock then counts instructions, whatever the host's load is.
            machine = ["-accel", "tcg,thread=single", "-smp", "1", "-icount",
                       "shift=0,sleep=on", "-rtc", "base=utc,clock=vm"]
        else:
            machine = ["-accel", "tcg,thread=multi", "-smp", "2"]
        if direct:
            kernel, initrd, words = direct
            machine += ["-kernel", kernel, "-initrd", initrd, "-append", words]
        else:
            machine += self._flash(secure)
        self.command = [
            "qemu-system-x86_64", "-M", "q35,smm=" + ("on" if secure else "off"), "-cpu", "max",
            *machine, "-m", str(memory), "-nodefaults", "-display", "none",
            "-global", "driver=cfi.pflash01,property=secure,value=" + ("on" if secure else "off"),
            "-device", f"virtio-gpu-pci,xres={size[0]},yres={size[1]},edid=on",
            *(["-device", "virtio-tablet-pci"] if pointer else []), "-device", "virtio-keyboard-pci",
            "-drive", drive, "-device", "virtio-blk-pci,drive=disk",
            "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net",
            *self._channel("log"), *self._line(reader),
            "-qmp", f"unix:{folder}/qmp.sock,server=on,wait=off",
            "-device", "i6300esb", "-watchdog-action", "reset",
            "-object", "rng-random,id=rng", "-device", "virtio-rng-pci,rng=rng", "-S",
            *([] if reboot else ["-no-reboot"]), *extra,
        ]
        self.process, self.lines, self.began, self.events = None, [], None, []
        # Those that something in the machine asked for: why, and seconds after `began` when it was heard of.
        self.own_resets = []
        self.first_date = None

    def _flash(self, secure):
        """A board forgets its firmware's variables as little as a real one does."""
        variables = f"{self.folder}/variables.fd"
        if not os.path.exists(variables):
            shutil.copy(secure or VARIABLES, variables)
        code = SECURE_FIRMWARE if secure else FIRMWARE
        return ["-drive", f"if=pflash,format=raw,readonly=on,file={code}",
                "-drive", f"if=pflash,format=raw,file={variables}"]

    def _line(self, reader):
        if reader is None:
            return self._channel("reader")
        return ["-chardev", f"serial,id=reader,path={reader}", "-serial", "chardev:reader"]

    def _channel(self, name):
        path = f"{self.folder}/{name}.sock"
        return ["-chardev", f"socket,id={name},path={path},server=on,wait=off",
                "-serial", f"chardev:{name}"]

    def power_on(self):
        for name in ("log", "reader", "qmp"):
            if os.path.exists(f"{self.folder}/{name}.sock"):
                os.unlink(f"{self.folder}/{name}.sock")
        with open(f"{self.folder}/qemu.log", "w") as words:
            self.process = subprocess.Popen(self.command, stdout=words, stderr=subprocess.STDOUT)
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
        with open(f"{self.folder}/qemu.log") as words:
            raise SystemExit("QEMU did not start:\n" + words.read())

    def ask(self, command, **arguments):
        """One QMP command; returns its answer."""
        message = {"execute": command, **({"arguments": arguments} if arguments else {})}
        self.words.write(json.dumps(message) + "\n")
        self.words.flush()
        while True:
            answer = json.loads(self.words.readline())
            if "event" in answer:
                self.events.append(answer["event"])
                if answer["event"] == "RESET" and answer["data"]["guest"]:
                    self.own_resets.append((answer["data"]["reason"], time.monotonic() - self.began))
                continue
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']}")
            return answer.get("return")

    def monitor(self, line):
        return self.ask("human-monitor-command", **{"command-line": line})

    def wait(self, pattern, seconds):
        """Reads the serial log until a line matches; None after so many seconds."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            if not select.select([self.log], [], [], min(0.2, seconds))[0]:
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

    def screen(self):
        """The screen as it is now."""
        raw = f"{self.folder}/screen.ppm"
        self.ask("screendump", filename=raw)
        with open(raw, "rb") as file:
            file.readline()
            width, height = map(int, file.readline().split())
            file.readline()
            pixels = file.read()
        os.unlink(raw)
        return Screen(width, height, pixels)

    def tap(self, x, y):
        """A finger at pixels of the panel. The kernel drops a coordinate that equals the last one:
        move beside it first."""
        where = [int(x * 32767 / self.size[0]), int(y * 32767 / self.size[1])]
        for aside in (64, 0):
            events = [{"type": "abs", "data": {"axis": axis, "value": value ^ aside}}
                      for axis, value in zip("xy", where)]
            self.ask("input-send-event", events=events)
            self.pass_time(0.15)
        for down in (True, False):
            event = {"type": "btn", "data": {"down": down, "button": "left"}}
            self.ask("input-send-event", events=[event])
            self.pass_time(0.25)

    def keys(self, *names):
        """Keys that are pressed together."""
        self.ask("send-key", keys=[{"type": "qcode", "data": name} for name in names])

    def guest_seconds(self):
        """The guest's clock: the board's timer, which wraps after 4.7 s, and the battery-backed clock
        for how often it did. None until the firmware has set the timer up."""
        beats = int(self.monitor(f"i /w {TIMER_PORT}").split("=")[1].strip(), 16)
        date = self.ask("qom-get", path="/machine", property="rtc-time")
        coarse = calendar.timegm((date["tm_year"], date["tm_mon"] + 1, date["tm_mday"],
                                  date["tm_hour"], date["tm_min"], date["tm_sec"]))
        self.first_date = self.first_date or coarse
        if beats == UNSET:
            return None
        fine = beats % TIMER_WRAPS / TIMER_HZ
        wraps = round((coarse - self.first_date - fine) * TIMER_HZ / TIMER_WRAPS)
        return fine + max(0, wraps) * TIMER_WRAPS / TIMER_HZ

    def is_on(self):
        return self.process is not None and self.process.poll() is None

    def cut(self):
        """The power fails. What the guest wrote and did not sync is kept by this machine's cache, as
        a disk with a capacitor does; its own memory is gone."""
        if self.is_on():
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Screen:
    """Pixels of the panel."""

    def __init__(self, width, height, pixels):
        self.width, self.height, self.pixels = width, height, pixels

    def at(self, x, y):
        place = (y * self.width + x) * 3
        return tuple(self.pixels[place:place + 3])

    def save(self, path):
        """As PNG."""
        line = self.width * 3
        rows = (self.pixels[at:at + line] for at in range(0, len(self.pixels), line))
        head = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        body = zlib.compress(b"".join(b"\0" + row for row in rows))
        with open(path, "wb") as file:
            file.write(b"\x89PNG\r\n\x1a\n")
            for kind, data in ((b"IHDR", head), (b"IDAT", body), (b"IEND", b"")):
                check = struct.pack(">I", zlib.crc32(kind + data))
                file.write(struct.pack(">I", len(data)) + kind + data + check)
        return path
