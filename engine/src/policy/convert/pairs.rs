//! The labels and attributes of all resources of a call.

use super::asked::Asked;
use crate::policy::candidate::Candidate;
use crate::policy::interest::Interest;

type Pair<'a> = (&'a str, &'a str);

/// The labels and attributes of all resources of a call, one after the other.
pub(super) struct Pairs<'a> {
    pairs: Vec<Pair<'a>>,
    /// For each resource, where its labels end, and where its attributes do.
    ends: Vec<(usize, usize)>,
}

impl<'a> Pairs<'a> {
    /// Those that the policy reads. `more` adds attributes of its own.
    pub(super) fn of(
        asked: &Asked<'a>,
        more: impl Fn(&Candidate<'a>, &Interest, &mut Vec<Pair<'a>>),
    ) -> Self {
        let (mut pairs, interest) = (Vec::new(), asked.interest);
        let ends = asked.batch().iter().map(|candidate| {
            interest.labels.take(&candidate.resource.labels, &mut pairs);
            let labels = pairs.len();
            interest.attrs.take(&candidate.resource.attrs, &mut pairs);
            more(candidate, interest, &mut pairs);
            (labels, pairs.len())
        });
        let ends = ends.collect();
        Self { pairs, ends }
    }

    /// The labels and the attributes of each resource, in their order.
    pub(super) fn each(&self) -> impl Iterator<Item = (&[Pair<'a>], &[Pair<'a>])> {
        let mut from = 0;
        self.ends.iter().map(move |(labels, attrs)| {
            let begin = std::mem::replace(&mut from, *attrs);
            (&self.pairs[begin..*labels], &self.pairs[*labels..*attrs])
        })
    }
}
