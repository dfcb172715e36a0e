#!/usr/bin/env python3
"""An outside peer for the Lakala V3 signatures: shares no line with the terminal.

Signs and verifies with Python's `cryptography`, or with the `openssl` program where that is missing.
Written from the published description of the canonical strings only:

    request:  {appid}\n{serial_no}\n{timestamp}\n{nonce_str}\n{body}\n
    answer:   {Lklapi-Appid}\n{Lklapi-Serial}\n{Lklapi-Timestamp}\n{Lklapi-Nonce}\n{body}\n

    lakala_wire.py verify PUBLIC_PEM BODY_FILE < AUTHORIZATION     exit 0 = good, 1 = bad
    lakala_wire.py sign KEY_PEM APPID SERIAL TIMESTAMP NONCE BODY_FILE    prints Base64
"""
import base64
import os
import re
import subprocess
import sys
import tempfile

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding
except ImportError:
    hashes = None

NAMES = {"appid", "serial_no", "timestamp", "nonce_str", "signature"}


def canonical(appid, serial, timestamp, nonce, body):
    return f"{appid}\n{serial}\n{timestamp}\n{nonce}\n".encode() + body + b"\n"


def parse(header):
    """Reads the parameters by name: their order is free, each stands exactly once."""
    scheme, _, rest = header.strip().partition(" ")
    if scheme != "LKLAPI-SHA256withRSA":
        raise ValueError("another scheme")
    found = {}
    for part in rest.split(","):
        match = re.fullmatch(r'([a-z_]+)="([^"]*)"', part)
        if not match or match[1] in found:
            raise ValueError("not name=\"value\", or a name twice")
        found[match[1]] = match[2]
    if set(found) != NAMES:
        raise ValueError("a parameter is missing or unknown")
    if not re.fullmatch(r"[0-9A-Za-z]{12}", found["nonce_str"]):
        raise ValueError("the nonce is not 12 letters and digits")
    if not re.fullmatch(r"[1-9][0-9]{9}", found["timestamp"]):
        raise ValueError("the timestamp is not in Unix seconds")
    return found


def openssl(arguments, message, signature=None):
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "signature")
        if signature is not None:
            with open(path, "wb") as file:
                file.write(signature)
            arguments = arguments + ["-signature", path]
        command = ["openssl", "dgst", "-sha256"] + arguments
        return subprocess.run(command, input=message, capture_output=True, check=False)


def verify(public_pem, message, signature):
    if hashes is None:
        return openssl(["-verify", public_pem], message, signature).returncode == 0
    with open(public_pem, "rb") as file:
        key = serialization.load_pem_public_key(file.read())
    try:
        key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def sign(key_pem, message):
    if hashes is None:
        return openssl(["-sign", key_pem], message).stdout
    with open(key_pem, "rb") as file:
        key = serialization.load_pem_private_key(file.read(), None)
    return key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main(arguments):
    if len(arguments) == 3 and arguments[0] == "verify":
        found = parse(sys.stdin.read())
        names = ("appid", "serial_no", "timestamp", "nonce_str")
        message = canonical(*(found[name] for name in names), read(arguments[2]))
        signature = base64.b64decode(found["signature"], validate=True)
        return 0 if verify(arguments[1], message, signature) else 1
    if len(arguments) == 7 and arguments[0] == "sign":
        _, key, appid, serial, timestamp, nonce, body = arguments
        message = canonical(appid, serial, timestamp, nonce, read(body))
        print(base64.b64encode(sign(key, message)).decode())
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
