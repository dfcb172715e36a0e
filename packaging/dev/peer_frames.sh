#!/usr/bin/env bash
# Frames of our generator, read by us and by readers from outside: zxing-cpp's Python binding and zbar. First argument:
# the seed (a new one where it is left out); second: frames for each of the 96 cells.
set -euo pipefail
cd "$(dirname "$0")/../.."
seed=${1:-$(date +%s)}
at=target/public
mkdir -p $at
[ -d $at/venv ] || python3 -m venv $at/venv
$at/venv/bin/pip install -q pillow numpy zxing-cpp pyzbar
rm -rf "$at/frames-$seed"
echo "seed $seed"
cargo run --quiet --locked --example phone_frames -- "$seed" "${2:-1}" "$at/frames-$seed"
cargo build --quiet --locked --bin shouyinctl
$at/venv/bin/python packaging/dev/compare_readers.py "$at/frames-$seed"
