//! Listing sandboxes: the parameters, the pages, and their weaknesses.
//!
//! - `params`: a query string, with parameters that may repeat
//! - `query`: what is asked for, and what is refused
//! - `cursor`: where the next page starts
//! - `page`: one page with a cursor
//! - `offset`: one page by number

pub(crate) mod cursor;
pub(crate) mod offset;
pub(crate) mod page;
pub(crate) mod params;
pub(crate) mod query;

use tbengine_sdk::Timestamp;

use crate::cloud::Cloud;
use crate::error::ApiError;
use crate::list::params::Params;
use crate::list::query::Query;
use crate::sandbox::Sandbox;

impl Cloud {
    /// What `GET /sandbox` answers to this query string: the sandboxes as the listing shows them, and
    /// the next cursor.
    ///
    /// # Errors
    ///
    /// The service refuses the query.
    pub fn list_page(
        &self,
        organization: usize,
        query: &str,
        now: Timestamp,
    ) -> Result<(Vec<Sandbox>, Option<String>), ApiError> {
        let query = Query::parse(&Params::parse(query))?;
        let page = self.list(organization, &query, now);
        let rows = page.rows.into_iter().map(|row| row.into_owned());
        Ok((rows.collect(), page.next))
    }
}
