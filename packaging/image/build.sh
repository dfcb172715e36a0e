#!/usr/bin/env bash
# Builds the boot image from Debian's packages and our own release program: no loop device, no mount, no container, no
# root rights but those that unpacking needs. The same inputs give the same bytes: times, identifiers and salts are
# fixed or are made of the contents. docs/INSTALL.md explains the parts.
#
#   build.sh VERSION        writes target/image/shouyin-VERSION.raw, and target/image/update: what a server offers
#
# PROVISION=DIR  copies DIR to /data/shouyin (configuration, keys); without it the first screen says what is missing
# SIGN_KEY, SIGN_CERT  sign the kernel for Secure Boot (PEM); test keys are made where none are given
# UPDATE_KEY     signs updates (Ed25519 private key, PEM); a test key is made where none is given
# UPDATE_TRUST   public keys that this image takes updates from (PEM, several while keys change); of UPDATE_KEY by default
# MINIMUM, NOTES_ZH, NOTES_EN  the lowest version that this one may be installed on, and what the screen says of it
# CONSOLE=1      kernel messages on the serial port (looking for a fault)
# EXTRA=DIR      copies DIR over the root (drills)
# MODULES=FILE   kernel modules beside those of modules.txt, in the same form (drills)
# PROGRAMS=keep  takes the programs as they were built last: another image of the same programs needs no compiler
# OUT=DIR        writes there instead of target/image
set -euo pipefail
cd "$(dirname "$0")/../.."
version=${1:?version, a number that rises}
here=packaging/image
parts=$PWD/target/image
out=$(realpath -m "${OUT:-$parts}")
cache=$parts/cache
work=$out/work
esp_mb=128 slot_mb=192 data_mb=256
export SOURCE_DATE_EPOCH=1767225600 LC_ALL=C TZ=UTC
# Identifiers of our own, and always the same ones.
own_id() {
  python3 - "$1" <<'PY'
import sys, uuid
print(uuid.uuid5(uuid.NAMESPACE_DNS, "shouyin:" + sys.argv[1]))
PY
}

