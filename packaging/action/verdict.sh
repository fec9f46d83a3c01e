#!/usr/bin/env bash
# Fails if any step did.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

if [ -s "$state/failed" ]; then
    echo "::error title=Twogate::$(paste -sd , "$state/failed" | sed 's/,/, /g')"
    exit 1
fi
echo "nothing wrong"
