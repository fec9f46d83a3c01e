//! The order of a change: no moment of it opens what neither side allows or drops what both allow.

mod cases;
mod command;
mod examples;
mod formats;
mod joining;
mod labels;
mod meshed;
mod properties;
mod walked;
