//! The service over HTTP.
//!
//! - [`server`]: connections, latency and faults, and the record of requests
//! - `gate`: who is calling, and how often
//! - `routes`: which path does what
//! - `sandboxes`, `others`: what the paths do
//! - `admin`: what tests and users can see and set, under `/_fake`

mod admin;
mod gate;
mod others;
mod routes;
mod sandboxes;
pub mod server;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Serialize;
use tbengine_sdk::Timestamp;

use crate::clock::Clock;
use crate::cloud::Cloud;
use crate::error::ApiError;
use crate::faults::drawing::Faults;
use crate::faults::plan::FaultPlan;
use crate::throttle::Throttler;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Shared {
    cloud: Mutex<Cloud>,
    faults: Mutex<Faults>,
    /// Failed authentications by address.
    doors: Mutex<HashMap<IpAddr, Throttler>>,
    pub(crate) clock: Clock,
}

impl Shared {
    pub(crate) fn new(cloud: Cloud, clock: Clock) -> Self {
        Self {
            cloud: Mutex::new(cloud),
            faults: Mutex::new(Faults::new(FaultPlan::default(), clock.elapsed())),
            doors: Mutex::default(),
            clock,
        }
    }

    /// Works on the state as it is now.
    pub(crate) fn cloud<T>(&self, work: impl FnOnce(&mut Cloud, Timestamp) -> T) -> T {
        let mut cloud = lock(&self.cloud);
        let now = self.clock.now();
        cloud.advance(now);
        work(&mut cloud, now)
    }

    pub(crate) fn faults<T>(&self, work: impl FnOnce(&mut Faults) -> T) -> T {
        work(&mut lock(&self.faults))
    }

    fn doors<T>(&self, work: impl FnOnce(&mut HashMap<IpAddr, Throttler>) -> T) -> T {
        work(&mut lock(&self.doors))
    }

    pub(crate) fn set_faults(&self, plan: FaultPlan) {
        let since = self.clock.elapsed();
        self.faults(|faults| *faults = Faults::new(plan, since));
    }
}

/// A panic of another test's closure must not hide what it was about.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl IntoResponse for ApiError {
    /// Only the status; the handler of the path adds the body.
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

fn json(status: u16, body: &impl Serialize) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let headers = [(CONTENT_TYPE, "application/json; charset=utf-8")];
    match serde_json::to_vec(body) {
        Ok(body) => (status, headers, body).into_response(),
        Err(_) => ApiError::unexpected().into_response(),
    }
}
