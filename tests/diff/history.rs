//! Twenty commits on the intents of Online Boutique, each with the difference that a reviewer would want.
//!
//! `snapshots/diff/history-NN.snap` holds the edit and what is said of it.

use std::fmt::Write as _;

use super::repository::{Repository, snapshot};
use crate::pages;

const INTENTS: &str = "intents/boutique.intent";

/// One commit: what its author says of it, and what it does.
type Step = (&'static str, fn(&Repository));

const STEPS: [Step; 20] = [
    ("The line about carts stands with the checkout", |shop| {
        let line = "allow app=cartservice -> app=redis-cart:6379 mtls because \"carts are kept in Redis\"\n";
        shop.edit(INTENTS, line, "");
        shop.edit(INTENTS, "# Checkout is the only one", &format!("{line}\n# Checkout is the only one"));
    }),
    ("The frontend's lines have a file of their own", |shop| {
        let text = shop.text(INTENTS);
        let start = text.find("# The frontend puts pages together.").unwrap();
        let end = text.find("allow app=cartservice -> app=redis-cart").unwrap();
        shop.put("intents/frontend.intent", &format!("namespace online-boutique\n\n{}", &text[start..end]));
        shop.put(INTENTS, &format!("{}{}", &text[..start], &text[end..]));
    }),
    ("Ads by category", |shop| {
        shop.edit("intents/frontend.intent", "hipstershop.AdService/GetAds", "hipstershop.AdService/GetAds|GetAdsByCategory");
    }),
    ("A wishlist", |shop| {
        let text = shop.text("inventory.yaml").replace("adservice", "wishlist").replace("9555", "9090");
        let document = text.split("---\n").find(|document| document.contains("name: wishlist") && document.contains("Deployment")).unwrap();
        shop.put("inventory.yaml", &format!("{}---\n{document}", shop.text("inventory.yaml")));
        let line = "allow app=frontend -> app=wishlist:9090 mtls because \"SHOP-7: wishlists\"\n";
        shop.put("intents/frontend.intent", &(shop.text("intents/frontend.intent") + line));
    }),
    ("Prometheus scrapes the shop", |shop| {
        shop.put("intents/metrics.intent", "namespace online-boutique\n\nallow app=prometheus@monitoring -> *:9102\n");
    }),
    ("Redis without mTLS for the migration", |shop| {
        shop.edit(
            INTENTS,
            "redis-cart:6379 mtls because \"carts are kept in Redis\"",
            "redis-cart:6379 until 2027-03-31 because \"OPS-12: new Redis\"",
        );
    }),
    ("mTLS is back", |shop| {
        shop.edit(
            INTENTS,
            "redis-cart:6379 until 2027-03-31 because \"OPS-12: new Redis\"",
            "redis-cart:6379 mtls because \"carts are kept in Redis\"",
        );
    }),
    ("A group for those who call the catalogue", |shop| {
        let line = "allow app=checkoutservice -> app=productcatalogservice:3550\n  mtls\n";
        shop.edit(INTENTS, line, "group buyers = app=checkoutservice\nallow buyers -> app=productcatalogservice:3550\n  mtls\n");
    }),
    ("The group takes in the email service", |shop| {
        shop.edit(INTENTS, "group buyers = app=checkoutservice", "group buyers = app=checkoutservice or app=emailservice");
    }),
    ("The office has a door of its own", |shop| {
        let line = "network office = 203.0.113.0/24\nallow office -> app=frontend:8443 because \"SHOP-9: back office\"\n";
        shop.put("intents/office.intent", &format!("namespace online-boutique\n\n{line}"));
    }),
    ("Everybody may use the office's door", |shop| {
        shop.edit("intents/office.intent", "allow office", "allow office or internet");
    }),
    ("No, only the office", |shop| {
        shop.edit("intents/office.intent", "allow office or internet", "allow office");
    }),
    ("The load generator only reads", |shop| {
        shop.put(INTENTS, &(shop.text(INTENTS) + "deny app=loadgenerator -> app=frontend:8080 http POST\n"));
    }),
    ("Payments leave the cluster", |shop| {
        shop.put("intents/payments.intent", "namespace online-boutique\n\nnetwork acquirer = 198.51.100.0/24\nallow out app=paymentservice -> acquirer:443 because \"card payments\"\n");
    }),
    ("Checkout may call everything on 50051", |shop| {
        shop.put(INTENTS, &(shop.text(INTENTS) + "allow app=checkoutservice -> *:50051 mtls\n"));
    }),
    ("Nobody but the frontend asks for ads", |shop| {
        shop.edit(INTENTS, "allow app=checkoutservice -> *:50051 mtls\n", "");
        shop.put(
            INTENTS,
            &(shop.text(INTENTS)
                + "expect only app=frontend -> app=adservice:9555 mtls grpc hipstershop.AdService/GetAds|GetAdsByCategory\n"),
        );
    }),
    ("Monitoring is managed too", |shop| {
        let text = "namespace monitoring\n\nallow app=grafana -> app=prometheus:9090\nexpect deny internet -> *\n";
        shop.put("intents/monitoring.intent", text);
    }),
    ("The email service leaves the mesh", |shop| {
        shop.put(INTENTS, &(shop.text(INTENTS) + "workload mailer = app=emailservice unmeshed\n"));
    }),
    ("It comes back, and carts run as the default account", |shop| {
        shop.edit(INTENTS, "workload mailer = app=emailservice unmeshed\n", "");
        shop.edit("inventory.yaml", "serviceAccountName: cartservice", "serviceAccountName: default");
    }),
    ("No more ads", |shop| {
        let text = shop.text("intents/frontend.intent");
        let kept = without(&text, "adservice");
        shop.put("intents/frontend.intent", &kept);
        let text = shop.text(INTENTS);
        let kept = without(&text, "adservice");
        shop.put(INTENTS, &kept);
    }),
];

/// A text without the lines that hold a word.
fn without(text: &str, word: &str) -> String {
    text.lines().filter(|line| !line.contains(word)).fold(String::new(), |kept, line| kept + line + "\n")
}

/// The edit as git shows it, without what hangs on git's version.
fn edit(shop: &Repository) -> String {
    let shown = shop.git(&["diff", "--unified=0", "--no-color", "--no-renames", "HEAD~1", "HEAD"]);
    let wanted =
        |line: &&str| !line.starts_with("index ") && !line.starts_with("diff ") && !line.starts_with("@@") && !line.starts_with("--- ");
    let lines: Vec<&str> = shown.lines().filter(wanted).collect();
    match lines.split_at_checked(24) {
        Some((first, rest)) if !rest.is_empty() => format!("{}\n… {} more lines", first.join("\n"), rest.len()),
        _ => lines.join("\n"),
    }
}

#[test]
fn twenty_commits_on_online_boutique() {
    let mut shop = Repository::new();
    let example = pages::root().join("examples/online-boutique");
    let read = |name: &str| std::fs::read_to_string(example.join(name)).unwrap();
    shop.put(INTENTS, &read("boutique.intent"));
    shop.put("inventory.yaml", &read("inventory.yaml"));
    shop.put("twogate.toml", &read("twogate.toml"));
    shop.commit("Online Boutique");
    for (number, (message, step)) in (1..).zip(STEPS) {
        step(&shop);
        shop.commit(message);
        let ran = shop.twogate("diff HEAD~1 HEAD --inventory inventory.yaml --today 2027-01-01");
        let mut text = format!("{message}\n\n{}\n\n$ twogate diff HEAD~1 HEAD --inventory inventory.yaml\n{}", edit(&shop), ran.stdout);
        if !ran.stderr.is_empty() {
            write!(text, "--- stderr\n{}", ran.stderr).unwrap();
        }
        writeln!(text, "--- exit status {}", ran.status).unwrap();
        snapshot(&format!("history-{number:02}"), &text);
    }
}
