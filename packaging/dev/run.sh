#!/usr/bin/env bash
# Starts the sandbox acquirer and the terminal (a window, or a loopback page); stops the sandbox and its printer at the end.
set -euo pipefail
dir=${1:-var}
mkdir -p "$dir"
source packaging/dev/sandbox.sh
start_sandbox "$dir"
devices_config "$dir" >"$dir/devices.toml"
# The window is as large as the panel of a hand-held till; on a screen that is lower it opens smaller, so that it fits.
: >"$dir/window.toml"
high=$(xrandr 2>/dev/null | sed -n 's/.* current [0-9]* x \([0-9]*\),.*/\1/p' | head -n 1 || true)
if [ -n "$high" ] && [ "$high" -lt 1360 ] && [ "$high" -gt 480 ]; then
  high=$((high - 80))
  printf '[terminal]\nwidth_px = %d\nheight_px = %d\n' $((high * 9 / 16)) "$high" >"$dir/window.toml"
fi
# A PIN that everybody may know: this till moves no real money.
pin=580316
[ -s "$dir/supervisor.pin" ] || echo "$pin" | target/debug/shouyinctl pin set --file "$dir/supervisor.pin" >/dev/null
printf '[people]\nsupervisor_pin_file = "%s"\n' "$(realpath "$dir")/supervisor.pin" >"$dir/people.toml"
echo "sandbox: $(cat "$dir/sandbox.json")"
echo "printer: $(cat "$dir/printer.json"); open the bench page to see slips; they are left in $dir/slips"
echo "the supervisor's PIN for 退款 is $pin"
echo "open the wallet page, charge on the till, then hold the phone to the till; or type a code with 手输 / Type"
echo "the amount's last two digits choose a story: 12.70 waits for a password, 12.71 never pays, 12.77 is refused"
echo "cards: the page /reader beside the wallet page taps, inserts and pulls them; their PIN stands there"
echo "Ctrl+C ends; open sales go on at the next start"
target/debug/shouyin --config "$dir/sandbox/terminal.toml" --config "$dir/window.toml" --config "$dir/people.toml" --config "$dir/devices.toml" --data "$dir/terminal" ${SHOUYIN_FLAGS:-}
