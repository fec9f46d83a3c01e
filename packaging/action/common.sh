# What the steps of the action share; read by each of them, never run.
# shellcheck shell=bash
set -euo pipefail

# Where steps leave what later ones need.
state="${RUNNER_TEMP:-/tmp}/twogate"
mkdir -p "$state"

# The arguments that say what to read: one path a line in TWOGATE_INTENTS and TWOGATE_INVENTORY.
inputs=()
while IFS= read -r path; do
    if [ -n "$path" ]; then inputs+=("$path"); fi
done <<<"${TWOGATE_INTENTS:-intents}"
while IFS= read -r path; do
    if [ -n "$path" ]; then inputs+=(--inventory "$path"); fi
done <<<"${TWOGATE_INVENTORY:-}"

# Remembers that a step failed; the verdict fails for it.
failed() {
    echo "$1" >>"$state/failed"
}

# Adds Markdown to the summary of the run.
summarize() {
    cat >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
}
