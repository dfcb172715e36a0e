"""Reads a report for the hotline with nothing but Python's own library, and prints its text.

usage: support_read.py FILE SECRET...
Fails when the text, read forwards, holds a secret (also without its blanks and dashes), or a control character.
"""

import gzip
import re
import sys


def main():
    path, *secrets = sys.argv[1:]
    with gzip.open(path) as file:
        text = file.read().decode("utf-8")
    bare = re.sub(r"[ -]", "", text)
    for secret in secrets:
        if secret in text or re.sub(r"[ -]", "", secret) in bare:
            sys.exit(f"the report holds {secret[:4]}...")
    if re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text):
        sys.exit("the report holds a control character")
    sys.stdout.write(text)


main()
