#!/usr/bin/env bash
# Scripted checkouts through the real screen, scanner, core, journal and HTTPS against the sandbox, with a sandbox printer.
# Leaves pictures, slips (slips/*.png and *.txt) and report.json, and fails when one outcome is not the expected one. Waits of both sides are divided by ten.
set -euo pipefail
out=${1:-target/demo}
rm -rf "$out"
mkdir -p "$out"
target/debug/shouyin-sandbox serve --dir "$out/sandbox" --port 0 --page-port 0 --time-scale 10 >"$out/sandbox.json" &
sandbox=$!
trap 'kill $sandbox 2>/dev/null || true' EXIT
for _ in $(seq 600); do
  [ -s "$out/sandbox.json" ] && break
  kill -0 $sandbox || { echo "the sandbox did not start"; exit 1; }
  sleep 0.1
done
target/debug/shouyin-sandbox printer --dir "$out/slips" --port 0 --page-port 0 >"$out/printer.json" &
printer=$!
trap 'kill $sandbox $printer 2>/dev/null || true' EXIT
for _ in $(seq 600); do
  [ -s "$out/printer.json" ] && break
  kill -0 $printer || { echo "the sandbox printer did not start"; exit 1; }
  sleep 0.1
done
cat >"$out/fast.toml" <<'TOML'
[terminal]
shop = "朝阳便利店·收银台 1"
result_s = 0
[timing]
answer_wait_ms = 6000
poll_ms = [1200, 500, 500, 1000, 1000, 2000]
revoke_not_before_ms = 2500
park_after_ms = 15000
revoke_retry_ms = [500, 1000, 2000, 4000]
revoke_idle_ms = 30000
recheck_ms = 6100
recheck_count = 6
TOML
printf '[printer]\nkind = "network"\naddress = "%s"\ncut = true\n' \
  "$(sed -n 's/.*"printer":"\([^"]*\)".*/\1/p' "$out/printer.json")" >>"$out/fast.toml"
python3 packaging/dev/demo.py "$out"
