//! Style sheet, scripts and icons, embedded in the binary. Their address contains a digest of their content, so that
//! browsers may keep them for ever.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header;
use ring::digest::{Context, SHA256};

use crate::hex;
use crate::http::web::reply;

/// An embedded file.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    content: &'static [u8],
}

macro_rules! asset {
    ($name:literal, $media_type:expr) => {
        Asset {
            name: $name,
            media_type: $media_type,
            content: include_bytes!(concat!("assets/", $name)),
        }
    };
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

static ASSETS: &[Asset] = &[
    asset!("check.js", SCRIPT),
    asset!("columns.js", SCRIPT),
    asset!("figures.js", SCRIPT),
    asset!("first_run.js", SCRIPT),
    asset!("icon.svg", "image/svg+xml"),
    asset!("imports.js", SCRIPT),
    asset!("live.js", SCRIPT),
    asset!("numbers.js", SCRIPT),
    asset!("options.js", SCRIPT),
    asset!("page.js", SCRIPT),
    asset!("requests.js", SCRIPT),
    asset!("style.css", "text/css; charset=utf-8"),
    asset!("upload.js", SCRIPT),
];

/// The part of the addresses that changes with the content of any asset.
pub static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut digest = Context::new(&SHA256);
    ASSETS.iter().for_each(|asset| digest.update(asset.content));
    let digest = hex::encode(digest.finish().as_ref());
    digest.chars().take(12).collect()
});

/// The response with this file; none if there is no such file.
pub fn respond(version: &str, name: &str) -> Option<HttpResponse> {
    let asset = ASSETS.iter().find(|asset| asset.name == name)?;
    let mut response = HttpResponse::Ok();
    response.content_type(asset.media_type);
    reply::secure(&mut response);
    let keep = match version == VERSION.as_str() {
        true => "public, max-age=31536000, immutable",
        // A page of another version of the server; the content may differ from what it expects.
        false => "no-cache",
    };
    response.insert_header((header::CACHE_CONTROL, keep));
    Some(response.body(asset.content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/web/assets");
        let files = std::fs::read_dir(folder).unwrap().flatten();
        let mut names: Vec<_> = files
            .map(|file| file.file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        let mut served: Vec<_> = ASSETS.iter().map(|asset| asset.name).collect();
        served.sort_unstable();
        assert_eq!(names, served);
    }

    #[test]
    fn only_the_current_version_is_kept_for_ever() {
        let cache = |version: &str| {
            let response = respond(version, "style.css").unwrap();
            let field = response.headers().get(header::CACHE_CONTROL).unwrap();
            field.to_str().unwrap().to_owned()
        };
        assert!(cache(&VERSION).contains("immutable"));
        assert_eq!(cache("0"), "no-cache");
        assert!(respond(&VERSION, "../mod.rs").is_none());
    }
}
