//! `ferry config reference`: every setting, from the doc comments of its field.

use std::fmt::Write;

use serde_json::Value;

use super::Config;

/// The reference as Markdown.
pub(crate) fn reference() -> String {
    let schema = schemars::schema_for!(Config);
    let defaults = serde_json::to_value(Config::default()).expect("the defaults are plain values");
    let mut page = String::from(INTRODUCTION);
    let root = schema.as_value();
    let sections = root["properties"]
        .as_object()
        .expect("a struct has properties");
    for (name, section) in sections {
        describe_section(&mut page, name, section, root, &defaults[name]);
    }
    page
}

const INTRODUCTION: &str = "# Configuration

Printed by `ferry config reference`; a test keeps this page equal to it.

The later stands over the earlier: defaults, `ferry.toml` in this folder (or `--config FILE`), the
file `.env.test` or `.env.live` that `--env` names, the environment, flags. In the environment,
`[stytch] project_id` is `FERRY_STYTCH__PROJECT_ID` (two underscores between section and name).
`ferry config show` prints the values in force, each with its origin, secrets hidden.

Most set-ups need two lines in `.env.test` (mode 0600, never in a repository):

```sh
FERRY_STYTCH__PROJECT_ID=project-test-…
FERRY_STYTCH__SECRET=secret-test-…
```

and, where the export's columns have names of their own, a `ferry.toml`:

```toml
[export.columns]
session_id = \"sid\"
email = \"user_email\"
```

Lengths of time are texts such as `\"500ms\"`, `\"30s\"`, `\"5m\"` or `\"1h 30m\"`.
";

fn describe_section(
    page: &mut String,
    name: &str,
    section: &Value,
    root: &Value,
    defaults: &Value,
) {
    let definition = resolve(section, root);
    // A type's own comment says more than that of the field that holds it.
    let about = paragraphs(definition)
        .or_else(|| paragraphs(section))
        .unwrap_or_default();
    let _ = write!(page, "\n## `[{name}]`\n\n{about}\n\n");
    let Some(fields) = definition["properties"].as_object() else {
        return;
    };
    let mut nested = Vec::new();
    for (field, schema) in fields {
        let resolved = resolve(schema, root);
        if resolved["properties"].is_object() {
            nested.push((format!("{name}.{field}"), schema, &defaults[field]));
            continue;
        }
        let default = match &defaults[field] {
            Value::Null => "unset".to_owned(),
            Value::String(empty) if empty.is_empty() => "unset".to_owned(),
            value => format!("`{value}`"),
        };
        let about = text(schema).unwrap_or_default();
        let _ = writeln!(page, "- **`{field}`** (default: {default}): {about}");
    }
    for (name, schema, defaults) in nested {
        describe_section(page, &name, schema, root, defaults);
    }
}

/// Follows a reference to a definition.
fn resolve<'s>(schema: &'s Value, root: &'s Value) -> &'s Value {
    let reference = schema["$ref"]
        .as_str()
        .or_else(|| schema["allOf"][0]["$ref"].as_str());
    match reference.and_then(|reference| reference.rsplit('/').next()) {
        Some(name) => &root["$defs"][name],
        None => schema,
    }
}

/// A doc comment, a line a paragraph.
fn paragraphs(schema: &Value) -> Option<String> {
    let text = schema["description"].as_str()?;
    let line = |paragraph: &str| paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(
        text.split("\n\n")
            .map(line)
            .collect::<Vec<_>>()
            .join("\n\n"),
    )
}

/// A doc comment on one line.
fn text(schema: &Value) -> Option<String> {
    schema["description"]
        .as_str()
        .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
}
