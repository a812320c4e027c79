//! `/healthz`: the process answers. `/readyz`: it can accept an import. Neither requires credentials.

use actix_web::dev::RequestHead;
use actix_web::http::Method;
use actix_web::{HttpResponse, web};

use crate::app::App;
use crate::http::blocking;
use crate::users::store_error::StoreError;

/// The routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/healthz", web::get().to(healthz))
        .route("/readyz", web::get().to(readyz));
}

/// Whether a request is answered here.
pub fn owns(head: &RequestHead) -> bool {
    head.method == Method::GET && matches!(head.uri.path(), "/healthz" | "/readyz")
}

async fn healthz() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body("ok\n")
}

async fn readyz(app: web::Data<App>) -> HttpResponse {
    let not_ready = |why: String| {
        HttpResponse::ServiceUnavailable()
            .insert_header(("Retry-After", "5"))
            .content_type("text/plain; charset=utf-8")
            .body(format!("not ready: {why}\n"))
    };
    if app.is_stopping() {
        return not_ready("the server is stopping".into());
    }
    let app = app.into_inner();
    let check = move || match app.store.ready() {
        Ok(()) => app.disk.check().map_err(|trouble| {
            tracing::error!(%trouble, "the disk is not usable");
            trouble.to_string()
        }),
        Err(error) => {
            tracing::error!(%error, "the store is not usable");
            Err(match error {
                StoreError::Recovering => error.to_string(),
                _ => "the store cannot be used".to_owned(),
            })
        }
    };
    match blocking::run(check).await {
        Ok(Ok(())) => HttpResponse::Ok()
            .content_type("text/plain; charset=utf-8")
            .body("ready\n"),
        Ok(Err(why)) => not_ready(why),
        Err(error) => not_ready(error.to_string()),
    }
}
