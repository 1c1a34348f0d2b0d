//! The names of an image.

use tbengine_sdk::Labels;

/// The tag of an image that has none.
const NO_TAG: &str = "<none>:<none>";
/// What the digest of an image begins with that no repository knows.
const NO_REPOSITORY: &str = "<none>@";

/// The names of an image: `repository:tag` for each tag, and `repository@digest` for each registry that it was pulled
/// from or pushed to. One that was pulled by its digest has no tag, and is not dangling for that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    tags: Vec<String>,
    digests: Vec<String>,
}

impl Names {
    pub(crate) fn new(tags: &[String], mut digests: Vec<String>) -> Self {
        digests.retain(|digest| !digest.starts_with(NO_REPOSITORY));
        Self {
            tags: tags_of(tags).map(str::to_owned).collect(),
            digests,
        }
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().chain(&self.digests).map(String::as_str)
    }

    /// What people call it.
    pub(crate) fn shown(&self) -> Option<&str> {
        self.all().next()
    }

    /// Those that must be taken away before the daemon deletes the image by its id without force. It does that where
    /// there is one tag at most, and no digest of another repository.
    pub(crate) fn beside_one_repository(&self) -> Vec<&str> {
        let Some(last) = self.tags.last().or(self.digests.last()) else {
            return Vec::new();
        };
        let repository = repository_of(last);
        let tags = self.tags.iter().filter(|tag| *tag != last);
        let digests = self.digests.iter();
        let foreign = digests.filter(|digest| repository_of(digest) != repository);
        tags.chain(foreign).map(String::as_str).collect()
    }

    /// The facts of an image that follow from its names.
    pub(crate) fn attrs(&self) -> Labels {
        match (self.tags.is_empty(), self.digests.is_empty()) {
            (true, true) => Labels::from_iter([("dangling", "true")]),
            (true, false) => Labels::default(),
            (false, _) => Labels::from_iter([("tags", self.tags.join(","))]),
        }
    }

    pub(crate) fn into_sorted(self) -> Vec<String> {
        let mut names: Vec<String> = self.tags.into_iter().chain(self.digests).collect();
        names.sort_unstable();
        names
    }
}

/// The tags that are any.
pub(crate) fn tags_of(tags: &[String]) -> impl Iterator<Item = &str> {
    tags.iter().map(String::as_str).filter(|tag| *tag != NO_TAG)
}

/// The repository of a name: what comes before the digest or the tag. A colon before a slash is that of a port.
fn repository_of(name: &str) -> &str {
    if let Some((repository, _)) = name.split_once('@') {
        return repository;
    }
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(tags: &[&str], digests: &[&str]) -> Names {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let tags: Vec<String> = owned(tags);
        Names::new(&tags, owned(digests))
    }

    #[test]
    fn what_no_repository_knows_is_not_a_name() {
        let none = names(&["<none>:<none>"], &["<none>@sha256:1"]);
        assert_eq!(none, Names::default());
        assert_eq!(none.attrs().get("dangling"), Some("true"));
    }

    #[test]
    fn an_image_that_was_pulled_by_its_digest_is_not_dangling() {
        let pulled = names(&[], &["alpine@sha256:1"]);
        assert_eq!(pulled.shown(), Some("alpine@sha256:1"));
        assert_eq!(pulled.attrs(), Labels::default());
    }

    #[test]
    fn names_of_one_repository_need_not_be_taken_away_first() {
        for one in [
            names(&[], &[]),
            names(&["alpine:1"], &[]),
            names(&["alpine:1"], &["alpine@sha256:1"]),
            names(&[], &["alpine@sha256:1", "alpine@sha256:2"]),
            names(&["host:5000/alpine:1"], &["host:5000/alpine@sha256:1"]),
        ] {
            assert_eq!(one.beside_one_repository(), Vec::<&str>::new(), "{one:?}");
        }
    }

    #[test]
    fn all_other_names_go_first() {
        let two = names(&["alpine:1", "alpine:2"], &["alpine@sha256:1"]);
        assert_eq!(two.beside_one_repository(), ["alpine:1"]);
        let several = names(&["a:1", "b:1"], &["a@sha256:1", "b@sha256:1"]);
        assert_eq!(several.beside_one_repository(), ["a:1", "a@sha256:1"]);
        let ports = names(&["host:5000/a:1", "host:6000/a:1"], &[]);
        assert_eq!(ports.beside_one_repository(), ["host:5000/a:1"]);
    }
}
