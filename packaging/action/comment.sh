#!/usr/bin/env bash
# Keeps one comment of the pull request: the comparison as it is now. It is found again by its first line.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

marker='<!-- twogate -->'
# A comment holds 65,536 characters.
longest=65000
body="$state/comment.md"

if [ ! -s "$state/diff.md" ]; then
    echo "there is no comparison to comment"
    exit 0
fi
if [ "$(head -n 1 "$state/diff.md")" != "$marker" ]; then
    echo "$marker" >"$body"
else
    : >"$body"
fi
cat "$state/diff.md" >>"$body"
if [ "$(wc -c <"$body")" -gt "$longest" ]; then
    # Whole lines only, so that no letter and no table row is cut.
    awk -v longest="$longest" '{ size += length($0) + 1; if (size > longest - 200) exit; print }' "$body" >"$body.cut"
    printf '\n*The rest does not fit into a comment; it stands in the summary of the run.*\n' >>"$body.cut"
    mv "$body.cut" "$body"
fi

comments="repos/$GITHUB_REPOSITORY/issues/$TWOGATE_PULL_REQUEST/comments"
# A pull request from a fork has a token that may not write; that is no fault of the change.
if ! known="$(gh api --paginate "$comments" --jq ".[] | select(.body | startswith(\"$marker\")) | .id")"; then
    echo "::warning title=Twogate::the comments of the pull request cannot be read"
    exit 0
fi
known="$(head -n 1 <<<"$known")"
if [ -n "$known" ]; then
    gh api --silent --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$known" --field body=@"$body" && exit 0
else
    gh api --silent --method POST "$comments" --field body=@"$body" && exit 0
fi
echo "::warning title=Twogate::the pull request cannot be commented (a fork's token may not write)"
