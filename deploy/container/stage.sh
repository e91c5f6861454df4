#!/usr/bin/env bash
# Gathers in .build/container what of a build goes into the image's /opt/guanxi, without symbols.
source "$(dirname "$0")/../local/lib.sh"
STAGE=$ROOT/.build/container
for name in "${SERVICES[@]}" guanxi; do
    [ -x "$BIN/$name" ] || die "$BIN/$name was not built: run 'make build'"
done
rm -rf "$STAGE"
mkdir -p "$STAGE"
for name in "${SERVICES[@]}" guanxi; do strip -o "$STAGE/$name" "$BIN/$name"; done
# Migrations and released schemas, which the executables look for beside them.
for folder in "$BIN"/Guanxi_*.resources; do
    [[ $folder == *Tests.resources ]] || cp -r "$folder" "$STAGE/"
done
cp "$ROOT/deploy/container/healthy" "$STAGE/"
chmod -R u=rwX,go=rX "$STAGE"
