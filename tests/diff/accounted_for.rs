//! That nothing of a difference is passed over.

use super::repository::Repository;

const NETWORKS: &str = "[cluster]\npod-cidrs = [\"10.244.0.0/16\"]\nservice-cidrs = [\"10.96.0.0/12\"]\n[ingress]\nsource = \"client\"\n";

/// A repository whose intents are partly behind links, in two commits; the second opens `pay` through one.
#[cfg(unix)]
fn linked(links: &[(&str, &str)]) -> Repository {
    let mut shop = Repository::new();
    shop.put("twogate.toml", NETWORKS);
    shop.put("intents/shop.intent", "namespace shop\nallow app=web -> app=db:80\n");
    shop.put("shared/pay/pay.intent", "namespace pay\nallow app=a -> app=b:80\n");
    for (link, target) in links {
        let link = shop.path().join(link);
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, link).unwrap();
    }
    shop.commit("one");
    shop.put("shared/pay/pay.intent", "namespace pay\nallow app=a -> app=b:80\nallow internet -> app=b:80\n");
    shop.commit("two");
    shop
}

#[cfg(unix)]
#[test]
fn links_in_a_revision_are_followed() {
    for links in [
        &[("intents/pay.intent", "../shared/pay/pay.intent")][..],
        &[("intents/pay", "../shared/pay")],
        &[("intents/pay", "../shared/pay"), ("shared/pay/back", "../../intents")],
        &[("intents/pay.intent", "../other/pay.intent"), ("other", "shared/pay")],
        &[("intents/pay.intent", "one.intent"), ("intents/one.intent", "../shared/pay/pay.intent")],
    ] {
        let shop = linked(links);
        let ran = shop.twogate("diff HEAD~1 HEAD --fail-on internet");
        assert_eq!(ran.status, 1, "{links:?}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains("internet -> app=b@pay:80  now allowed"), "{}", ran.stdout);
        // The working tree is what was committed.
        let same = shop.twogate("diff HEAD");
        assert!(same.status == 0 && same.stdout.ends_with("no difference\n"), "{links:?}: {}{}", same.stdout, same.stderr);
    }
}

/// The folder itself may be a link, or stand behind one, and so may the configuration.
#[cfg(unix)]
#[test]
fn a_folder_of_intents_behind_a_link_is_found() {
    let shop = linked(&[("deep/intents", "../shared"), ("deep/more", "../shared"), ("deep/twogate.toml", "../twogate.toml")]);
    for arguments in [
        "diff HEAD~1 HEAD --intents deep/intents",
        "diff HEAD~1 HEAD --intents deep/more/pay",
        "diff HEAD~1 HEAD --intents deep/more/pay/pay.intent",
    ] {
        let ran = shop.twogate(arguments);
        assert!(ran.status == 1 && ran.stdout.contains("opened to the internet"), "{arguments}: {}{}", ran.stdout, ran.stderr);
    }
    let same = shop.twogate("diff HEAD --intents deep/intents");
    assert!(same.status == 0 && same.stdout.ends_with("no difference\n"), "{}{}", same.stdout, same.stderr);
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_named() {
    for (link, target) in [
        ("intents/pay.intent", "/etc/hostname"),
        ("intents/pay.intent", "../../outside.intent"),
        ("intents/pay.intent", "../shared/gone.intent"),
        ("intents/pay.intent", "pay.intent"),
        ("intents/pay", "/etc"),
    ] {
        let ran = linked(&[(link, target)]).twogate("diff HEAD~1 HEAD");
        assert!(ran.status == 2 && ran.stderr.contains(&format!("`{link}`")), "{link} -> {target}: {}{}", ran.stdout, ran.stderr);
    }
    // What would not be read if it were a file is no matter.
    for (link, target) in
        [("intents/readme.md", "/etc/hostname"), ("intents/.hidden", "/etc"), ("docs", "/etc"), ("intents/gone", "nowhere")]
    {
        let ran = linked(&[(link, target)]).twogate("diff HEAD~1 HEAD");
        assert_eq!(ran.status, 0, "{link}: {}{}", ran.stdout, ran.stderr);
    }
    let toml = linked(&[("deep/intents", "../intents"), ("deep/twogate.toml", "/etc/hostname")]);
    let ran = toml.twogate("diff HEAD~1 HEAD --intents deep/intents");
    assert!(ran.status == 2 && ran.stderr.contains("twogate.toml"), "{}{}", ran.stdout, ran.stderr);
}
