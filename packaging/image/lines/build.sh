#!/usr/bin/env bash
# Builds the test image of STAGE=network: build.sh VERSION OUT. The terminal and every unit in it are those of the shipped
# image; beside them are a service that tells how the machine is, with a shell for it under /usr/lib/drill, and a radio that
# is none. No shipped image holds any of them.
set -euo pipefail
cd "$(dirname "$0")/../../.."
version=${1:?version} out=$(realpath -m "${2:?folder}")
here=packaging/image/lines
extra=$out/extra debs=$out/debs
rm -rf "$extra" "$debs"
mkdir -p "$extra" "$debs"
cp -a $here/root/. "$extra/"
(cd "$debs" && apt-get download -qq -o APT::Sandbox::User=root busybox-static dbus-bin >/dev/null &&
  for deb in *.deb; do dpkg-deb -x "$deb" .; done)
install -m755 "$debs"/bin/busybox "$debs"/usr/bin/dbus-send "$extra/usr/lib/drill/"
OUT=$out EXTRA=$extra MODULES=$here/modules.txt packaging/image/build.sh "$version"
