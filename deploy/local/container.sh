#!/usr/bin/env bash
# `make container-test`: builds the image's root file system without a container engine and runs compose.yaml in it, in a
# network of its own, where compose's ports and names are free.
source "$(dirname "$0")/lib.sh"
export GUANXI_RUN_DIR=$RUN/container-test
export GUANXI_CONTAINER_ROOT=$GUANXI_RUN_DIR/root
"$ROOT/deploy/local/setup.sh" container
PYTHON=$(GUANXI_RUN_DIR=$RUN "$ROOT/deploy/local/python.sh")

# Whatever happens: mounts end with the processes that they were made for.
clean() {
    local file
    for file in "$GUANXI_RUN_DIR"/*.pid; do
        if [ -s "$file" ]; then as_root kill -KILL "$(cat "$file")" 2>/dev/null || true; fi
    done
    "$ROOT/deploy/local/postgres.sh" destroy
    as_root rm -rf --one-file-system "$GUANXI_RUN_DIR"
}
trap clean EXIT
trap 'exit 130' INT TERM
clean
mkdir -p "$GUANXI_RUN_DIR"
"$ROOT/deploy/container/rootfs.sh" "$GUANXI_CONTAINER_ROOT"
step "container tests"
as_root unshare --net bash -c 'ip link set lo up; exec runuser -u "$0" -- env "$@"' "$(id -un)" \
    PATH="$PATH" GUANXI_RUN_DIR="$GUANXI_RUN_DIR" GUANXI_CONTAINER_ROOT="$GUANXI_CONTAINER_ROOT" \
    "$PYTHON" -m pytest -q -p no:cacheprovider "$ROOT/Tests/Container" "$@" ||
    { tail -n 5 "$GUANXI_RUN_DIR"/*.log >&2; exit 1; }
