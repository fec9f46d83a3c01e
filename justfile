# The daily commands. Each runs without `just` too.

# Everything that must pass before a change goes in.
ci:
    .ci/run

# All tests.
test:
    cargo test --locked

# Accept what the snapshots show now; read the difference before you commit it.
bless:
    INSTA_UPDATE=always BLESS=1 cargo test --locked

# How fast.
bench:
    cargo bench

# Random input until stopped; needs cargo-fuzz. `just fuzz parse`
fuzz target *arguments:
    cargo fuzz run --sanitizer none {{ target }} {{ arguments }}
