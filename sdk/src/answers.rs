//! The last answers of a provider, as far as they asked for fewer requests.

/// How many answers are looked at.
const LOOKED_AT: u32 = 64;
/// With fewer of them nothing is known yet.
const MIN_ANSWERS: u32 = 20;
/// Up to one refusal in so many is chance.
const CHANCE: u32 = 10;

/// The last answers of a provider, as far as they asked for fewer requests.
///
/// A limit that is reached refuses whatever comes. A gateway that refuses one request in hundreds, because one of its
/// machines is busy, means that request.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// A bit for each of the last ones: whether it asked for fewer requests.
    refused: u64,
    known: u32,
}

impl Answers {
    /// Notes an answer, and whether it asked for fewer requests.
    pub fn note(&mut self, refused: bool) {
        self.refused = self.refused << 1 | u64::from(refused);
        self.known = (self.known + 1).min(LOOKED_AT);
    }

    /// Whether a refusal means the one request that it answered, since hardly any other was refused lately.
    pub fn refuses_by_chance(&self) -> bool {
        self.known >= MIN_ANSWERS && self.refused.count_ones() * CHANCE <= self.known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(answers: &[(bool, u32)]) -> bool {
        let mut noted = Answers::default();
        for (refused, count) in answers {
            (0..*count).for_each(|_| noted.note(*refused));
        }
        noted.refuses_by_chance()
    }

    #[test]
    fn one_refusal_among_many_answers_is_chance() {
        assert!(after(&[(false, 100), (true, 1)]));
        assert!(after(&[(false, 100), (true, 6)]));
        assert!(!after(&[(false, 100), (true, 7)]));
        // What is long ago does not count, and of the first answers nothing is known.
        assert!(after(&[(true, 50), (false, 60), (true, 1)]));
        assert!(!after(&[(true, 1)]) && !after(&[(false, 10), (true, 1)]));
    }
}
