#!/usr/bin/env bash
# Says who gains and who loses access against the base revision, in Markdown.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# A checkout of one commit has neither the base nor the place where the two parted.
if [ "$(git rev-parse --is-shallow-repository)" = true ]; then
    git fetch --quiet --no-tags --unshallow origin
fi
if ! git rev-parse --quiet --verify "$TWOGATE_BASE^{commit}" >/dev/null; then
    git fetch --quiet --no-tags origin "$TWOGATE_BASE"
fi

arguments=("$TWOGATE_BASE" --format markdown)
while IFS= read -r path; do
    if [ -n "$path" ]; then arguments+=(--intents "$path"); fi
done <<<"${TWOGATE_INTENTS:-}"
while IFS= read -r path; do
    if [ -n "$path" ]; then arguments+=(--inventory "$path"); fi
done <<<"${TWOGATE_INVENTORY:-}"
while IFS= read -r what; do
    if [ -n "$what" ]; then arguments+=(--fail-on "$what"); fi
done <<<"${TWOGATE_FAIL_ON:-}"
status=0
twogate diff "${arguments[@]}" >"$state/diff.md" || status=$?
echo "file=$state/diff.md" >>"${GITHUB_OUTPUT:-/dev/null}"
summarize <"$state/diff.md"
cat "$state/diff.md"

# Without --fail-on, 1 only says that there is a difference, which a pull request may have.
if [ "$status" -gt 1 ] || { [ "$status" -eq 1 ] && [ -n "${TWOGATE_FAIL_ON:-}" ]; }; then
    failed "comparison with $TWOGATE_BASE"
fi
