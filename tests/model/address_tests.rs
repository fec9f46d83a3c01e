//! Blocks: membership at the edges, and the spellings that strict mode refuses.

use super::address::Block;

fn contains(block: &str, address: &str) -> bool {
    Block::parse(block).unwrap().contains(address.parse().unwrap())
}

#[test]
fn a_block_ends_where_its_prefix_ends() {
    assert!(contains("10.1.0.0/16", "10.1.0.0"));
    assert!(contains("10.1.0.0/16", "10.1.255.255"));
    assert!(!contains("10.1.0.0/16", "10.2.0.0"));
    assert!(!contains("10.1.0.0/16", "10.0.255.255"));
    assert!(contains("0.0.0.0/0", "255.255.255.255"));
    assert!(contains("::/0", "2001:db8::1"));
    assert!(contains("2001:db8::1/128", "2001:db8::1"));
    assert!(!contains("2001:db8::1/128", "2001:db8::2"));
    assert!(contains("192.0.2.1/32", "192.0.2.1"));
}

#[test]
fn families_never_cross() {
    assert!(!contains("0.0.0.0/0", "::1"));
    assert!(!contains("::/0", "0.0.0.1"));
}

#[test]
fn strict_mode_refuses_what_plugins_read_differently() {
    for text in
        ["10.1.2.3/16", "010.0.0.0/8", "10.0.0.0/08", "::ffff:10.0.0.0/104", "10.0.0.0/33", "10.0.0.0", "10.0.0.0/", "x/8", "10.0.0.0/+8"]
    {
        assert!(Block::parse(text).is_err(), "{text}");
    }
    assert!(Block::parse_or_address("10.0.0.1").is_ok());
}

#[test]
fn an_exception_is_strictly_inside() {
    let outer = Block::parse("10.0.0.0/8").unwrap();
    assert!(Block::parse("10.1.0.0/16").unwrap().strictly_inside(outer));
    assert!(!outer.strictly_inside(outer));
    assert!(!Block::parse("11.0.0.0/16").unwrap().strictly_inside(outer));
    assert!(!Block::parse("0.0.0.0/0").unwrap().strictly_inside(outer));
}

#[test]
fn canonical_is_lower_case_and_compressed() {
    assert_eq!(Block::parse("2001:DB8:0::/48").unwrap().canonical(), "2001:db8::/48");
}
