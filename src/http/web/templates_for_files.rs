//! Empty files with the columns that this installation knows, to be filled in.

use crate::http::web::refusal::Refusal;
use crate::http::web::reply::Reply;
use crate::http::web::visit::Visit;
use crate::import::template::Template;
use crate::wire::error::WireError;

/// As CSV.
///
/// # Errors
/// The file could not be made.
pub fn csv(visit: &Visit) -> Result<Reply, Refusal> {
    let text = Template::of(&visit.app.importer.claims).csv();
    let text = text.map_err(WireError::from_io)?;
    Ok(Reply::file("users.csv", "text/csv; charset=utf-8", text))
}

/// As a workbook.
///
/// # Errors
/// The workbook could not be made.
pub fn excel(visit: &Visit) -> Result<Reply, Refusal> {
    const MEDIA_TYPE: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let workbook = Template::of(&visit.app.importer.claims).workbook();
    let workbook = workbook.map_err(WireError::from_io)?;
    Ok(Reply::file("users.xlsx", MEDIA_TYPE, workbook))
}
