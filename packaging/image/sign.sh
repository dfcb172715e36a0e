#!/usr/bin/env bash
# Signs the manifest of an update: sign.sh PRIVATE_KEY update.json writes update.json.sig beside it. The key (Ed25519, PEM)
# may lie on another machine than the one that builds: only the manifest has to go there.
set -euo pipefail
raw=$(mktemp)
trap 'rm -f "$raw"' EXIT
openssl pkeyutl -sign -rawin -inkey "$1" -in "$2" -out "$raw"
base64 -w0 "$raw" >"$2.sig"
echo >>"$2.sig"
