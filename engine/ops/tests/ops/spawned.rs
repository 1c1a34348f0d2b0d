//! Operations can be spawned: a service runs several at once.

use tbengine_engine::apply::Control;
use tbengine_engine::scope::Scope;
use tbengine_ops::config::Settings;
use tbengine_ops::doctor::examine;
use tbengine_ops::front::Silent;
use tbengine_ops::history::history;
use tbengine_ops::lease::release;
use tbengine_ops::{Context, ResumeRequest, RunRequest};

fn can_be_sent<T: Send>(future: T) -> T {
    future
}

/// Never called: that it compiles is the test.
#[expect(dead_code, reason = "that it compiles is the test")]
async fn operations_are_send(context: &Context, settings: &Settings) {
    let (mut front, control) = (Silent, Control::default());
    let request = RunRequest::default();
    let running = tbengine_ops::run(context, settings, request, &mut front, &control);
    can_be_sent(running).await.ok();
    let request = ResumeRequest::default();
    let resuming = tbengine_ops::resume(context, settings, request, &mut front, &control);
    can_be_sent(resuming).await.ok();
    let planning = tbengine_ops::plan(context, settings, Scope::default(), &mut front);
    can_be_sent(planning).await.ok();
    can_be_sent(examine(context, settings, &[])).await;
    can_be_sent(history(context, settings, 1)).await.ok();
    can_be_sent(release(context, settings, "", &control))
        .await
        .ok();
}
