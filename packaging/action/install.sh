#!/usr/bin/env bash
# Has `twogate` at hand: the one on the PATH, else one built from the sources that this action is part of.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# A run starts with a clean slate, on a machine that is kept too.
find "$state" -maxdepth 1 -type f -delete

if command -v twogate >/dev/null; then
    twogate --version
    exit 0
fi
sources="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
cargo install --quiet --locked --path "$sources" --root "$state/installed"
echo "$state/installed/bin" >>"$GITHUB_PATH"
"$state/installed/bin/twogate" --version
