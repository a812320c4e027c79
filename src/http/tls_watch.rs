//! Keeps the certificate of a running server up to date: at SIGHUP, when a file changes, and, where it is
//! self-made, before it ends. Once a day it reports what ends soon.
//!
//! Without HTTPS there is nothing to reload, and SIGHUP still does not end the process.

use std::sync::Arc;
use std::time::Duration;

use actix_web::rt::task::JoinHandle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::clock::Clock;
use crate::http::tls::Certificates;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// How often ends are reported and certificates renewed.
const REPORT: Duration = Duration::from_secs(24 * 60 * 60);

/// The watch, which ends when it is dropped.
pub(super) struct Watch(JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Begins to watch; what ends soon is reported at once.
///
/// # Errors
/// A sentence: signals cannot be listened for.
pub(super) fn start(
    certificates: Option<Arc<Certificates>>,
    clock: Clock,
) -> Result<Watch, String> {
    let mut hangup = signal(SignalKind::hangup())
        .map_err(|error| format!("SIGHUP cannot be listened for: {error}"))?;
    Ok(Watch(actix_web::rt::spawn(async move {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reported: Option<Instant> = None;
        loop {
            let asked = tokio::select! {
                _ = hangup.recv() => true,
                _ = looks.tick() => false,
            };
            let Some(certificates) = certificates.clone() else {
                if asked {
                    tracing::info!(
                        "SIGHUP: there is no certificate to reload, because HTTPS is off"
                    );
                }
                continue;
            };
            let report = reported.is_none_or(|at| at.elapsed() >= REPORT);
            if report {
                reported = Some(Instant::now());
            }
            let clock = clock.clone();
            // Files are not read on the threads that serve.
            let looked = actix_web::rt::task::spawn_blocking(move || {
                look(&certificates, &clock, asked, report);
            });
            if let Err(error) = looked.await {
                tracing::error!(%error, "the certificate could not be looked at");
            }
        }
    })))
}

fn look(certificates: &Certificates, clock: &Clock, asked: bool, report: bool) {
    let now = clock.now();
    let reloaded = match (asked, report) {
        (true, _) => certificates.reload(now).map(|()| true),
        (false, true) => certificates.renew(now),
        (false, false) => certificates.reload_if_changed(now),
    };
    let changed = match reloaded {
        Ok(changed) => changed,
        Err(error) => {
            tracing::error!(%error, "the certificate was not reloaded; the one before is used on");
            false
        }
    };
    if changed {
        tracing::info!("the certificate was reloaded");
    }
    if changed || report {
        for warning in certificates.warnings(now) {
            tracing::warn!("{warning}");
        }
    }
}
