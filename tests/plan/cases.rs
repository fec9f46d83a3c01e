//! Changes with a trap in them.
