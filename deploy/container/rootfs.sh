#!/usr/bin/env bash
# The image's root file system without a container engine: rootfs.sh <new folder>
# In place of debian:12-slim it begins with the smallest Debian of debootstrap; the rest is what the Dockerfile does.
source "$(dirname "$0")/../local/lib.sh"
HERE=$ROOT/deploy/container
SUITE=bookworm
[ -n "${1:-}" ] || die "usage: rootfs.sh <new folder>"
[ ! -e "$1" ] || die "$1 is there already: remove it or name another folder"
target=$(realpath -m "$1")

"$ROOT/deploy/local/setup.sh" container
"$HERE/stage.sh"

# From where this machine installs Debian, and how.
# shellcheck disable=SC2016 # apt's own variables
sources=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
    awk -v suite=$SUITE '$3 ~ "^" suite "(-updates|-security)?$" && $4 == "main"' | sort -u)
mirror=$(awk -v suite=$SUITE '$3 == suite { print $2; exit }' <<<"$sources")
[ -n "$mirror" ] || die "apt knows no mirror of Debian $SUITE: add 'deb <mirror> $SUITE main' to its sources, then apt-get update"
eval "$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)"
proxies=(${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"})

log=$(mktemp)
work=$target/install
clean() { as_root rm -rf "$work"; rm -f "$log"; }
trap clean EXIT

step "Debian $SUITE from $mirror"
as_root env "${proxies[@]}" debootstrap --variant=minbase "$SUITE" "$target" "$mirror" >"$log" 2>&1 ||
    { tail -n 20 "$log" >&2; die "debootstrap failed: see above"; }

step "the packages of deploy/container/packages.txt"
as_root install -d "$work"
as_root cp "$HERE/install.sh" "$HERE/packages.txt" "$work/"
apt-config dump Acquire | as_root tee "$work/apt.conf" >/dev/null
as_root tee "$target/etc/apt/sources.list" <<<"$sources" >/dev/null
as_root env "${proxies[@]}" APT_CONFIG=/install/apt.conf chroot "$target" /install/install.sh >"$log" 2>&1 ||
    { tail -n 20 "$log" >&2; die "install.sh failed: see above"; }

step "the executables"
as_root cp -r --no-preserve=ownership "$ROOT/.build/container" "$target/opt/guanxi"
