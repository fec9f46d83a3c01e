#!/usr/bin/env bash
# Judges the intents. Findings become annotations of the lines that they are about.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

twogate check "${inputs[@]}" --format github || failed "check"
