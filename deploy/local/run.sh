#!/usr/bin/env bash
# `make run`: everything up, demo data loaded, and what to try next.
source "$(dirname "$0")/lib.sh"
start=$SECONDS
"$ROOT/deploy/local/guanxi-local" up
set -a; source "$RUN/guanxi.env"; set +a
step "loading the demo data"
python3 "$ROOT/deploy/demo/load.py" demo
tool=${BIN#"$ROOT"/}/guanxi
cat <<TEXT

Guanxi is up at $GUANXI_URL (in $((SECONDS - start)) s). API page: $GUANXI_URL/docs · OpenAPI: $GUANXI_URL/openapi.json
Keys and addresses for scripts: ${RUN#"$ROOT"/}/guanxi.env · logs: ${RUN#"$ROOT"/}/log/

Try:
  set -a; . ${RUN#"$ROOT"/}/guanxi.env; set +a     # the address and the operator's key
  $tool status
  $tool analytics report leads --group-by source --tenant nanhua
  $tool analytics report opportunities --group-by owner --tenant nanhua
TEXT
