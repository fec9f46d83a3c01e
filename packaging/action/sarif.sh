#!/usr/bin/env bash
# Uploads the findings to code scanning.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Its exit status was judged by the check.
twogate check "${inputs[@]}" --format sarif >"$state/twogate.sarif" || [ $? -eq 1 ]
gzip -c "$state/twogate.sarif" | base64 -w 0 >"$state/twogate.sarif.gz.base64"

if ! gh api --silent --method POST "repos/$GITHUB_REPOSITORY/code-scanning/sarifs" \
    --raw-field commit_sha="$GITHUB_SHA" --raw-field ref="$GITHUB_REF" --raw-field tool_name=twogate \
    --field sarif=@"$state/twogate.sarif.gz.base64"; then
    echo "::warning title=Twogate::findings cannot be uploaded (code scanning is off, or the token lacks security-events: write)"
fi
