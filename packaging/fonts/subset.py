#!/usr/bin/env python3
"""Cuts the two fonts of the screen out of Noto Sans CJK SC (Debian package fonts-noto-cjk).

Usage: pip install fonttools; python3 packaging/fonts/subset.py

Keeps ASCII, the symbols of GB 2312, its 3,755 common characters (level 1) and every character that a
.slint or .po file uses. The family is renamed to "Shouyin Sans" (the licence reserves the original
names) and the line is set to 1.3 em, centred on both digits and Chinese characters.
"""

import pathlib

from fontTools import subset
from fontTools.ttLib import TTCollection

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = "/usr/share/fonts/opentype/noto/NotoSansCJK-%s.ttc"
SIMPLIFIED = 2  # 0 Japanese, 1 Korean, 2 simplified Chinese, 3 and 4 traditional Chinese
FAMILY = "Shouyin Sans"
ASCENT, DESCENT = 1025, 275  # of 1000; the original line is 1.45 em, too tall for a till


def gb2312(first_row, last_row):
    for row in range(first_row, last_row + 1):
        for cell in range(1, 95):
            try:
                yield bytes([0xA0 + row, 0xA0 + cell]).decode("gb2312")
            except UnicodeDecodeError:
                pass


def characters():
    wanted = {chr(code) for code in range(0x20, 0x7F)} | set("¥·×°±…—–‘’“”•●✓⚠")
    wanted |= set(gb2312(1, 3)) | set(gb2312(16, 55))
    for pattern in ("*.slint", "*.po"):
        for path in (ROOT / "ui").rglob(pattern):
            wanted |= set(path.read_text(encoding="utf-8"))
    return "".join(sorted(wanted))


def rename(font, style):
    for record in font["name"].names:
        text = {
            1: FAMILY, 2: style, 3: f"{FAMILY} {style}", 4: f"{FAMILY} {style}",
            6: f"ShouyinSans-{style}", 16: FAMILY, 17: style,
        }.get(record.nameID)
        if text:
            record.string = text
    cff = font["CFF "].cff
    cff.fontNames[0] = f"ShouyinSans-{style}"
    top = cff.topDictIndex[0]
    top.FamilyName, top.FullName = FAMILY, f"{FAMILY} {style}"


def set_line(font):
    head, os2 = font["hhea"], font["OS/2"]
    head.ascent, head.descent, head.lineGap = ASCENT, -DESCENT, 0
    os2.sTypoAscender, os2.sTypoDescender, os2.sTypoLineGap = ASCENT, -DESCENT, 0
    os2.usWinAscent, os2.usWinDescent = ASCENT, DESCENT


def main():
    text = characters()
    for style in ("Regular", "Bold"):
        font = TTCollection(SOURCE % style).fonts[SIMPLIFIED]
        options = subset.Options()
        options.layout_features = ["kern", "locl", "ccmp"]
        options.hinting = False
        options.desubroutinize = False
        options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14, 16, 17]
        options.notdef_outline = True
        cutter = subset.Subsetter(options)
        cutter.populate(text=text)
        cutter.subset(font)
        rename(font, style)
        set_line(font)
        target = ROOT / "ui" / "fonts" / f"ShouyinSans-{style}.otf"
        font.save(target)
        print(target, target.stat().st_size)


if __name__ == "__main__":
    main()
