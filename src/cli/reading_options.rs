//! Options that say how a file is read, of the commands that read one.

use clap::Args;
use toml::Value;

use crate::cli::command::CliError;
use crate::users::options::{ColumnMap, HeaderLine, ImportOptions};

#[derive(Debug, Args)]
pub(super) struct ReadingOptions {
    /// Charset of a CSV file without a byte-order mark, such as windows-1252 [default: auto]
    #[arg(long, value_name = "C")]
    charset: Option<String>,
    /// Delimiter of a CSV file: comma, semicolon, tab, bar, or a character such as '#' [default: auto]
    #[arg(long, value_name = "D")]
    delimiter: Option<String>,
    /// Line with the column headings: auto, none (every line is a row), or its number [default: auto]
    #[arg(long, value_name = "LINE", value_parser = HeaderLine::parse)]
    header: Option<HeaderLine>,
    /// Meaning of a column, by its heading or number, such as "E-Mail Address=emailaddress"; "Ext.=_"
    /// ignores it. May be given more than once
    #[arg(long, value_name = "HEADING=COLUMN")]
    map: Vec<String>,
    /// Sheet of a workbook [default: the first sheet that is not hidden]
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
}

impl ReadingOptions {
    /// Those that override settings: section, key and value.
    pub(super) fn flags(&self) -> Vec<(&'static str, &'static str, Value)> {
        let flags = [("charset", &self.charset), ("delimiter", &self.delimiter)];
        let flags = flags
            .into_iter()
            .filter_map(|(key, value)| Some(("files", key, Value::from(value.as_deref()?))));
        flags.collect()
    }

    /// Options of an import with those that are not settings; the others have their defaults.
    ///
    /// # Errors
    /// An entry of `--map` is invalid.
    pub(super) fn import_options(&self) -> Result<ImportOptions, CliError> {
        let mut map = ColumnMap::default();
        for entry in &self.map {
            map.add(entry)
                .map_err(|sentence| CliError::Message(format!("--map: {sentence}")))?;
        }
        Ok(ImportOptions {
            header: self.header.unwrap_or_default(),
            map,
            sheet: self.sheet.clone(),
            ..ImportOptions::default()
        })
    }
}
