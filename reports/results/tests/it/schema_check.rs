//! Checks a value against `docs/result.schema.json`, with the keywords that the schema uses.
//!
//! Stricter than the schema: an object may only have the properties that are named, so that a new field of the record fails here
//! until the schema has it. A keyword that is unknown here is an error of the schema.

use aelab_results::schema::RESULT_SCHEMA;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

pub(crate) struct Schema {
    root: Value,
    /// Places in the schema that some value had: `Group.name`.
    pub(crate) seen: BTreeSet<String>,
}

impl Schema {
    pub(crate) fn load() -> Self {
        let root = serde_json::from_str(RESULT_SCHEMA).expect("the schema is JSON");
        Self { root, seen: BTreeSet::new() }
    }

    /// What is wrong with a record, one line each.
    pub(crate) fn violations(&mut self, record: &Value) -> Vec<String> {
        let mut found = Vec::new();
        let root = self.root.clone();
        self.check(&root, record, "RunRecord", "", &mut found);
        found
    }

    /// Every property that the schema names, as in `seen`.
    pub(crate) fn properties(&self) -> BTreeSet<String> {
        let of = |name: &str, schema: &Value| -> Vec<String> {
            let named = schema.get("properties").and_then(Value::as_object);
            named.into_iter().flat_map(Map::keys).map(|key| format!("{name}.{key}")).collect()
        };
        let defs = self.root["$defs"].as_object().expect("definitions");
        let below = defs.iter().flat_map(|(name, schema)| of(name, schema));
        of("RunRecord", &self.root).into_iter().chain(below).collect()
    }

    fn check(
        &mut self,
        schema: &Value,
        value: &Value,
        name: &str,
        at: &str,
        found: &mut Vec<String>,
    ) {
        let schema = schema.as_object().expect("a schema is an object");
        for (keyword, wanted) in schema {
            let holds = match keyword.as_str() {
                "$schema" | "$defs" | "title" | "description" => true,
                "$ref" => {
                    let name = wanted.as_str().expect("a reference");
                    let name = name.strip_prefix("#/$defs/").expect("a local reference").to_owned();
                    let target = self.root["$defs"][&name].clone();
                    assert!(target.is_object(), "the schema does not define {name}");
                    self.check(&target, value, &name, at, found);
                    true
                }
                "type" => has_type(wanted, value),
                "const" => value == wanted,
                "enum" => wanted.as_array().expect("an array").contains(value),
                "minimum" => value.as_f64().is_none_or(|number| Some(number) >= wanted.as_f64()),
                "anyOf" => self.any_of(wanted, value, name, at),
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(wanted, item, name, &format!("{at}[{index}]"), found);
                    }
                    true
                }
                "properties" => {
                    self.properties_of(schema, value, name, at, found);
                    true
                }
                // `properties` looks at these, except in a map.
                "required" => true,
                "additionalProperties" if schema.contains_key("properties") => true,
                "additionalProperties" => {
                    for (key, one) in value.as_object().into_iter().flatten() {
                        self.check(wanted, one, name, &format!("{at}.{key}"), found);
                    }
                    true
                }
                other => panic!("the schema has a keyword that is not checked: {other}"),
            };
            if !holds {
                found.push(format!("{at}: {keyword} {wanted} does not hold for {value}"));
            }
        }
    }

    fn properties_of(
        &mut self,
        schema: &Map<String, Value>,
        value: &Value,
        name: &str,
        at: &str,
        found: &mut Vec<String>,
    ) {
        let Some(object) = value.as_object() else { return };
        let properties = schema["properties"].as_object().expect("an object");
        for required in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            let key = required.as_str().expect("a name");
            if !object.contains_key(key) {
                found.push(format!("{at}: {key} is missing"));
            }
        }
        for (key, one) in object {
            let place = format!("{at}.{key}");
            match properties.get(key) {
                Some(below) => {
                    self.seen.insert(format!("{name}.{key}"));
                    self.check(below, one, name, &place, found);
                }
                None if schema.contains_key("additionalProperties") => {}
                None => found.push(format!("{place}: the schema does not name it")),
            }
        }
    }

    fn any_of(&mut self, alternatives: &Value, value: &Value, name: &str, at: &str) -> bool {
        alternatives.as_array().expect("an array").iter().any(|one| {
            let before = self.seen.clone();
            let mut found = Vec::new();
            self.check(one, value, name, at, &mut found);
            if !found.is_empty() {
                self.seen = before;
            }
            found.is_empty()
        })
    }
}

fn has_type(wanted: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        other => panic!("the schema has an unknown type: {other}"),
    };
    match wanted {
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        one => one.as_str().is_some_and(is),
    }
}
