#!/usr/bin/env bash
# Holds the written policies against the intents: missing, stale and stray files are shown as a difference.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

if ! twogate compile "${inputs[@]}" -o "$TWOGATE_MANIFESTS" --check; then
    failed "policies in $TWOGATE_MANIFESTS"
    echo "::error title=Twogate::the policies in $TWOGATE_MANIFESTS are not what the intents say; run: twogate compile ${inputs[*]} -o $TWOGATE_MANIFESTS"
fi
