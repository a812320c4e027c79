//! Ctrl-C and SIGTERM for long-running commands: the first signal asks the command to end, the second ends the
//! process.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::command::CliError;

/// The exit code of a process that the second signal ended.
const INTERRUPTED: i32 = 130;

/// Calls `asked` at the first signal, from a new thread.
pub(super) fn at_first(asked: impl FnOnce() + Send + 'static) -> Result<(), CliError> {
    let name = "signals".to_owned();
    let thread = std::thread::Builder::new().name(name).spawn(move || {
        actix_web::rt::System::new().block_on(async {
            let signals = (
                signal(SignalKind::terminate()),
                signal(SignalKind::interrupt()),
            );
            let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
                // Without handlers, a signal ends the process by default.
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
        .map_err(|error| CliError::Message(format!("cannot start a thread: {error}")))
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
