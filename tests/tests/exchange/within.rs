//! A gateway whose clock is the test's.

use std::sync::Arc;

use birge_gateway::{Listeners, config::Config};
use birge_proto::clock::{Clock, ManualClock, SystemClock, Timestamp};
use birge_tests::exchange::Exchange;
use tokio::{sync::oneshot, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// A gateway within this process, on the files and addresses of an exchange that was stopped:
/// its clock is the test's.
pub(crate) struct Within {
    pub(crate) clock: ManualClock,
    stop: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Within {
    pub(crate) async fn serve(exchange: &Exchange, now: Timestamp) -> Self {
        let clock = ManualClock::new(now);
        let config = Config::load(&exchange.config()).unwrap();
        let listeners = Listeners::bind(&config.listen).await.unwrap();
        let stop = CancellationToken::new();
        let (ready, serving) = oneshot::channel();
        let shared = Arc::new(clock.clone());
        let running = birge_gateway::run(config, listeners, shared, false, stop.clone(), |_| {
            ready.send(()).unwrap();
        });
        let running = tokio::spawn(running);
        serving.await.unwrap();
        Self { clock, stop, running }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
    }
}

/// Whole seconds, as a decree names them.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(SystemClock.now().as_second() + 1).unwrap()
}
