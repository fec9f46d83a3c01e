//! The plugin for Argo CD: its command, run as the repository server does.

use super::{Place, documents, names, yaml};

#[test]
fn the_plugin_generates_what_compile_writes_or_fails() {
    let plugin = yaml("packaging/argo-cd/plugin.yaml");
    assert_eq!((plugin["kind"].as_str(), plugin["metadata"]["name"].as_str()), (Some("ConfigManagementPlugin"), Some("twogate")));
    let command: Vec<&str> =
        plugin["spec"]["generate"]["command"].as_sequence().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    let [shell, option, script] = command.as_slice() else { panic!("{command:?}") };
    assert_eq!((*shell, *option), ("sh", "-c"));
    let mut place = Place::with(&super::SHOP);
    place.put("generate.sh", script);
    let ran = place.run("sh generate.sh");
    assert_eq!(ran.status, 0, "{}", ran.all());
    let objects = documents(&ran.stdout);
    assert!(names(&objects).contains(&"NetworkPolicy shop/db".to_owned()), "{}", ran.stdout);

    place.put("inventory/web.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop, labels: {app: db}}\nspec: {serviceAccountName: db, containers: [{name: a}]}\n");
    place.set("ARGOCD_ENV_TWOGATE_INVENTORY", "inventory");
    let with = place.run("sh generate.sh");
    assert!(with.status == 0 && with.stderr.contains("the inventory has Pod `web`"), "{}", with.all());

    place.put("intents/shop.intent", "namespace shop\nallow web\n");
    let wrong = place.run("sh generate.sh");
    assert_eq!((wrong.status, wrong.stdout.as_str()), (1, ""), "{}", wrong.all());
}

/// The sidecar mounts the plugin where the repository server looks for it, and every volume that it adds is there.
#[test]
fn the_sidecar_runs_the_plugin() {
    let patch = yaml("packaging/argo-cd/repo-server-patch.yaml");
    let pod = &patch["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(container["command"][0].as_str(), Some("/var/run/argocd/argocd-cmp-server"));
    let mounts: Vec<(&str, &str)> = container["volumeMounts"]
        .as_sequence()
        .unwrap()
        .iter()
        .map(|mount| (mount["name"].as_str().unwrap(), mount["mountPath"].as_str().unwrap()))
        .collect();
    assert!(mounts.contains(&("twogate-plugin", "/home/argocd/cmp-server/config/plugin.yaml")));
    let added: Vec<&str> = pod["volumes"].as_sequence().unwrap().iter().map(|volume| volume["name"].as_str().unwrap()).collect();
    // The repository server's own volumes, as its manifests name them.
    for (name, _) in mounts {
        assert!(added.contains(&name) || ["var-files", "plugins"].contains(&name), "{name}");
    }
}
