"""Compares `shouyinctl decode` with other readers on the same pictures and prints one row for each reader.

    compare_readers.py FOLDER            every picture below FOLDER; with FOLDER/truth.json (name -> text) also what is
                                         right and what is wrong, else only who reads how much and where readers differ

Peers: zxing-cpp from PyPI with every try option on, and zbar through pyzbar where libzbar is installed. Needs pillow,
numpy and zxing-cpp. Nothing here is part of the tests: CI does not depend on it.
"""
import json
import pathlib
import subprocess
import sys
import time

import numpy
import zxingcpp
from PIL import Image

try:
    from pyzbar import pyzbar
except ImportError:
    pyzbar = None

ENDINGS = {".png", ".jpg", ".jpeg", ".pgm"}
TOOL = pathlib.Path("target/debug/shouyinctl")
FORMATS = [zxingcpp.BarcodeFormat.QRCode, zxingcpp.BarcodeFormat.Code128]


def ours(paths):
    done = subprocess.run([TOOL, "decode"], input="".join(f"{p}\n" for p in paths), stdout=subprocess.PIPE, text=True,
                          check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for line in lines:
        if "error" in line:
            print("refused:", line["error"][:150])
    return [({t["text"] for t in line["texts"]}, line["ms"]) for line in lines]


def peer(paths, read):
    rows = []
    for path in paths:
        try:
            grey = numpy.array(Image.open(path).convert("L"))
        except Exception as error:
            print("pillow:", path, error)
            rows.append((set(), 0.0))
            continue
        begun = time.thread_time()
        texts = read(grey)
        rows.append((set(texts), (time.thread_time() - begun) * 1e3))
    return rows


def zxing(grey):
    found = zxingcpp.read_barcodes(grey, formats=FORMATS, try_rotate=True, try_downscale=True, try_invert=True,
                                   text_mode=zxingcpp.TextMode.Plain)
    return [code.text for code in found if code.text]


def zbar(grey):
    wanted = [pyzbar.ZBarSymbol.QRCODE, pyzbar.ZBarSymbol.CODE128]
    return [code.data.decode("utf-8", "replace") for code in pyzbar.decode(grey, symbols=wanted)]


def main():
    folder = pathlib.Path(sys.argv[1])
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())
    truth_file = folder / "truth.json"
    truth = json.loads(truth_file.read_text()) if truth_file.exists() else None
    readers = {"shouyin": ours(paths), "zxing-cpp, all options": peer(paths, zxing)}
    if pyzbar:
        readers["zbar"] = peer(paths, zbar)
    print(f"{len(paths)} pictures in {folder}")
    print(f"{'reader':24} {'read':>5} {'right':>5} {'wrong':>5} {'CPU ms median':>13} {'max':>7}")
    for name, rows in readers.items():
        right = wrong = "-"
        if truth is not None:
            wanted = [truth[p.name] for p in paths]
            right = sum(bool(w) and w in texts for (texts, _), w in zip(rows, wanted))
            wrong = sum(bool(texts - {w}) for (texts, _), w in zip(rows, wanted))
        times = sorted(ms for _, ms in rows)
        read = sum(bool(texts) for texts, _ in rows)
        print(f"{name:24} {read:5} {right:>5} {wrong:>5} {times[len(times) // 2]:13.1f} {times[-1]:7.1f}")
    for path, (mine, _), (theirs, _) in zip(paths, readers["shouyin"], readers["zxing-cpp, all options"]):
        if truth is None and bool(mine) != bool(theirs):
            print("only", "shouyin" if mine else "zxing-cpp", path.relative_to(folder))
        if mine and theirs and not mine & theirs:
            print("DIFFERENT TEXTS", path.relative_to(folder))


main()
