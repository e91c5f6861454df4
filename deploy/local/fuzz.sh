#!/usr/bin/env bash
# `make fuzz`: calls made up from the OpenAPI document against what `make run` started.
source "$(dirname "$0")/lib.sh"
[ -s "$RUN/guanxi.env" ] || die "Guanxi does not run here: start it with 'make run'"
set -a; source "$RUN/guanxi.env"; set +a
python=$("$ROOT/deploy/local/python.sh")
exec "$python" "$ROOT/Tests/Api/fuzz.py" --phases fuzzing \
    --checks not_a_server_error status_code_conformance content_type_conformance response_schema_conformance
