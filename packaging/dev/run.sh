#!/usr/bin/env bash
# Builds, starts the sandbox acquirer, then the terminal against it; stops the sandbox when the terminal ends.
# With DISPLAY or WAYLAND_DISPLAY the terminal opens a window; without, it serves its screen as a page on loopback.
set -euo pipefail
cd "$(dirname "$0")/../.."

sandbox_dir=${SHOUYIN_SANDBOX_DIR:-var/sandbox}
terminal_dir=${SHOUYIN_TERMINAL_DIR:-var/terminal}
port=${SHOUYIN_SANDBOX_PORT:-8443}
wallet_port=${SHOUYIN_WALLET_PORT:-8081}
ready_wait_s=30

cargo build --locked
mkdir -p "$sandbox_dir" "$terminal_dir"
ready="$sandbox_dir/ready.jsonl"
log="$sandbox_dir/sandbox.log"
: >"$ready"

target/debug/shouyin-sandbox serve --dir "$sandbox_dir" --port "$port" --wallet-port "$wallet_port" \
  >"$ready" 2>"$log" &
sandbox=$!
terminal=
stop_all() {
  trap - EXIT INT TERM
  # The terminal first: it may still be telling the sandbox something. Only our own two processes, by their ids.
  for process in $terminal $sandbox; do
    kill "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
  done
}
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

for ((tenth = 0; tenth < ready_wait_s * 10; tenth++)); do
  if grep -q '^{' "$ready"; then break; fi
  if ! kill -0 "$sandbox" 2>/dev/null; then
    echo "run: the sandbox ended before it was ready; the end of $log:" >&2
    tail -n 20 "$log" >&2
    exit 1
  fi
  sleep 0.1
done
if ! grep -q '^{' "$ready"; then
  echo "run: the sandbox was not ready within $ready_wait_s s; see $log" >&2
  exit 1
fi

echo "run: sandbox ready: $(head -n 1 "$ready")"
echo "run: wallet (the customer's phone): http://127.0.0.1:$wallet_port/"
if [ -n "${DISPLAY:-}" ] || [ -n "${WAYLAND_DISPLAY:-}" ]; then
  echo "run: the terminal opens a window; close it to stop"
else
  echo "run: no display here: the terminal prints the address of its page below; Ctrl-C stops"
fi
# In the background, because a shell that waits for a foreground program does not run its traps.
target/debug/shouyin --config "$sandbox_dir/terminal.toml" --data "$terminal_dir" "$@" &
terminal=$!
code=0
wait "$terminal" || code=$?
terminal=
exit "$code"
