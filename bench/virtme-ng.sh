#!/usr/bin/env bash
# Unpacks virtme-ng of Debian trixie into the folder given, with what it needs
# and this system lacks, without changing the system; makes TARGET/vng, which
# runs it from there.
set -eu -o pipefail
target=$1
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
. /etc/os-release
mirror=$(apt-get indextargets --format '$(SITE) $(CODENAME)' | awk -v c="$VERSION_CODENAME" '$2 == c { print $1; exit }')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists,archives}/partial "$work"/{own,trixie,libc}
for suite in "$VERSION_CODENAME" trixie; do
  echo "deb [signed-by=$keyring] $mirror $suite main"
done | sort -u >"$work/sources.list"
cat >"$work/apt.conf" <<CONF
Dir::State::Lists "$work/lists";
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Cache "$work";
Acquire::Languages "none";
APT::Sandbox::User "";
CONF
export APT_CONFIG=$work/apt.conf
apt-get update -qq

# fetch FOLDER SUITE PACKAGE...: unpacks into $work/root/FOLDER
fetch() {
  local folder=$1 suite=$2
  shift 2
  mkdir -p "$work/root/$folder"
  (cd "$work/$folder" && apt-get download -qq "${@/%//$suite}")
  for deb in "$work/$folder"/*.deb; do dpkg-deb -x "$deb" "$work/root/$folder"; done
}
# Programs that link against this system's libraries.
fetch own "$VERSION_CODENAME" kmod libkmod2 udev
# Programs in Python, which run on this system's.
fetch trixie trixie virtme-ng python3-argcomplete python3-requests python3-urllib3 python3-idna \
  python3-certifi python3-chardet python3-charset-normalizer
# The file server, which needs trixie's C library.
fetch libc trixie virtiofsd libc6 libcap-ng0 libseccomp2 libgcc-s1

mkdir "$work/root/bin"
cat >"$work/root/bin/virtiofsd" <<'END'
#!/bin/sh
root=$(dirname "$(readlink -f "$0")")/../libc/usr
exec "$root/lib64/ld-linux-x86-64.so.2" --library-path "$root/lib/x86_64-linux-gnu" "$root/libexec/virtiofsd" "$@"
END
kmod=$(cd "$work/root/own" && find . -name kmod -type f -perm -u+x | head -1)
for name in modprobe depmod; do ln -s "../own/$kmod" "$work/root/bin/$name"; done
cat >"$work/root/vng" <<'END'
#!/usr/bin/env bash
# Its guest sees this system's files. Where those have no udev, as in most
# containers, ours is laid over them in a mount name space of its own: without
# udev virtme-ng finds no channel for what the guest prints.
here=$(dirname "$(readlink -f "$0")")
view=()
if [ ! -x /usr/lib/systemd/systemd-udevd ]; then
  udevadm=$(find "$here/own" -name udevadm -type f -perm -u+x | head -1)
  rules=$(find "$here/own" -type d -path '*lib/udev' | head -1)
  view=(bwrap --dev-bind / / --die-with-parent --tmpfs /usr/lib/systemd)
  for entry in /usr/lib/systemd/*; do view+=(--ro-bind "$entry" "$entry"); done
  view+=(--ro-bind "$udevadm" /usr/lib/systemd/systemd-udevd --tmpfs /usr/lib/udev)
  for entry in "$rules"/*; do view+=(--ro-bind "$entry" "/usr/lib/udev/${entry##*/}"); done
  view+=(--tmpfs /usr/local/bin --ro-bind "$udevadm" /usr/local/bin/udevadm --)
fi
export PYTHONPATH=$here/trixie/usr/lib/python3/dist-packages PATH=$here/bin:$here/trixie/usr/bin:$PATH
LD_LIBRARY_PATH=$(dirname "$(find "$here/own" -name 'libkmod.so.2' | head -1)")
export LD_LIBRARY_PATH
exec "${view[@]}" /usr/bin/python3 "$here/trixie/usr/bin/vng" "$@"
END
chmod +x "$work/root/vng" "$work/root/bin/virtiofsd"
"$work/root/vng" --version
rm -rf "$target"
mkdir -p "$(dirname "$target")"
cp -a "$work/root" "$target"
