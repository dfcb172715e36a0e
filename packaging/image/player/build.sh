#!/usr/bin/env bash
# Builds the test image of STAGE=camera and STAGE=touch: build.sh VERSION OUT. The terminal, its unit and its rights in it
# are those of the shipped image; beside them are the player, its unit, Debian's module for virtual input devices, and a
# virtual camera: v4l2loopback, compiled from Debian's package for the image's kernel. No shipped image holds any of them.
set -euo pipefail
cd "$(dirname "$0")/../../.."
version=${1:?version} out=$(realpath -m "${2:?folder}")
here=packaging/image/player
extra=$out/extra
kernel=$(apt-cache depends linux-image-amd64 | awk '/Depends:/{print $2; exit}')
kernel=${kernel#linux-image-}

RUSTFLAGS="-C target-feature=+crt-static" CARGO_TARGET_DIR=target/init cargo build --release \
  --locked --target x86_64-unknown-linux-gnu --manifest-path $here/Cargo.toml

# The module, kept by the kernel that it is for and by its own version.
module() {
  local source version headers=/usr/src/linux-headers-$kernel work=$out/module sudo=
  version=$(apt-cache policy v4l2loopback-dkms | awk '/Candidate/{print $2}')
  module=target/image/cache/v4l2loopback-$version-$kernel.ko
  [ -e "$module" ] && return
  [ "$(id -u)" = 0 ] || sudo=sudo
  [ -d "$headers" ] || $sudo apt-get install -y -q --no-install-recommends "linux-headers-$kernel"
  rm -rf "$work"
  mkdir -p "$work"
  (cd "$work" && apt-get download -q v4l2loopback-dkms && dpkg-deb -x v4l2loopback-dkms_*.deb .)
  source=$(echo "$work"/usr/src/v4l2loopback-*)
  make -s -C "$headers" M="$source" modules
  mkdir -p target/image/cache
  cp "$source/v4l2loopback.ko" "$module"
}

module
rm -rf "$extra"
mkdir -p "$extra/usr/lib/modules/$kernel/updates" "$extra/usr/lib/shouyin-player"
cp -a $here/root/. "$extra/"
install -m755 target/init/x86_64-unknown-linux-gnu/release/shouyin-player "$extra/usr/lib/shouyin-player/"
install -m644 "$module" "$extra/usr/lib/modules/$kernel/updates/v4l2loopback.ko"
OUT=$out EXTRA=$extra MODULES=$here/modules.txt packaging/image/build.sh "$version"
