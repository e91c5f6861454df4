#!/usr/bin/env bash
# Installs what is missing from Debian and checks the Swift toolchain. Changes nothing when all is there.
#   setup.sh [build | test | bench | chaos | kafka | container]     for a build alone, or what else is needed for more
source "$(dirname "$0")/lib.sh"

PACKAGES=(
    libuv1-dev libcurl4-openssl-dev libpq-dev librdkafka-dev libssl-dev libcjose-dev libcsv-dev libicu-dev
    libopencc-dev libjansson-dev pkg-config
)
[ "${1:-}" = build ] || PACKAGES+=(postgresql-15 curl jq python3 python3-venv make)
[ "${1:-}" = bench ] && PACKAGES+=(wrk)
[ "${1:-}" = test ] && PACKAGES+=(chromium chromium-driver libfaketime)
[ "${1:-}" = chaos ] && PACKAGES+=(libfaketime)
[ "${1:-}" = container ] && PACKAGES+=(debootstrap iproute2 binutils)
[ -n "${KAFKA_HOME:-}" ] || [ "${1:-}" = kafka ] && ! command -v java >/dev/null && PACKAGES+=(openjdk-17-jre-headless)

command -v swift >/dev/null || die "Swift was not found: install Swift 6.3 (https://swift.org/install) and put it on PATH"
version=$(swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+)\.([0-9]+).*/\1 \2/p' | head -n 1)
read -r major minor <<<"${version:-0 0}"
if [ "$major" -lt 6 ] || { [ "$major" -eq 6 ] && [ "$minor" -lt 3 ]; }; then
    die "Swift ${version:+$major.$minor }is too old: install 6.3 or later (https://swift.org/install) and put it first on PATH"
fi

command -v dpkg-query >/dev/null ||
    die "this is no Debian: install what setup.sh lists (${PACKAGES[*]}) by hand, then 'swift build -c release --static-swift-stdlib'"
missing=()
for package in "${PACKAGES[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

step "installing from Debian: ${missing[*]}"
# No cluster of the distribution's own: it would take port 5432 and memory, and nothing here uses it.
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    as_root mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
as_root apt-get update -qq >"$log" 2>&1 ||
    { cat "$log" >&2; die "apt-get update failed: check the machine's Debian mirror"; }
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$log" 2>&1 ||
    { tail -n 20 "$log" >&2; die "installing ${missing[*]} failed: see above"; }
rm -f "$log"
