#!/usr/bin/env bash
# `make test-data DATA=…`: loads the public data sets while services are killed, and compares every figure.
#   test-data.sh DATA [options of Tests/RealData/run.py]
source "$(dirname "$0")/lib.sh"
DATA=${1:-}
[ -z "$DATA" ] || [ -d "$DATA" ] || die "DATA is '$DATA': it must be the folder that holds maven-crm/, x-education/ and cdnow/"
[ -z "$DATA" ] || DATA=$(cd "$DATA" && pwd)
if find_kafka; then "$ROOT/deploy/local/setup.sh" kafka; fi
PYTHON=$("$ROOT/deploy/local/python.sh")
cd "$ROOT/Tests/RealData"
GUANXI_TEST_DATA=$DATA "$PYTHON" -m unittest --quiet
exec "$PYTHON" run.py ${DATA:+--data "$DATA"} "${@:2}"
