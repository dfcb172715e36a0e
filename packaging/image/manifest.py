#!/usr/bin/env python3
"""Writes the manifest of an update: VERSION MINIMUM NOTES_ZH NOTES_EN FOLDER.

Owns the form of update.json (src/update/shared/manifest.rs reads it); the files are in the folder already, under the names
that the version gives them. Signs nothing."""
import hashlib
import json
import os
import sys


def main():
    version, minimum, zh, en, folder = sys.argv[1:6]
    files = []
    for ending in ("slot", "efi"):
        name = f"shouyin-{version}.{ending}"
        path = os.path.join(folder, name)
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256") if hasattr(
                hashlib, "file_digest") else hashlib.sha256(file.read())
        files.append({"name": name, "size": os.path.getsize(path), "sha256": digest.hexdigest()})
    manifest = {"format": 1, "product": "shouyin", "version": int(version), "minimum": int(minimum),
                "notes": {"zh": zh, "en": en}, "files": files}
    with open(os.path.join(folder, "update.json"), "w", encoding="utf-8") as out:
        json.dump(manifest, out, ensure_ascii=False, indent=1)


main()
