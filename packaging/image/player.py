"""The devices that a test image plays (folder `player`): the camera, the touch screen, and what is before them.

Owns the port to the player inside the machine and the way a phone's picture gets before its camera. Pictures are pixels
that the sandbox's wallet drew; no code is ever read, told or kept here."""
import select
import socket
import struct
import time
import urllib.request
import zlib

# What a finger's place is told in.
PANEL = 32768
EMPTY_COUNTER = 90


def devices(folder):
    """What QEMU has to have for the player's port."""
    return ["-device", "virtio-serial-pci", "-chardev",
            f"socket,id=player,path={folder}/player.sock,server=on,wait=off",
            "-device", "virtserialport,chardev=player,name=player"]


class Player:
    """Orders to the program inside. `vm` is one that was started with `devices`."""

    def __init__(self, vm):
        self.vm, self.size = vm, None
        self.port = socket.socket(socket.AF_UNIX)
        self.port.connect(f"{vm.folder}/player.sock")
        self.port.setblocking(True)

    def ask(self, order, data=b"", seconds=180):
        self.port.sendall(order.encode() + b"\n" + data)
        told, until = b"", time.monotonic() + seconds
        while not told.endswith(b"\n"):
            if time.monotonic() > until or not self.vm.is_on():
                raise SystemExit(f"the player gave no answer to {order}")
            if select.select([self.port], [], [], 0.2)[0]:
                told += self.port.recv(4096)
            # The machine's own lines must not wait meanwhile.
            self.vm.pass_time(0.01)
        if told != b"done\n":
            raise SystemExit(f"the player: {told.decode(errors='replace').strip()}")

    def plug(self, width, height):
        self.ask(f"plug {width} {height}")
        self.size = width, height

    def pull(self):
        self.ask("pull")
        self.size = None

    def show(self, picture):
        """A grey picture, scaled to what the camera sees."""
        self.ask("show", scaled(picture, self.size))

    def empty(self):
        """Nobody is at the counter."""
        self.ask("show", bytes([EMPTY_COUNTER]) * (self.size[0] * self.size[1]))

    def tap(self, x, y, beside_another=False):
        """A finger at pixels of the panel; with `beside_another`, while a second one rests elsewhere."""
        width, height = self.vm.size
        order = "pinch" if beside_another else "tap"
        self.ask(f"{order} {int((x + 0.5) * PANEL / width)} {int((y + 0.5) * PANEL / height)}")
        self.vm.pass_time(0.2)


def phone(sandbox, wallet="alipay"):
    """A customer's phone with a fresh payment code, as the sandbox's wallet draws it: (width, height, grey bytes)."""
    url = sandbox.pages["wallet"] + f"show?wallet={wallet}"
    with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=20) as page:
        page.read()
    with open(f"{sandbox.folder}/sandbox/camera/frame.png", "rb") as file:
        return grey_png(file.read())


def grey_png(data):
    """The pixels of an 8-bit grey PNG."""
    at, packed, size = 8, b"", None
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, color = struct.unpack(">IIBB", body[:10])
            assert (depth, color) == (8, 0), "not an 8-bit grey picture"
            size = width, height
        if kind == b"IDAT":
            packed += body
        at += 12 + length
    width, height = size
    raw, rows, above = zlib.decompress(packed), [], bytearray(width)
    for y in range(height):
        start = y * (width + 1)
        above = unfiltered(raw[start], bytearray(raw[start + 1:start + 1 + width]), above)
        rows.append(bytes(above))
    return width, height, b"".join(rows)


def unfiltered(kind, row, above):
    """One row of one byte a pixel, from what its filter left (PNG, chapter 9)."""
    for x in range(len(row)):
        left, up, corner = (row[x - 1] if x else 0), above[x], (above[x - 1] if x else 0)
        if kind == 1:
            row[x] = row[x] + left & 255
        elif kind == 2:
            row[x] = row[x] + up & 255
        elif kind == 3:
            row[x] = row[x] + (left + up) // 2 & 255
        elif kind == 4:
            near = sorted((left, up, corner), key=lambda value: abs(left + up - corner - value))
            row[x] = row[x] + near[0] & 255
    return row


def scaled(picture, size):
    """Nearest pixels; a picture of the same size stays as it is."""
    width, height, grey = picture
    if (width, height) == size:
        return grey
    columns = [x * width // size[0] for x in range(size[0])]
    rows = (y * height // size[1] * width for y in range(size[1]))
    return b"".join(bytes(grey[row + x] for x in columns) for row in rows)
