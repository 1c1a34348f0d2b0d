//! A query string, and the complaints about it.

use crate::error::ApiError;

/// The parameters of a request, in their order; unknown ones do no harm.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn parse(query: &str) -> Self {
        Self(
            form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// All values of a parameter, also in the form `name[]=`.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.0
            .iter()
            .filter(|(key, _)| key == name || key.strip_suffix("[]") == Some(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        match self.first(name)? {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }

    pub(crate) fn number(&self, name: &str, problems: &mut Vec<String>) -> Option<f64> {
        let text = self.first(name)?;
        let number = text.parse::<f64>().ok().filter(|number| *number >= 1.0);
        if number.is_none() {
            problems.push(format!("{name} must not be less than 1"));
        }
        number
    }

    /// The size of a page.
    pub(crate) fn limit(&self, problems: &mut Vec<String>) -> usize {
        let Some(text) = self.first("limit") else {
            return 100;
        };
        match text.parse::<i64>() {
            Ok(limit @ 1..=200) => limit.unsigned_abs() as usize,
            Ok(limit) if limit > 200 => {
                problems.push("limit must not be greater than 200".to_owned());
                100
            }
            Ok(_) => {
                problems.push("limit must not be less than 1".to_owned());
                100
            }
            Err(_) => {
                problems.push("limit must be an integer number".to_owned());
                100
            }
        }
    }

    /// The number of a page; the first is 1.
    pub(crate) fn page(&self, problems: &mut Vec<String>) -> usize {
        match self.first("page").map(str::parse::<usize>) {
            None => 1,
            Some(Ok(page)) if page >= 1 => page,
            Some(_) => {
                problems.push("page must not be less than 1".to_owned());
                1
            }
        }
    }

    /// Refuses if there was anything to complain about.
    pub(crate) fn check(problems: Vec<String>) -> Result<(), ApiError> {
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ApiError::bad_request(problems.join(", ")))
        }
    }
}

/// The value of a parameter that has only these.
pub(crate) fn one_of<'a>(
    params: &'a Params,
    name: &str,
    values: &[&str],
    problems: &mut Vec<String>,
) -> Option<&'a str> {
    let value = params.first(name)?;
    if values.contains(&value) {
        return Some(value);
    }
    problems.push(format!(
        "{name} must be one of the following values: {}",
        values.join(", ")
    ));
    None
}
