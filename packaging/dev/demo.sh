#!/usr/bin/env bash
# Scripted sales through driver, journal and HTTPS against the sandbox; leaves the screens' words and the ledger.
set -euo pipefail
out=${1:-target/demo}
rm -rf "$out"
mkdir -p "$out"
target/debug/shouyin-sandbox serve --dir "$out/sandbox" --port 0 --page-port 0 --time-scale 10 >"$out/sandbox.json" &
sandbox=$!
trap 'kill $sandbox 2>/dev/null || true' EXIT
for _ in $(seq 600); do [ -s "$out/sandbox.json" ] && break; sleep 0.1; done
printf '[timing]\nanswer_wait_ms = 6000\npoll_ms = [500, 500, 500, 500, 1000, 1000, 2000]\nrevoke_not_before_ms = 1500\npark_after_ms = 6000\nrevoke_retry_ms = [500, 1000, 2000, 4000]\nrevoke_idle_ms = 30000\nrecheck_ms = 6100\nrecheck_count = 6\n' >"$out/fast.toml"
python3 packaging/dev/demo.py "$out"
python3 packaging/dev/screen_demo.py "$out"
