#!/usr/bin/env bash
# Scripted checkouts through the real screen, scanner, core, journal and HTTPS against the sandbox, with a sandbox printer.
# Leaves pictures, slips (slips/*.png and *.txt) and report.json, and fails when one outcome is not the expected one. Waits of both sides are divided by ten.
set -euo pipefail
out=${1:-target/demo}
rm -rf "$out"
mkdir -p "$out"
source packaging/dev/sandbox.sh
start_sandbox "$out" --time-scale 10
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
devices_config "$out" >>"$out/fast.toml"
python3 packaging/dev/demo.py "$out"
