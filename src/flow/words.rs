//! Sets of pods in the language's own words, for findings and explanations.
//!
//! Owns: `Display` of labels and pods. What it prints reads as an endpoint; it need not be one that a user would write.

use std::fmt;

use super::{LabelCube, NAMESPACE_NAME, PodCube, Symbol, Values};

/// `app=web|api,tier!=*`; `*` if everything matches.
impl fmt::Display for LabelCube {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return formatter.write_str("*");
        }
        for (index, (key, values)) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(formatter, "{comma}{}", test(key, values))?;
        }
        Ok(())
    }
}

/// `app=web@shop`, with `as web-sa` before it where the account is part of the set.
impl fmt::Display for PodCube {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.account.finite(), self.labels.is_all()) {
            (Some(accounts), true) => write!(formatter, "as {}@{}", join(accounts), namespaces(&self.namespace)),
            (Some(accounts), false) => write!(formatter, "{}@{} as {}", self.labels, namespaces(&self.namespace), join(accounts)),
            (None, _) => write!(formatter, "{}@{}", self.labels, namespaces(&self.namespace)),
        }
    }
}

/// What stands behind `@`.
fn namespaces(cube: &LabelCube) -> String {
    let names = cube.get(NAMESPACE_NAME);
    if cube.is_all() {
        return "*".to_owned();
    }
    if cube.iter().len() == 1 && !names.is_any() {
        return match names.finite() {
            Some(list) => join(list),
            None => format!("!{}", join(names.words())),
        };
    }
    format!("[{cube}]")
}

/// One label test.
fn test(key: &Symbol, values: &Values) -> String {
    let words = join(values.words());
    match (values.is_cofinite(), values.allows_absent(), values.words().is_empty()) {
        (false, false, _) => format!("{key}={words}"),
        (false, true, true) => format!("{key}!=*"),
        (false, true, false) => format!("{key}={words} or absent"),
        (true, false, true) => format!("{key}=*"),
        (true, false, false) => format!("{key}=*,{key}!={words}"),
        (true, true, _) => format!("{key}!={words}"),
    }
}

fn join(words: &[Symbol]) -> String {
    words.iter().map(|word| if word.is_empty() { "\"\"" } else { word }).collect::<Vec<_>>().join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_read_as_endpoints() {
        let cube = LabelCube::of("app".into(), Values::of(["web".into(), "api".into()])).with("tier".into(), Values::absent());
        let pods = PodCube { labels: cube, ..PodCube::in_namespace("shop") };
        assert_eq!(pods.to_string(), "app=api|web,tier!=*@shop");
        let account = PodCube { account: Values::one("web-sa".into()), ..PodCube::in_namespace("shop") };
        assert_eq!(account.to_string(), "as web-sa@shop");
        assert_eq!(PodCube::all().to_string(), "*@*");
    }
}
