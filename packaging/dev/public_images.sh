#!/usr/bin/env bash
# Public pictures from packages, read by us and by other readers. Fetches by package name into target/public; pictures
# of your own (for example a checkout of ZXing's blackbox set) are added with FOLDER as the first argument. No test and
# no CI depends on this.
set -euo pipefail
cd "$(dirname "$0")/../.."
at=target/public
mkdir -p $at/fetched $at/images
[ -d $at/venv ] || python3 -m venv $at/venv
$at/venv/bin/pip install -q pillow numpy zxing-cpp pyzbar

# pyzbar (MIT): QR and Code 128 samples inside the wheel.
if [ ! -d $at/images/pyzbar ]; then
  $at/venv/bin/pip download -q --no-deps -d $at/fetched pyzbar
  mkdir -p $at/images/pyzbar
  for wheel in $at/fetched/pyzbar-*.whl; do
    python3 -m zipfile -e "$wheel" $at/images/pyzbar
  done
fi
# node-quirc (ISC, MIT) and qrcode-reader (Apache-2.0): test pictures inside the npm packages.
if command -v npm >/dev/null; then
  for package in node-quirc qrcode-reader @ericblade/quagga2; do
    name=${package##*/}
    [ -d $at/images/$name ] && continue
    mkdir -p $at/images/$name
    tar -xzf "$(cd $at/fetched && npm pack --silent $package | tail -n 1 | sed "s|^|$PWD/|")" -C $at/images/$name
  done
fi
# rqrr (MIT, Apache-2.0, ISC): test data inside the crate, which the benches fetch anyway.
cargo fetch --locked --quiet
mkdir -p $at/images/rqrr
cp ~/.cargo/registry/src/*/rqrr-0.11*/src/test_data/*.png $at/images/rqrr/
# zbar (LGPL-2.1) and ZXing (Apache-2.0): the sources of Debian's packages. Needs apt; skipped elsewhere.
if command -v apt-get >/dev/null && [ ! -d $at/images/zbar ]; then
  keys=/usr/share/keyrings/debian-archive-keyring.gpg
  release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  lists=$PWD/$at/apt
  mkdir -p "$lists/lists/partial" "$lists/cache/archives/partial"
  host=$(apt-get indextargets --format "\$(REPO_URI)" | head -n 1)
  echo "deb-src [signed-by=$keys] $host $release main" >"$lists/sources"
  apt=(apt-get -q -o Dir::Etc::SourceList="$lists/sources" -o Dir::Etc::SourceParts=-
    -o Dir::State::Lists="$lists/lists" -o Dir::Cache="$lists/cache")
  "${apt[@]}" update >/dev/null
  for package in zbar zxing; do
    (cd $at/fetched && "${apt[@]}" source --download-only $package >/dev/null) || continue
    mkdir -p $at/images/$package
    tar -xf $at/fetched/${package}_*.orig.tar.* -C $at/images/$package
  done
fi
if [ $# -gt 0 ]; then
  mkdir -p $at/images/own
  cp -r "$1/." $at/images/own/
fi
[ -x target/debug/shouyinctl ] || cargo build --locked --bin shouyinctl
$at/venv/bin/python packaging/dev/compare_readers.py $at/images
