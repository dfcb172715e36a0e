"""Figures that a drill saw, kept in docs/RELIABILITY.md between the drill's markers.

Owns the markers and what tells one run from another: day, image, commit. Writes only when KEEP=1 says so, and only what
a drill that passed hands over. Never counts or judges anything itself."""
import datetime
import hashlib
import os
import re
import subprocess

BOOK = "docs/RELIABILITY.md"
CHUNK = 1 << 20


def keep(name, image, figures):
    """Puts the lines of a drill between `<!-- image NAME: begin -->` and its end."""
    if os.environ.get("KEEP") != "1":
        return
    begin, end = f"<!-- image {name}: begin -->\n", f"<!-- image {name}: end -->\n"
    with open(BOOK) as file:
        text = file.read()
    if begin not in text or end not in text:
        raise SystemExit(f"{BOOK} has no place for the figures of {name}")
    head, rest = text.split(begin)
    lines = [whence(image), *figures]
    with open(BOOK, "w") as file:
        file.write(head + begin + "".join(f"- {line}\n" for line in lines) + end + rest.split(end)[1])
    print(f"the figures are kept in {BOOK}", flush=True)


def whence(image):
    """The day, the image by its version and its bytes, and the commit whose drills these are."""
    version = re.search(r"-(\d+)\.raw$", image).group(1)
    day = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    return f"{day}, image version {version} (sha256 {digest(image)[:12]}), drills of commit {COMMIT}"


def digest(path):
    told = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            told.update(chunk)
    return told.hexdigest()


def commit():
    """The commit that is checked out; a tree with changes of its own says so."""
    def git(*words):
        return subprocess.run(["git", *words], capture_output=True, text=True).stdout.strip()
    changed = git("status", "--porcelain", "--untracked-files=no", "--", "packaging", "src", "ui")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + (" with changes" if changed else "")


# As it was when the drill began: a long drill must not name a commit that came later.
COMMIT = commit()