tools() {
  local missing=() tool
  for tool in mmdebstrap:mmdebstrap mkfs.erofs:erofs-utils veritysetup:cryptsetup-bin \
    sbsign:sbsigntool mcopy:mtools mkfs.vfat:dosfstools objcopy:binutils zstd:zstd sfdisk:fdisk \
    mke2fs:e2fsprogs cpio:cpio depmod:kmod faketime:faketime openssl:openssl \
    make:make gcc:gcc flex:flex bison:bison bc:bc xz:xz-utils; do
    command -v "${tool%%:*}" >/dev/null || missing+=("${tool##*:}")
  done
  [ -e /usr/lib/systemd/boot/efi/linuxx64.efi.stub ] || missing+=(systemd-boot-efi)
  pkg-config --exists libinput 2>/dev/null || missing+=(libinput-dev)
  pkg-config --exists libudev 2>/dev/null || missing+=(libudev-dev)
  pkg-config --exists libelf 2>/dev/null || missing+=(libelf-dev)
  pkg-config --exists libcrypto 2>/dev/null || missing+=(libssl-dev)
  if [ ${#missing[@]} -gt 0 ]; then
    local sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -q
    $sudo apt-get install -y -q --no-install-recommends "${missing[@]}"
  fi
}

programs() {
  local program
  if [ "${PROGRAMS:-}" = keep ]; then
    for program in target/release/shouyin target/init/x86_64-unknown-linux-gnu/release/shouyin-{init,updater,network}; do
      [ -x $program ] || { echo "PROGRAMS=keep: $program was never built"; exit 1; }
      echo "programs: kept, not built: $program of $(date -u -r $program '+%Y-%m-%d %H:%M:%S UTC')"
    done
    return
  fi
  cargo build --release --locked --no-default-features --features panel,live --bin shouyin
  # The first program runs before there is a root with libraries; the other two share those of the root, which is smaller.
  local own static
  for own in init updater network; do
    static=
    [ $own != init ] || static="-C target-feature=+crt-static"
    RUSTFLAGS=$static CARGO_TARGET_DIR=target/init cargo build --release \
      --locked --target x86_64-unknown-linux-gnu --manifest-path $here/$own/Cargo.toml
  done
}

# The unpacked packages and the kernel, kept by their versions and by the way they are unpacked.
packages() {
  mkdir -p "$cache"
  list=$(grep -v '^#' $here/packages.txt | paste -sd,)
  kernel=$(apt-cache depends linux-image-amd64 | awk '/Depends:/{print $2; exit}')
  local key versions
  versions=$(apt-cache policy "$kernel" ${list//,/ } | grep -E '^[a-z]|Candidate')
  key=$( (echo "$versions"; declare -f unpack) | sha256sum | cut -c1-16)
  base=$cache/$key
  [ -e "$base/complete" ] || unpack
  kernel_version=$(ls "$base/kernel/lib/modules")
  local way
  way=$(sha256sum $here/repack.sh | cut -c1-16)
  packed=$base/vmlinuz-$way
  [ -e "$packed" ] || $here/repack.sh "$base/kernel/boot/vmlinuz-$kernel_version" \
    "$base/kernel/boot/config-$kernel_version" "$(cat "$base/kernel/version")" "$kernel_version" "$packed"
}

# Packages are only unpacked: none of their scripts runs.
unpack() {
  local sources=/etc/apt/sources.list.d/debian.sources
  [ -e $sources ] || sources=/etc/apt/sources.list
  rm -rf "$base"
  mkdir -p "$base/debs"
  (cd "$base/debs" && apt-get download -q "$kernel" && dpkg-deb -x "$kernel"_*.deb ../kernel &&
    dpkg-deb -f "$kernel"_*.deb Version >../kernel/version)
  rm -rf "$base/debs"
  depmod -b "$base/kernel" "$(ls "$base/kernel/lib/modules")"
  mmdebstrap --quiet --variant=extract --include="$list" --mode=root \
    --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --aptopt='Apt::Install-Recommends "false"' bookworm "$base/root" $sources
  touch "$base/complete"
}

root_tree() {
  root=$work/root
  rm -rf "$work"
  mkdir -p "$work"
  cp -a "$base/root" "$root"
  (cd "$root" && trim)
  cp -a $here/root/. "$root/"
  install -m644 packaging/systemd/shouyin.service "$root/usr/lib/systemd/system/"
  [ -z "${EXTRA:-}" ] || cp -a "$EXTRA/." "$root/"
  units
  # Line tables stay with the builder, who can place a backtrace with them.
  strip -o "$root/usr/bin/shouyin" target/release/shouyin
  install -m755 target/init/x86_64-unknown-linux-gnu/release/shouyin-{updater,network} "$root/usr/bin/"
  update_keys
  install -m644 "$UPDATE_TRUST" "$root/etc/shouyin/update.pem"
  cp ui/fonts/*.otf "$root/usr/share/fonts/shouyin/"
  cp /usr/share/zoneinfo/Asia/Shanghai "$root/usr/share/zoneinfo/Asia/"
  mkdir -p "$root/etc/ssl/certs"
  cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
  rm -rf "$root/usr/share/ca-certificates"
  printf '%s\n' NAME=Shouyin ID=shouyin "VERSION_ID=$version" "PRETTY_NAME=\"Shouyin $version\"" \
    IMAGE_ID=shouyin "IMAGE_VERSION=$version" >"$root/usr/lib/os-release"
  mkdir -p "$root/usr/lib/modules/$kernel_version" "$work/initrd/m"
  cat $here/modules.txt ${MODULES:+"$MODULES"} >"$work/modules.txt"
  python3 $here/modules.py "$work/modules.txt" "$base/kernel/lib/modules/$kernel_version" \
    "$root/usr/lib/modules/$kernel_version" "$work/initrd"
  # The first program has loaded these at every start, from its own copies, before there is a root.
  find "$root/usr/lib/modules/$kernel_version" \( -name ext4.ko -o -name jbd2.ko -o -name mbcache.ko -o -name erofs.ko \
    -o -name dm-mod.ko -o -name dm-verity.ko -o -name dm-bufio.ko \) -delete
  depmod -b "$root" "$kernel_version"
  # Only depmod and people read these; what loads modules reads the indexes made of them.
  rm -f "$root/usr/lib/modules/$kernel_version"/modules.{alias,symbols,order,builtin,builtin.modinfo,dep}
  python3 $here/prune.py $here/programs.txt "$root"
  ldconfig -r "$root"
  rm -f "$root/var/cache/ldconfig/aux-cache"
  chmod 755 "$root"
  chmod 600 "$root/etc/shadow"
}

# What a terminal has no use for.
trim() {
  rm -rf boot/* var/* usr/bin/perl* usr/lib/{apt,dpkg} usr/bin/{apt,dpkg,deb}* \
    etc/{cron*,init.d,rc*.d,apt,dpkg,logrotate.d,profile.d,skel,pam.d,security} \
    usr/share/{doc,man,locale,bash-completion,zsh,info,lintian,bug,perl*,polkit-1,menu,pam*} \
    usr/share/{common-licenses,gdb,i18n,fonts,sounds} \
    usr/lib/x86_64-linux-gnu/{perl-base,dri,gconv,audit,security,cryptsetup,engines-3,ossl-modules,glib-2.0,gio,e2fsprogs,alsa-topology} \
    usr/share/{gcc,glib-2.0,doc-base,pixmaps,initramfs-tools} usr/lib/{lsb,mime,udev/hwclock-set} \
    usr/{games,include,src} usr/lib/udev/hwdb.d usr/lib/systemd/{boot,catalog} usr/lib/kernel usr/lib/locale/[!C]*
  local generator
  for generator in cryptsetup debug getty gpt-auto hibernate-resume integritysetup rc-local run \
    system-update sysv veritysetup; do
    rm -f usr/lib/systemd/system-generators/systemd-$generator-generator
  done
  # Programs of systemd that no unit of ours starts, and with them their libraries; tablets, and keymaps of other keyboards.
  local own
  for own in cryptsetup integritysetup veritysetup measure pcrphase logind localed hostnamed timedated socket-proxyd \
    sleep growfs random-seed hibernate-resume pstore binfmt time-wait-sync networkd-wait-online network-generator \
    sulogin-shell user-runtime-dir user-sessions xdg-autostart-condition quotacheck makefs; do
    rm -f usr/lib/systemd/systemd-$own
  done
  # Questions to devices that a till has not: optical drives, tapes, memory slots, security keys, flash chips.
  rm -f usr/lib/udev/{cdrom_id,dmi_memory_id,fido_id,mtd_probe} \
    usr/lib/udev/rules.d/{60-cdrom_id,60-fido-id,60-persistent-storage-tape,70-memory,75-probe_mtd,85-hwclock,96-e2scrub}.rules
  rm -rf usr/share/libwacom usr/libexec/{coreutils,dpkg} usr/share/X11/xkb/geometry
  find usr/share/X11/xkb/rules -name '*.xml' -o -name '*.lst' | xargs rm -f
  find usr/share/X11/xkb/symbols -mindepth 1 -maxdepth 1 ! -name us ! -name pc ! -name inet ! -name srvr_ctrl \
    ! -name keypad ! -name latin ! -name level3 ! -name level5 ! -name terminate ! -name shift ! -name ctrl \
    ! -name capslock ! -name compose ! -name eurosign ! -name group ! -name kpdl ! -name nbsp ! -name altwin \
    ! -name empty -exec rm -rf {} +
  mkdir -p data efi proc sys dev run tmp var usr/share/fonts/shouyin usr/share/zoneinfo/Asia
}

# Links and orders of the units, from their lists.
units() {
  local place target
  while read -r place target; do
    case $place in '' | '#'*) continue ;; esac
    mkdir -p "$root/$(dirname "$place")"
    ln -sfn "$target" "$root/$place"
  done <$here/links.txt
  while read -r place; do
    case $place in '' | '#'*) continue ;; esac
    mkdir -p "$root/etc/systemd/system/$place.d"
    printf '[Unit]\nAfter=shouyin.service\n' >"$root/etc/systemd/system/$place.d/later.conf"
  done <$here/later.txt
}

# The root file system with its hash tree behind it, in one file: what an update writes into a slot.
slot() {
  local data=$work/root.erofs size file=$out/shouyin-$version.slot
  mkfs.erofs -zlz4hc,12 -C65536 -T$SOURCE_DATE_EPOCH -U "$(own_id root)" --all-root "$data" "$root" >/dev/null
  size=$(stat -c%s "$data")
  blocks=$(((size + 4095) / 4096))
  truncate -s $((blocks * 4096)) "$data"
  # A salt of the contents: fixed for the same bytes, another one for others.
  salt=$(sha256sum "$data" | cut -c1-64)
  veritysetup format --no-superblock --salt="$salt" --uuid="$(own_id hashes)" --data-blocks=$blocks \
    "$data" "$work/hashes" >"$work/verity"
  hash=$(awk '/Root hash/{print $3}' "$work/verity")
  cat "$data" "$work/hashes" >"$file"
  if [ "$(stat -c%s "$file")" -gt $((slot_mb << 20)) ]; then
    echo "the root is larger than a slot of $slot_mb MB"
    exit 1
  fi
}

# Kernel, first program and command line in one file that Secure Boot checks as a whole.
kernel() {
  local initrd=$work/initrd stub=/usr/lib/systemd/boot/efi/linuxx64.efi.stub
  mkdir -p "$initrd"/{dev,proc,sys,run,root}
  install -m755 target/init/x86_64-unknown-linux-gnu/release/shouyin-init "$initrd/init"
  find "$initrd" -exec touch -h -d @$SOURCE_DATE_EPOCH {} +
  (cd "$initrd" && find . -print0 | sort -z |
    cpio --null -o -H newc --quiet --owner=0:0 --reproducible | zstd -q -19) >"$work/initrd.zst"
  cp "$packed" "$work/vmlinuz"
  # The kernel's tests of its own ciphers cost a tenth of the start; its signatures are checked all the same.
  echo -n "shouyin.root=$blocks:$hash:$salt quiet loglevel=3 panic=5 oops=panic fbcon=map:9" \
    "cryptomgr.notests" \
    "vt.global_cursor_default=0 systemd.getty_auto=no systemd.gpt_auto=no systemd.firstboot=no" \
    "systemd.show_status=no sysctl.kernel.sysrq=0 random.trust_cpu=on" \
    "${CONSOLE:+console=ttyS0,115200}" >"$work/cmdline"
  # The file's head holds the time of its making.
  faketime -f "2026-01-01 00:00:00" objcopy --add-section .osrel="$root/usr/lib/os-release" --change-section-vma .osrel=0x20000 \
    --add-section .cmdline="$work/cmdline" --change-section-vma .cmdline=0x30000 \
    --add-section .linux="$work/vmlinuz" --change-section-vma .linux=0x2000000 \
    --add-section .initrd="$work/initrd.zst" --change-section-vma .initrd=0x3000000 \
    $stub "$work/unsigned.efi"
  keys
  sign "$work/unsigned.efi" "$out/shouyin-$version.efi"
  sign /usr/lib/systemd/boot/efi/systemd-bootx64.efi "$work/boot.efi"
}

# Test keys where the builder has none; they are made once, and only a machine that was told to trusts them.
keys() {
  SIGN_KEY=${SIGN_KEY:-$parts/keys/test.key} SIGN_CERT=${SIGN_CERT:-$parts/keys/test.crt}
  [ -e "$SIGN_KEY" ] && return
  mkdir -p "$(dirname "$SIGN_KEY")"
  openssl req -new -x509 -newkey rsa:2048 -nodes -days 3650 -keyout "$SIGN_KEY" \
    -out "$SIGN_CERT" -subj "/CN=Shouyin test key, not for shops" 2>/dev/null
}

# The keys of updates are others than those of the firmware: they need not lie on the machine that builds.
update_keys() {
  UPDATE_KEY=${UPDATE_KEY:-$parts/keys/update.key}
  if [ ! -e "$UPDATE_KEY" ]; then
    mkdir -p "$(dirname "$UPDATE_KEY")"
    openssl genpkey -algorithm ed25519 -out "$UPDATE_KEY"
  fi
  [ -n "${UPDATE_TRUST:-}" ] && return
  UPDATE_TRUST=$work/update.pem
  openssl pkey -in "$UPDATE_KEY" -pubout -out "$UPDATE_TRUST"
}

# What a server offers: the manifest, its signature, and the two files that it names.
offer() {
  local to=$out/update
  rm -rf "$to"
  mkdir -p "$to"
  ln "$out/shouyin-$version.slot" "$out/shouyin-$version.efi" "$to/"
  python3 $here/manifest.py "$version" "${MINIMUM:-0}" "${NOTES_ZH:-}" "${NOTES_EN:-}" "$to"
  $here/sign.sh "$UPDATE_KEY" "$to/update.json"
}

# The signature holds a time: always the same one.
sign() {
  faketime -f "2026-01-01 00:00:00" sbsign --key "$SIGN_KEY" --cert "$SIGN_CERT" --output "$2" \
    "$1" >/dev/null 2>"$work/sign.log" || { cat "$work/sign.log"; exit 1; }
}

disk() {
  local image=$out/shouyin-$version.raw root_type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709
  rm -f "$image"
  truncate -s $((esp_mb + 2 * slot_mb + data_mb + 2))M "$image"
  sfdisk -q "$image" <<S
label: gpt
label-id: $(own_id disk)
start=1MiB, size=${esp_mb}MiB, type=U, name=shouyin-esp, uuid=$(own_id esp)
size=${slot_mb}MiB, type=$root_type, name=shouyin-a, uuid=$(own_id a)
size=${slot_mb}MiB, type=$root_type, name=shouyin-b, uuid=$(own_id b)
size=${data_mb}MiB, type=L, name=shouyin-data, uuid=$(own_id data)
S
  boot_partition "$work/esp"
  data_partition "$work/data"
  put "$work/esp" 1
  put "$out/shouyin-$version.slot" $((1 + esp_mb))
  put "$work/data" $((1 + esp_mb + 2 * slot_mb))
}

put() { dd if="$1" of="$image" bs=1M seek="$2" conv=notrunc,sparse status=none; }

boot_partition() {
  local esp=$1
  truncate -s ${esp_mb}M "$esp"
  mkfs.vfat -F32 --invariant -i 5359494E -n SHOUYIN "$esp" >/dev/null
  printf '%s\n' 'timeout 0' 'editor no' 'console-mode keep' 'auto-firmware no' 'auto-entries yes' \
    >"$work/loader.conf"
  touch -d @$SOURCE_DATE_EPOCH "$work/loader.conf" "$work/boot.efi" "$out/shouyin-$version.efi"
  mmd -i "$esp" ::/EFI ::/EFI/BOOT ::/EFI/Linux ::/loader
  mcopy -m -i "$esp" "$work/boot.efi" ::/EFI/BOOT/BOOTX64.EFI
  mcopy -m -i "$esp" "$work/loader.conf" ::/loader/loader.conf
  mcopy -m -i "$esp" "$out/shouyin-$version.efi" "::/EFI/Linux/shouyin_$version.efi"
}

data_partition() {
  local data=$1 seed=$work/seed
  mkdir -p "$seed/shouyin"
  [ -z "${PROVISION:-}" ] || cp -r "$PROVISION/." "$seed/shouyin/"
  chown -R 900:900 "$seed/shouyin"
  chmod -R go= "$seed/shouyin"
  find "$seed" -exec touch -h -d @$SOURCE_DATE_EPOCH {} +
  truncate -s ${data_mb}M "$data"
  faketime -f "2026-01-01 00:00:00" mke2fs -q -t ext4 -U "$(own_id datafs)" -L shouyin-data \
    -E "root_owner=0:0,hash_seed=$(own_id seed)" -O metadata_csum,64bit -d "$seed" "$data"
  # mke2fs copies the time of each file's last change, which nobody can set on the host.
  find "$seed" -mindepth 1 -printf "sif \"/%P\" ctime @$SOURCE_DATE_EPOCH\n" |
    faketime -f "2026-01-01 00:00:00" debugfs -w -f - "$data" >/dev/null
}

tell() {
  local image=$out/shouyin-$version.raw
  mb() { echo $(($(stat -c%s "$1") >> 20)); }
  echo "image:  $image, $(mb "$image") MB"
  echo "parts:  slot $(mb "$out/shouyin-$version.slot") MB," \
    "kernel $(mb "$out/shouyin-$version.efi") MB, root hash $hash"
  echo "update: $out/update, to be served as it is"
  echo "sha256: $(sha256sum "$image" | cut -c1-64)"
}

tools
programs
packages
root_tree
slot
kernel
disk
offer
tell
