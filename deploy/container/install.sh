#!/bin/sh
# Makes the run-time image out of a bare Debian 12. Runs inside of it: for the Dockerfile, and for rootfs.sh.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2046 # one word for each package
apt-get install -y -qq --no-install-recommends $(sed 's/#.*//' "$(dirname "$0")/packages.txt")
apt-get clean
rm -rf /var/lib/apt/lists/*

# Owns nothing, has no home, may not log in.
groupadd --gid 10001 guanxi
useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin guanxi
