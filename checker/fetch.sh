#!/usr/bin/env bash
# Fetches the source of TCC: fetch.sh FILE. Debian's source package, by apt with the machine's own mirror and Debian's
# keys, through a private configuration: nothing of the system is changed, and no root is needed.
set -eu -o pipefail
out=${1:?usage: fetch.sh FILE}
keyring=
for file in /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/debian-archive-keyring.pgp; do
  [ -e "$file" ] && keyring=$file && break
done
[ -n "$keyring" ] || { echo "fetch.sh: Debian's keys are missing: install debian-archive-keyring" >&2; exit 1; }
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror=$(apt-get --no-release-info indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
  awk -v suite="$suite" '$2 == suite && $3 == "main" { print $1; exit }')
[ -n "$mirror" ] || { echo "fetch.sh: this machine's apt knows no Debian mirror" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/source"
: >"$work/status"
echo "deb-src [target=Sources signed-by=$keyring] $mirror $suite main" >"$work/sources.list"
cat >"$work/apt.conf" <<CONF
Dir::State "$work";
Dir::State::Lists "$work/lists";
Dir::State::status "$work/status";
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Cache "$work";
Acquire::Languages "none";
APT::Sandbox::User "";
CONF
export APT_CONFIG=$work/apt.conf
apt-get update -qq
# --only-source: the package of this name, whatever binaries are called.
(cd "$work/source" && apt-get source -qq --only-source --download-only --tar-only tcc)
mkdir -p "$(dirname "$out")"
mv "$work"/source/tcc_*.orig.tar.* "$out.new"
mv "$out.new" "$out"
