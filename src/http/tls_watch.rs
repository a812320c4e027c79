//! Keeps the certificate of a running server up to date: on SIGHUP, when a file changes, and, if it is self-signed,
//! before it expires. Once a day it logs certificates that expire soon.
//!
//! Without HTTPS there is nothing to reload; SIGHUP still does not end the process.

use std::sync::Arc;
use std::time::Duration;

use actix_web::rt::task::JoinHandle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::clock::Clock;
use crate::http::tls::Certificates;

/// How often the files are checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// How often expiring certificates are logged and renewed.
const REPORT_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// The task, which ends when this is dropped.
pub(super) struct Watch(JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts the task; certificates that expire soon are logged at once.
///
/// # Errors
/// The message for the user: the signal handler could not be installed.
pub(super) fn start(
    certificates: Option<Arc<Certificates>>,
    clock: Clock,
) -> Result<Watch, String> {
    let mut hangup = signal(SignalKind::hangup())
        .map_err(|error| format!("cannot install a handler for SIGHUP: {error}"))?;
    Ok(Watch(actix_web::rt::spawn(async move {
        let mut checks = interval(CHECK_INTERVAL);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reported: Option<Instant> = None;
        loop {
            let requested = tokio::select! {
                _ = hangup.recv() => true,
                _ = checks.tick() => false,
            };
            let Some(certificates) = certificates.clone() else {
                if requested {
                    tracing::info!(
                        "SIGHUP: there is no certificate to reload, because HTTPS is off"
                    );
                }
                continue;
            };
            let report = reported.is_none_or(|at| at.elapsed() >= REPORT_INTERVAL);
            if report {
                reported = Some(Instant::now());
            }
            let clock = clock.clone();
            // Files are not read on the threads that serve requests.
            let checked = actix_web::rt::task::spawn_blocking(move || {
                check(&certificates, &clock, requested, report);
            });
            if let Err(error) = checked.await {
                tracing::error!(%error, "the certificate could not be checked");
            }
        }
    })))
}

fn check(certificates: &Certificates, clock: &Clock, requested: bool, report: bool) {
    let now = clock.now();
    let reloaded = match (requested, report) {
        (true, _) => certificates.reload(now).map(|()| true),
        (false, true) => certificates.renew(now),
        (false, false) => certificates.reload_if_changed(now),
    };
    let changed = match reloaded {
        Ok(changed) => changed,
        Err(error) => {
            tracing::error!(%error, "the certificate was not reloaded; the previous one stays in use");
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
