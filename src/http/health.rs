//! `/healthz`: the process answers. `/readyz`: it can take an import. Neither asks who is calling.

use actix_web::{HttpResponse, web};

use crate::app::App;
use crate::http::blocking;

/// The routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/healthz", web::get().to(healthz))
        .route("/readyz", web::get().to(readyz));
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
    let store = app.into_inner();
    match blocking::run(move || store.store.ready()).await {
        Ok(Ok(())) => HttpResponse::Ok()
            .content_type("text/plain; charset=utf-8")
            .body("ready\n"),
        Ok(Err(error)) => {
            tracing::error!(%error, "the store is not ready");
            not_ready("the store cannot be used".into())
        }
        Err(error) => not_ready(error.to_string()),
    }
}
