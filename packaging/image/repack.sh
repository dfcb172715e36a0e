#!/usr/bin/env bash
# Packs Debian's kernel anew: the same machine code, compressed with zstd instead of xz, which a slow processor unpacks
# in a tenth of the instructions. Only the unpacker in front of it is compiled, from Debian's source of the same version
# with Debian's configuration; the kernel itself is taken out of the package and not changed by one byte, so Debian's
# signatures of its modules hold. The same inputs give the same bytes.
#
#   repack.sh VMLINUZ CONFIG VERSION RELEASE OUT    e.g. … 6.1.192-2 6.1.0-56-amd64 …; works in a folder beside OUT
set -euo pipefail
vmlinuz=$(realpath "$1") config=$(realpath "$2") version=$3 release=$4 out=$(realpath -m "$5")
work=$(dirname "$out")/repack
export SOURCE_DATE_EPOCH=1767225600 LC_ALL=C TZ=UTC
export KBUILD_BUILD_TIMESTAMP=@$SOURCE_DATE_EPOCH KBUILD_BUILD_USER=shouyin KBUILD_BUILD_HOST=shouyin
series=$(cut -d. -f1,2 <<<"$version")
rm -rf "$work"
mkdir -p "$work"
cd "$work"
apt-get download -q "linux-source-$series=$version" 2>"$work/apt.log" >&2 || { cat "$work/apt.log" >&2; exit 1; }
dpkg-deb -x linux-source-*.deb .
tar xJf usr/src/linux-source-*.tar.xz
cd linux-source-"$series"

# The kernel out of the package, and the addresses that its unpacker was compiled with (Documentation/x86/boot.rst).
python3 - "$vmlinuz" <<'PY'
import struct, subprocess, sys
image = open(sys.argv[1], "rb").read()
at, length = struct.unpack_from("<II", image, 0x248)
start = (image[0x1F1] + 1) * 512 + at
packed = image[start:start + length]
size, = struct.unpack_from("<I", packed, length - 4)
kernel = subprocess.run(["xz", "-dc"], input=packed[:-4], stdout=subprocess.PIPE, check=True).stdout
if len(kernel) != size or kernel[:4] != b"\x7fELF":
    sys.exit(f"{sys.argv[1]}: no ELF kernel of {size} bytes in it")
open("payload", "wb").write(kernel)
open("payload.size", "wb").write(struct.pack("<I", size))
parts_at, sections_at = struct.unpack_from("<QQ", kernel, 32)
_, parts, _, sections, names = struct.unpack_from("<5H", kernel, 54)
parts = [struct.unpack_from("<IIQQQQQQ", kernel, parts_at + 56 * i) for i in range(parts)]
sections = [struct.unpack_from("<IIQQQQIIQQ", kernel, sections_at + 64 * i) for i in range(sections)]
text = kernel[sections[names][4]:][:sections[names][5]]
where = {text[s[0]:text.index(b"\0", s[0])]: s[3] for s in sections}
symbols = {"_text": where[b".text"], "__start_rodata": where[b".rodata"], "__bss_start": where[b".bss"],
           "_end": max(part[3] + part[6] for part in parts if part[0] == 1)}
with open("symbols.s", "w") as out:
    for name, address in symbols.items():
        out.write(f".globl {name}\n.set {name}, {address:#x}\n")
PY
{ zstd -q -22 --ultra <payload && cat payload.size; } >payload.zst

# What is only for compiling a whole kernel stays out: keys, type information.
cp "$config" .config
./scripts/config --disable KERNEL_XZ --enable KERNEL_ZSTD --disable DEBUG_INFO_BTF --enable DEBUG_INFO_NONE \
  --disable DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT --disable SYSTEM_TRUSTED_KEYRING --disable MODULE_SIG \
  --set-str SYSTEM_TRUSTED_KEYS "" --set-str MODULE_SIG_KEY ""
{
  make -s olddefconfig
  make -s prepare
  make -s drivers/firmware/efi/libstub/ arch/x86/kernel/cpu/capflags.o
  awk -f arch/x86/tools/gen-insn-attr-x86.awk arch/x86/lib/x86-opcode-map.txt >arch/x86/lib/inat-tables.c
  echo "#define UTS_VERSION \"Debian $version, packed with zstd\"" >include/generated/utsversion.h
  as symbols.s -o vmlinux
  # `vmlinux` is not made, and the packed kernel is ours: nothing of it is compiled.
  make -s -o vmlinux bzImage KERNELRELEASE="$release" 'cmd_relocs=touch $@' \
    "cmd_zstd22_with_size=cp $PWD/payload.zst \$@"
} >"$work/make.log" 2>&1 || { tail -20 "$work/make.log" >&2; exit 1; }

# What was packed is what the package had.
python3 - "$vmlinuz" arch/x86/boot/bzImage <<'PY'
import struct, subprocess, sys
old, new = (open(path, "rb").read() for path in sys.argv[1:])
at, length = struct.unpack_from("<II", new, 0x248)
packed = new[(new[0x1F1] + 1) * 512 + at:][:length - 4]
kernel = subprocess.run(["zstd", "-dcq", "--long=27"], input=packed, stdout=subprocess.PIPE, check=True).stdout
if kernel != open("payload", "rb").read():
    sys.exit("the packed kernel is not the package's")
# Alignment, address, room at the start and the abilities that firmware asks for.
for name, form, field in (("alignment", "<I", 0x230), ("abilities", "<H", 0x236), ("address", "<Q", 0x258)):
    was, now = (struct.unpack_from(form, image, field)[0] for image in (old, new))
    if was != now:
        sys.exit(f"the unpacker's {name} is {now:#x}, Debian's {was:#x}")
room = [struct.unpack_from("<I", image, 0x260)[0] for image in (old, new)]
if room[1] < room[0]:
    sys.exit(f"the unpacker takes {room[1]:#x} bytes of memory, Debian's {room[0]:#x}")
PY
cp arch/x86/boot/bzImage "$out.part"
cd /
rm -rf "$work"
mv "$out.part" "$out"
