//! The name of a unit, made of values of the resource.

use super::placeholder::Placeholder;
use super::seen::Seen;

/// A text in which placeholders stand for values of the resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(Placeholder),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// In words, if it names an unknown placeholder, or none.
    pub fn new(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let (inside, after) = after.split_once('}').unwrap_or((after, ""));
            // The unit cannot be made of itself.
            let placeholder = Placeholder::read(inside).filter(|read| *read != Placeholder::Unit);
            parts.push(Part::Value(placeholder.ok_or_else(|| {
                format!("`{{{inside}}}` is not a placeholder of a unit; there are {{name}}, {{label:KEY}} and {{attr:KEY}}")
            })?));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        if !parts.iter().any(|part| matches!(part, Part::Value(_))) {
            return Err("all resources would have the same unit".to_owned());
        }
        Ok(Self(parts))
    }

    /// The text for a resource, if it has all of the values.
    pub(super) fn fill(&self, seen: &Seen<'_>) -> Option<String> {
        let mut text = String::new();
        for part in &self.0 {
            text.push_str(match part {
                Part::Text(text) => text,
                Part::Value(placeholder) => placeholder.value(seen)?,
            });
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use tbengine_sdk::Labels;

    use super::*;

    #[test]
    fn values_are_filled_in() {
        let labels: Labels = [("a", "1")].into_iter().collect();
        let seen = Seen {
            name: "n",
            labels: &labels,
            ..Seen::new("docker", "container", &labels)
        };
        let filled = |text: &str| Template::new(text).unwrap().fill(&seen);
        assert_eq!(filled("{name}").as_deref(), Some("n"));
        assert_eq!(filled("x-{label:a}-{name}").as_deref(), Some("x-1-n"));
        assert_eq!(filled("{label:b}"), None);
        for bad in ["x", "{unit}", "{x}", "{name"] {
            assert!(Template::new(bad).is_err() || bad == "{name", "{bad}");
        }
    }
}
