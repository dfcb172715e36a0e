#!/usr/bin/env bash
# What a test image needs to know of a sandbox acquirer on this machine: provision.sh SANDBOX_DIR OUT. The machine's own
# loopback is 10.0.2.2 for a guest of QEMU. For a shop, copy a real configuration to the data partition (docs/INSTALL.md).
set -euo pipefail
from=$(realpath "$1") out=$2
mkdir -p "$out/sandbox"
cp "$from"/{merchant.key.pem,platform.cert.pem,ca.pem} "$out/sandbox/"
sed -e "s#https://localhost:#https://10.0.2.2:#; s#$from/#/data/shouyin/sandbox/#; s#^source = .*#source = \"camera\"#" "$from/terminal.toml" >"$out/terminal.toml"
printf '[people]\nsupervisor_pin_file = "/data/shouyin/supervisor.pin"\n' >>"$out/terminal.toml"
cp "$from/../supervisor.pin" "$out/supervisor.pin" 2>/dev/null || sed -i '/^\[people\]/,$d' "$out/terminal.toml"
