//! What a listing asks for, and what is refused.

use serde_json::Value;
use tbengine_sdk::Timestamp;

use crate::error::ApiError;
use crate::list::cursor::Cursor;
use crate::list::params::{Params, one_of};
use crate::sandbox::Sandbox;
use crate::state::State;

/// A checked listing.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) filter: Filter,
    pub(crate) sort: Sort,
    pub(crate) descending: bool,
    pub(crate) limit: usize,
    pub(crate) cursor: Option<Cursor>,
}

/// The keys that a listing can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Name,
    Cpu,
    Memory,
    Disk,
    LastActivityAt,
    CreatedAt,
    Id,
    State,
    Snapshot,
    Region,
    UpdatedAt,
}

/// Which sandboxes a listing is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    id: String,
    name: String,
    labels: Vec<(String, Value)>,
    states: Vec<State>,
    snapshots: Vec<String>,
    regions: Vec<String>,
    sizes: [(Option<f64>, Option<f64>); 3],
    created: (Option<Timestamp>, Option<Timestamp>),
    active: (Option<Timestamp>, Option<Timestamp>),
    public: Option<bool>,
    recoverable: Option<bool>,
    errored_deleted: bool,
}

const SORTS: [(&str, Sort); 6] = [
    ("name", Sort::Name),
    ("cpu", Sort::Cpu),
    ("memoryGib", Sort::Memory),
    ("diskGib", Sort::Disk),
    ("lastActivityAt", Sort::LastActivityAt),
    ("createdAt", Sort::CreatedAt),
];

const PAGINATED_SORTS: [(&str, Sort); 8] = [
    ("id", Sort::Id),
    ("name", Sort::Name),
    ("state", Sort::State),
    ("snapshot", Sort::Snapshot),
    ("region", Sort::Region),
    ("updatedAt", Sort::UpdatedAt),
    ("createdAt", Sort::CreatedAt),
    ("lastActivityAt", Sort::LastActivityAt),
];

impl Query {
    /// The parameters of `GET /sandbox`.
    pub(crate) fn parse(params: &Params) -> Result<Self, ApiError> {
        let query = Self::checked(params, &SORTS, Sort::LastActivityAt, "regionIds")?;
        let cursor = params.first("cursor").filter(|text| !text.is_empty());
        Ok(Self {
            cursor: cursor.map(Cursor::decode).transpose()?,
            ..query
        })
    }

    /// The parameters of the deprecated `GET /sandbox/paginated`.
    pub(crate) fn parse_paginated(params: &Params) -> Result<Self, ApiError> {
        Self::checked(params, &PAGINATED_SORTS, Sort::CreatedAt, "regions")
    }

    fn checked(
        params: &Params,
        sorts: &[(&str, Sort)],
        default: Sort,
        regions: &str,
    ) -> Result<Self, ApiError> {
        let mut problems = Vec::new();
        let limit = params.limit(&mut problems);
        let names: Vec<&str> = sorts.iter().map(|(name, _)| *name).collect();
        let sort = one_of(params, "sort", &names, &mut problems)
            .and_then(|name| sorts.iter().find(|(known, _)| *known == name))
            .map_or(default, |(_, sort)| *sort);
        let order = one_of(params, "order", &["asc", "desc"], &mut problems);
        let states = states(params, &mut problems);
        let size = |min: &str, max: &str, problems: &mut Vec<String>| {
            (params.number(min, problems), params.number(max, problems))
        };
        let sizes = [
            size("minCpu", "maxCpu", &mut problems),
            size("minMemoryGiB", "maxMemoryGiB", &mut problems),
            size("minDiskGiB", "maxDiskGiB", &mut problems),
        ];
        let created = (
            time(params, "createdAtAfter", &mut problems),
            time(params, "createdAtBefore", &mut problems),
        );
        let active = (
            time(params, "lastEventAfter", &mut problems),
            time(params, "lastEventBefore", &mut problems),
        );
        Params::check(problems)?;
        let owned = |values: Vec<&str>| values.into_iter().map(str::to_owned).collect();
        let lower = |name| params.first(name).unwrap_or_default().to_lowercase();
        Ok(Self {
            filter: Filter {
                id: lower("id"),
                name: lower("name"),
                labels: labels(params)?,
                states,
                snapshots: owned(params.all("snapshots")),
                regions: owned(params.all(regions)),
                sizes,
                created,
                active,
                public: params.flag("isPublic"),
                recoverable: params.flag("isRecoverable"),
                errored_deleted: params.flag("includeErroredDeleted") == Some(true),
            },
            sort,
            descending: order != Some("asc"),
            limit,
            cursor: None,
        })
    }
}

