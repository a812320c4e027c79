//! Ctrl-C and SIGTERM of a command that runs for a while: the first one asks it to end, the second
//! one ends the process.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::command::CliError;

/// The exit code of a process that was ended by the second signal.
const INTERRUPTED: i32 = 130;

/// Calls `asked` at the first signal, from a thread of its own.
pub(super) fn at_first(asked: impl FnOnce() + Send + 'static) -> Result<(), CliError> {
    let name = "signals".to_owned();
    let thread = std::thread::Builder::new().name(name).spawn(move || {
        actix_web::rt::System::new().block_on(async {
            let signals = (
                signal(SignalKind::terminate()),
                signal(SignalKind::interrupt()),
            );
            let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
                // Without them a signal ends the process, as it does by itself.
                return;
            };
            either(&mut terminate, &mut interrupt).await;
            asked();
            either(&mut terminate, &mut interrupt).await;
            std::process::exit(INTERRUPTED);
        });
    });
    thread
        .map(drop)
        .map_err(|error| CliError::Told(format!("a thread cannot be started: {error}")))
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
