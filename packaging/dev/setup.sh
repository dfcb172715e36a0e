#!/usr/bin/env bash
# Installs the system packages that a build and a run need. Asks the system first; when all is there it does nothing,
# so it is safe (and fast) to call it before every build. Package names are those of Debian 12 and Ubuntu.
set -euo pipefail

missing=()
need() { missing+=("$1"); }
has_command() { command -v "$1" >/dev/null 2>&1; }

# Tools. The C++ compiler and cmake build the code reader; clang is for the camera's bindings; python3 and openssl are
# the second opinion of the signature tests.
has_command gcc || need gcc
has_command g++ || need g++
has_command make || need make
has_command cmake || need cmake
has_command pkg-config || need pkg-config
has_command clang || need clang
has_command python3 || need python3
has_command openssl || need openssl

# A library by its pkg-config name, then its package.
need_library() {
  if ! has_command pkg-config || ! pkg-config --exists "$1"; then need "$2"; fi
}
need_library fontconfig libfontconfig1-dev
need_library xkbcommon libxkbcommon-dev

# A shared object that is opened at run time, then its package.
need_object() {
  local found
  found=$( (ldconfig -p 2>/dev/null || /sbin/ldconfig -p 2>/dev/null || true) | grep -c -F "$1" || true)
  if [ "${found:-0}" -eq 0 ]; then need "$2"; fi
}
need_object libxkbcommon-x11.so.0 libxkbcommon-x11-0
need_object libX11-xcb.so.1 libx11-xcb1
need_object libXcursor.so.1 libxcursor1
need_object libXi.so.6 libxi6

# bindgen looks for libclang here and below /usr/lib/llvm-*.
if ! compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null \
  && ! compgen -G '/usr/lib/*/libclang*.so*' >/dev/null && [ -z "${LIBCLANG_PATH:-}" ]; then
  need libclang-dev
fi

# Some systems put another python3 first in the path; the packaged one is good enough.
has_cryptography() { "$1" -c 'import cryptography' >/dev/null 2>&1; }
if ! has_cryptography python3 && ! has_cryptography /usr/bin/python3; then need python3-cryptography; fi

# The screen cannot start without any font, and shows boxes without a Chinese one.
if ! has_command fc-list; then
  need fontconfig
  need fonts-noto-cjk
elif [ -z "$(fc-list :lang=zh 2>/dev/null | head -n 1)" ]; then
  need fonts-noto-cjk
fi

if [ "${#missing[@]}" -eq 0 ]; then exit 0; fi

echo "setup: missing: ${missing[*]}"
if ! has_command apt-get; then
  echo "setup: this system has no apt-get. Please install the counterparts of these Debian packages and try again:" >&2
  printf '  %s\n' "${missing[@]}" >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! has_command sudo; then
    echo "setup: please run as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
