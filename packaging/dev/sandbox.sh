# Sourced by run.sh and demo.sh: starts the sandbox acquirer with its card reader and the sandbox printer in a folder, and
# stops them at the end. start_sandbox DIR [MORE ARGUMENTS]...; devices_config DIR tells the terminal where printer and reader are.
start_sandbox() {
  local dir=$1
  shift
  helpers=()
  trap 'kill "${helpers[@]}" 2>/dev/null || true' EXIT
  started "$dir/sandbox.json" serve --dir "$dir/sandbox" --port 0 --page-port 0 --reader "$dir/card-reader" "$@"
  # It prints on pictures; its page takes the paper out and puts it back.
  started "$dir/printer.json" printer --dir "$dir/slips" --port 0 --page-port 0
}

# started SAYS ARGUMENTS...: waits for the line that the program says when it is ready.
started() {
  local says=$1
  shift
  : >"$says"
  target/debug/shouyin-sandbox "$@" >"$says" &
  helpers+=($!)
  for _ in $(seq 600); do
    [ -s "$says" ] && return
    kill -0 "${helpers[-1]}" 2>/dev/null || break
    sleep 0.1
  done
  echo "shouyin-sandbox $1 did not start"
  exit 1
}

devices_config() {
  printf '[printer]\nkind = "network"\naddress = "%s"\ncut = true\n' \
    "$(sed -n 's/.*"printer":"\([^"]*\)".*/\1/p' "$1/printer.json")"
  # The small-amount limit of UnionPay, 1,000.00 (readers.md 8.1); a real one is told by the acquirer.
  printf '[cards]\nreader = "%s"\nno_pin_max_fen = 100000\ndevice_counts = true\n' "$(realpath -s "$1")/card-reader"
}
