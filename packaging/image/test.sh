#!/usr/bin/env bash
# `make image-test STAGE=quick|reproducible|secure|budget|devices|camera|touch|watchdog|update|ways|network|recovery|drills|full`:
# the boot image in virtual machines, without KVM. Where it cannot run it says why in one line, and what was skipped, and
# is no failure.
# PROGRAMS=keep takes programs as they were built last (build.sh), the sandbox, too; KEEP=1 keeps the figures of `drills` and
# `update` in docs/RELIABILITY.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
stage=${1:-quick}
image=target/image/shouyin-${VERSION:-1}.raw
out=target/image/test
stages="quick reproducible secure budget devices camera touch watchdog update ways network recovery drills full"
if [[ " $stages " != *" $stage "* ]]; then
  echo "STAGE is one of: $stages"
  exit 2
fi
skip() {
  echo "image-test $stage skipped: $1; nothing of the boot image was tested"
  exit 0
}
command -v qemu-system-x86_64 >/dev/null || skip "qemu-system-x86_64 is not installed"
[ -e /usr/share/OVMF/OVMF_CODE_4M.fd ] || skip "the firmware (package ovmf) is not installed"
[ -e "$image" ] || skip "$image is missing (make image)"
[ "$(id -u)" = 0 ] || skip "files of the data partition get their owner, which needs root"
for tool in zbarimg debugfs sfdisk; do
  command -v $tool >/dev/null || skip "$tool is not installed"
done
if [ "$stage" = secure ] || [ "$stage" = full ]; then
  command -v cert-to-efi-sig-list >/dev/null || skip "cert-to-efi-sig-list (package efitools) is not installed"
fi
if [ "${PROGRAMS:-}" = keep ] && [ -x target/debug/shouyin-sandbox ] && [ -x target/debug/shouyinctl ]; then
  echo "image-test: the sandbox is kept, not built: of $(date -u -r target/debug/shouyin-sandbox '+%Y-%m-%d %H:%M:%S UTC')"
else
  ${CARGO:-cargo} build --locked --no-default-features --features sim \
    --bin shouyin-sandbox --bin shouyinctl
fi
mkdir -p $out
run() { python3 packaging/image/"$1".py "$image" $out/"$1" "${@:2}"; }
reproducible() {
  local again=target/image/again
  OUT=$again packaging/image/build.sh "${VERSION:-1}"
  cmp "$image" "$again/$(basename "$image")"
  rm -rf $again
  echo "image-test reproducible: two builds, the same bytes"
}
watchdog() {
  local hurts=target/image/drill
  OUT=$hurts EXTRA=packaging/image/drill packaging/image/build.sh "${VERSION:-1}" >/dev/null
  python3 packaging/image/watchdog.py "$hurts/$(basename "$image")" $out/watchdog
  rm -rf $hurts
}
update() {
  local good=target/image/good bad=target/image/bad
  OUT=$good packaging/image/build.sh 2 >/dev/null
  OUT=$bad EXTRA=packaging/image/bad packaging/image/build.sh 3 >/dev/null
  python3 packaging/image/update.py "$image" $good/update $bad/update $out/update
  rm -rf $good $bad
}
# Camera and touch screen need a test image with somebody who plays them; the terminal in it is the same.
played() {
  local played=target/image/played stage
  packaging/image/player/build.sh "${VERSION:-1}" $played >/dev/null
  for stage in "$@"; do
    python3 packaging/image/"$stage".py "$played/$(basename "$image")" $out/"$stage"
  done
  rm -rf $played
}
ways() {
  local good=target/image/good
  OUT=$good NOTES_ZH=演练 NOTES_EN=drill packaging/image/build.sh 2 >/dev/null
  python3 packaging/image/ways.py "$image" $good/update target/image/update $out/ways
  rm -rf $good
}
# Whoever looks into the machine needs a shell there, which no shipped image has.
network() {
  local looked=target/image/looked
  packaging/image/lines/build.sh "${VERSION:-1}" $looked >/dev/null
  python3 packaging/image/lines.py "$looked/$(basename "$image")" $out/network
  python3 packaging/image/wireless.py "$looked/$(basename "$image")" $out/wireless
  rm -rf $looked
}
recovery() {
  local hurts=target/image/crash
  OUT=$hurts EXTRA=packaging/image/crash packaging/image/build.sh 2 >/dev/null
  python3 packaging/image/recovery.py "$image" $hurts/shouyin-2.raw $out/recovery
  python3 packaging/image/safe.py "$image" $hurts/update $out/safe
  rm -rf $hurts
}
case $stage in
  quick | secure | budget | devices | drills) run "$stage" ;;
  reproducible | watchdog | update | ways | network | recovery) $stage ;;
  camera | touch) played "$stage" ;;
  full)
    for each in quick devices budget secure drills; do run $each; done
    played camera touch
    network
    recovery
    watchdog
    update
    ways
    reproducible
    ;;
esac
