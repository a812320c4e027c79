//! `muster serve`: builds the app, prints its addresses, and serves until it is stopped.

use std::future::Future;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use toml::Value;

use crate::access::first_operator::{self, FirstOperator};
use crate::app::App;
use crate::cli::command::{CliError, Common, Outcome};
use crate::cli::precautions;
use crate::cli::settings::SECTIONS;
use crate::cli::settings::Settings;
use crate::clock::Clock;
use crate::config::Sources;
use crate::http::server::{self, Addresses};
use crate::http::soap::service::USER_ADMIN;
use crate::passwords::secret::Secret;
use crate::telemetry;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Address for HTTP, or `off` [default: 127.0.0.1:9763]
    #[arg(long, value_name = "ADDR|off")]
    http: Option<String>,
    /// Address for HTTPS, or `off` [default: 0.0.0.0:9443]
    #[arg(long, value_name = "ADDR|off")]
    https: Option<String>,
}

pub(super) fn run(common: &Common, arguments: &Arguments, out: &mut dyn Write) -> Outcome {
    let mut flags = Vec::new();
    for (key, address) in [("http", &arguments.http), ("https", &arguments.https)] {
        if let Some(address) = address {
            flags.push(("server", key, Value::from(address.as_str())));
        }
    }
    let (settings, sources) = Settings::load(common, flags)?;
    telemetry::start(&settings.log)?;
    if let Some(warning) = sources.warning(SECTIONS) {
        tracing::warn!("{warning}");
    }
    let system = actix_web::rt::System::new();
    // From here on SIGHUP does not end the process; the server handles it once it runs.
    let _hangup = system.block_on(async { signal(SignalKind::hangup()) })?;
    for warning in precautions::warnings(&settings) {
        tracing::warn!("{warning}");
    }
    let app = Arc::new(App::build(&settings.app(), Clock::system())?);
    let (welcome, code) = first_operator(&app, &sources)?;
    let data = settings.store.data.clone();
    let mut said = Ok(());
    system.block_on(async {
        let stop = stop_signal().map_err(CliError::from)?;
        let ready = |addresses: &Addresses| {
            let portal = &settings.server.portal_path;
            said = announce(out, addresses, portal, &data, &welcome, code.as_ref());
        };
        server::run(
            Arc::clone(&app),
            &settings.server,
            &settings.soap,
            &data,
            ready,
            stop,
        )
        .await
        .map_err(CliError::from)
    })?;
    app.close();
    said?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Creates the operator of the first start. Returns the lines to print about it.
fn first_operator(app: &App, sources: &Sources) -> Result<(Vec<String>, Option<Secret>), CliError> {
    let configured = sources.admin_password()?;
    if let Some(password) = &configured
        && let Err(weak) = app.passwords.check_permanent(password.expose())
    {
        tracing::warn!("the configured password of the operator admin is weak: {weak}");
    }
    let made = first_operator::ensure(app.store.as_ref(), &app.pool, configured, app.clock.now())?;
    Ok(match made {
        FirstOperator::NotNeeded => (Vec::new(), None),
        FirstOperator::Configured => (
            vec!["Created the operator admin with the configured password.".into()],
            None,
        ),
        FirstOperator::Generated(password) => {
            let lines = vec![
                format!(
                    "Created the operator admin. Password: {}",
                    password.expose()
                ),
                "It is shown only once; use `muster operator password admin` to set another one."
                    .into(),
            ];
            let operator = app.store.operator(first_operator::NAME)?;
            let hash = operator.map(|operator| operator.password_hash);
            let code = app
                .first_run
                .create(&hash.unwrap_or_default(), app.clock.now())?;
            (lines, Some(code))
        }
    })
}

fn announce(
    out: &mut dyn Write,
    addresses: &Addresses,
    portal: &str,
    data: &Path,
    welcome: &[String],
    code: Option<&Secret>,
) -> std::io::Result<()> {
    writeln!(out, "Muster {} is ready.", env!("CARGO_PKG_VERSION"))?;
    for (secure, listening) in [
        (false, addresses.http.is_some()),
        (true, addresses.https.is_some()),
    ] {
        if listening {
            let base = addresses.base_url(secure);
            writeln!(out, "  SOAP   {base}{USER_ADMIN}")?;
            writeln!(out, "  WSDL   {base}{USER_ADMIN}?wsdl")?;
            writeln!(
                out,
                "  SOAP   {base}/services/UserImport (with options and a report)"
            )?;
            writeln!(
                out,
                "  REST   {base}/api/v1 (described at /api/v1/openapi.json)"
            )?;
            writeln!(out, "  SCIM   {base}/scim/v2 (and /scim2, as in WSO2)")?;
            writeln!(out, "  Portal {base}{portal}/")?;
        }
    }
    writeln!(out, "  Data   {}", data.display())?;
    for line in welcome {
        writeln!(out, "{line}")?;
    }
    if let Some(code) = code {
        let base = addresses.base_url(addresses.https.is_some());
        writeln!(
            out,
            "Or set it in a browser, once, within a week: {base}{portal}/first-run#{}",
            code.expose()
        )?;
    }
    writeln!(out, "Press Ctrl-C to stop.")?;
    out.flush()
}

/// Resolves at the first SIGTERM or Ctrl-C. The second one ends the process at once.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        either(&mut terminate, &mut interrupt).await;
        tracing::info!("stopping after the current batch is committed");
        actix_web::rt::spawn(async move {
            either(&mut terminate, &mut interrupt).await;
            tracing::warn!("stopped at once");
            std::process::exit(130);
        });
    })
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
