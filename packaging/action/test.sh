#!/usr/bin/env bash
# Decides every `expect`. The results also stand in the summary of the run, and as JUnit's XML for whoever collects that.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

twogate test "${inputs[@]}" --format junit >"$state/expectations.xml" 2>/dev/null || true
status=0
twogate test "${inputs[@]}" | tee "$state/expectations.txt" || status=$?
{
    echo "### Twogate: expectations"
    echo '```text'
    cat "$state/expectations.txt"
    echo '```'
} | summarize
if [ "$status" -ne 0 ]; then failed "expectations"; fi
