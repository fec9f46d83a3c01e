#!/usr/bin/env bash
# Makes an archive of a release: a static binary with its links, completions, manual pages, and a checksum beside it.
#
#   packaging/release.sh [TARGET] [FOLDER]
#
# TARGET is x86_64-unknown-linux-musl unless given: `rustup target add` it first; its C compiler is musl-gcc, of Debian's musl-tools. FOLDER is
# dist. With TWOGATE_BINARY=PATH that binary is taken and nothing is built. The same sources give the same archive: names are sorted, times are those of the commit, owners are nobody.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target="${1:-x86_64-unknown-linux-musl}"
folder="${2:-dist}"
version="$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)"
name="twogate-$version-$target"
epoch="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
root="$work/$name"
mkdir -p "$root/completions" "$root/man/man1" "$folder"

if [ -n "${TWOGATE_BINARY:-}" ]; then
    binary="$TWOGATE_BINARY"
else
    # Paths of this machine have no place in a binary that others run.
    RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$PWD=. --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo" \
        cargo build --release --locked --target "$target"
    binary="${CARGO_TARGET_DIR:-target}/$target/release/twogate"
fi
install -m 755 "$binary" "$root/twogate"
if [ -z "${TWOGATE_BINARY:-}" ]; then
    if [ "${target##*-}" = musl ] && ldd "$root/twogate" 2>&1 | grep -q '=>'; then
        echo "error: the binary is not static" >&2
        exit 1
    fi
fi
if command -v strip >/dev/null; then
    strip "$root/twogate" || echo "note: this machine's strip does not know $target" >&2
fi

# A binary for another machine cannot run here; then one for this machine writes the pages.
writer="$root/twogate"
if ! "$writer" --version >/dev/null 2>&1; then
    cargo build --locked
    writer="${CARGO_TARGET_DIR:-target}/debug/twogate"
fi
"$writer" completions bash >"$root/completions/twogate.bash"
"$writer" completions elvish >"$root/completions/twogate.elv"
"$writer" completions fish >"$root/completions/twogate.fish"
"$writer" completions powershell >"$root/completions/_twogate.ps1"
"$writer" completions zsh >"$root/completions/_twogate"
"$writer" man -o "$root/man/man1"
ln -s twogate "$root/kubectl-twogate"
ln -s twogate "$root/twogate-krm"
install -m 644 LICENSE README.md CHANGELOG.md "$root/"

archive="$folder/$name.tar.gz"
tar --create --directory "$work" --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --mode=u+rw,go+r,go-w "$name" | gzip --no-name --best >"$archive"
(cd "$folder" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
echo "$archive"