impl Filter {
    /// Whether the listing shows this row. It looks at what is stored, not at what is shown, so that
    /// `states=started` also finds one that is about to be stopped.
    pub(crate) fn admits(&self, row: &Sandbox) -> bool {
        let within = |value: f64, (min, max): (Option<f64>, Option<f64>)| {
            min.is_none_or(|min| value >= min) && max.is_none_or(|max| value <= max)
        };
        let between = |time: Option<Timestamp>, (after, before): &(Option<_>, Option<_>)| {
            after.is_none_or(|after| time.is_some_and(|time| time >= after))
                && before.is_none_or(|before| time.is_some_and(|time| time <= before))
        };
        let listed =
            |list: &[String], value: &str| list.is_empty() || list.iter().any(|one| one == value);
        (self.states.is_empty() || self.states.contains(&row.state))
            && row.state != State::Destroyed
            && (self.errored_deleted || !row.is_hidden())
            && row.id.starts_with(&self.id)
            && (self.name.is_empty() || row.name.to_lowercase().starts_with(&self.name))
            && self.labels.iter().all(|(key, value)| {
                let label = row.labels.get(key);
                label.is_some_and(|label| value.as_str() == Some(label))
            })
            && listed(&self.snapshots, row.snapshot.as_deref().unwrap_or_default())
            && listed(&self.regions, &row.target)
            && within(f64::from(row.cpu), self.sizes[0])
            && within(f64::from(row.memory), self.sizes[1])
            && within(f64::from(row.disk), self.sizes[2])
            && between(Some(row.created_at), &self.created)
            && between(row.last_activity_at, &self.active)
            && self.public.is_none_or(|public| public == row.public)
            && self
                .recoverable
                .is_none_or(|wanted| wanted == row.recoverable)
    }
}

fn states(params: &Params, problems: &mut Vec<String>) -> Vec<State> {
    let mut states = Vec::new();
    for name in params.all("states") {
        match State::of_name(name) {
            Some(state) if state != State::Destroyed => states.push(state),
            _ => {
                let valid = State::ALL
                    .into_iter()
                    .filter(|state| *state != State::Destroyed);
                let valid: Vec<_> = valid.map(State::name).collect();
                problems.push(format!(
                    "each value must be one of the following values: {}",
                    valid.join(", ")
                ));
                break;
            }
        }
    }
    states
}

/// One JSON object. What is JSON but no object passes the check and then breaks the query.
fn labels(params: &Params) -> Result<Vec<(String, Value)>, ApiError> {
    let Some(text) = params.first("labels").filter(|text| !text.is_empty()) else {
        return Ok(Vec::new());
    };
    match serde_json::from_str(text) {
        Ok(Value::Object(labels)) => Ok(labels.into_iter().collect()),
        Ok(_) => Err(ApiError::unexpected()),
        Err(_) => Err(ApiError::bad_request("Invalid labels JSON format")),
    }
}

fn time(params: &Params, name: &str, problems: &mut Vec<String>) -> Option<Timestamp> {
    let text = params.first(name)?;
    let time = text.parse().ok();
    if time.is_none() {
        problems.push(format!("{name} must be a valid ISO 8601 date string"));
    }
    time
}
