//! What is to be made, in the words that every provider understands.

use tbengine_sdk::{Identity, Kind};

/// What is to be made, in the words that every provider understands: the labels and names that harnesses, compose and
/// users give are written once, for the simulated provider and for a real daemon.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The id that it gets, where the provider lets one choose it.
    pub native: Option<String>,
    /// Whether it runs.
    pub runs: bool,
    /// Its labels.
    pub labels: Vec<(&'static str, String)>,
    /// Its attributes.
    pub attrs: Vec<(&'static str, String)>,
    /// The unit that the provider derives from its labels.
    pub unit: Option<String>,
    /// What it uses.
    pub uses: Vec<Identity>,
}

/// A container that ends at once.
pub fn container(name: &str) -> Draft {
    Draft::new(Kind::CONTAINER, name)
}

/// A network.
pub fn network(name: &str) -> Draft {
    Draft::new(Kind::NETWORK, name)
}

/// A volume, which goes by its name.
pub fn volume(name: &str) -> Draft {
    Draft::new(Kind::VOLUME, name).native(name)
}

/// An image with a name.
pub fn tagged(name: &str) -> Draft {
    Draft::new(Kind::IMAGE, name).attr("tags", name)
}

/// An image without a name.
pub fn dangling(number: u32) -> Draft {
    Draft::new(Kind::IMAGE, "<none>:<none>")
        .native(format!("sha256:{number:064x}"))
        .attr("dangling", "true")
}

impl Draft {
    fn new(kind: Kind, name: &str) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            native: None,
            runs: false,
            labels: Vec::new(),
            attrs: Vec::new(),
            unit: None,
            uses: Vec::new(),
        }
    }

    /// With this id.
    #[must_use]
    pub fn native(mut self, native: impl Into<String>) -> Self {
        self.native = Some(native.into());
        self
    }

    /// Running.
    #[must_use]
    pub fn running(mut self) -> Self {
        self.runs = true;
        self
    }

    /// Running or not.
    #[must_use]
    pub fn running_if(mut self, runs: bool) -> Self {
        self.runs = runs;
        self
    }

    /// With a label.
    #[must_use]
    pub fn label(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.labels.push((key, value.into()));
        self
    }

    /// With an attribute.
    #[must_use]
    pub fn attr(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.attrs.push((key, value.into()));
        self
    }

    /// In a unit.
    #[must_use]
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    /// The value of an attribute.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        let mut attrs = self.attrs.iter();
        attrs.find_map(|(one, value)| (*one == key).then_some(value.as_str()))
    }
}
