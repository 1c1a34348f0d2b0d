//! What rules look at.

use tbengine_sdk::Labels;

/// What rules look at in one resource.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    /// The kind of its backend, like `docker`.
    pub provider: &'a str,
    /// Its kind.
    pub kind: &'a str,
    /// The class of its kind.
    pub class: &'a str,
    /// Its name.
    pub name: &'a str,
    /// All of its names, if it may have several.
    pub names: Vec<&'a str>,
    /// Its labels.
    pub labels: &'a Labels,
    /// Its attributes.
    pub attrs: &'a Labels,
    /// The unit that the backend gave it.
    pub unit: Option<&'a str>,
}

impl<'a> Seen<'a> {
    /// A resource of a kind of which nothing else is known: its labels and attributes are these, which are
    /// to be none.
    pub fn new(provider: &'a str, kind: &'a str, none: &'a Labels) -> Self {
        Self {
            provider,
            kind,
            class: "other",
            name: "",
            names: Vec::new(),
            labels: none,
            attrs: none,
            unit: None,
        }
    }
}

/// The resources of one account, of one kind of backend.
pub trait Account {
    /// What identifies the account.
    fn id(&self) -> &str;

    /// How many resources there are.
    fn count(&self) -> usize;

    /// The resource at an index.
    fn seen(&self, index: usize) -> Seen<'_>;

    /// The names of the resources of a kind that the one at an index uses.
    fn used(&self, index: usize, kind: &str) -> Vec<&str>;

    /// The names of all resources of a kind that any may use; `None` if they are not known.
    fn names_of(&self, _kind: &str) -> Option<Vec<&str>> {
        None
    }

    /// The indices of the resources that use the one at an index.
    fn users(&self, index: usize) -> Vec<usize>;
}

/// What is around one resource, as far as facts are about it.
pub(super) trait Around {
    /// The names of the resources of a kind that it uses.
    fn used(&self, kind: &str) -> Vec<&str>;

    /// Whether another member of its unit is proven to be of an owner.
    fn unit_is_of(&self, owner: &str) -> bool;

    /// Whether it has users, and all are proven to be of an owner.
    fn users_are_of(&self, owner: &str) -> bool;

    /// Whether something in its account is proven to be of an owner.
    fn account_has(&self, owner: &str) -> bool;
}
