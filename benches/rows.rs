//! The row path: from CSV bytes to checked users, with the importer's code but without its store.

use std::hint::black_box;

use muster::formats::open::{KnownColumns, Options, open};
use muster::formats::row::Row;
use muster::formats::settings::Settings;
use muster::formats::workbook_memory::WorkbookMemory;
use muster::import::header::{self, Wanted};
use muster::import::judging::{Judged, judge_row};
use muster::passwords::rules;
use muster::users::claims::ClaimTable;
use muster::users::domains::{Domain, Domains};
use muster::users::options::{ConflictPolicy, HeaderLine};
use muster::users::policy::{GrantableRoles, Policy};
use muster::wire::spool::SpoolSettings;

/// The rules that rows are checked against, with default settings.
pub struct RowPath {
    files: Settings,
    claims: ClaimTable,
    domain: Domain,
    passwords: rules::Settings,
    roles: GrantableRoles<'static>,
}

impl RowPath {
    /// The rules of an import with a default password.
    ///
    /// # Errors
    /// A message: the default domain does not exist.
    pub fn new() -> Result<Self, String> {
        let domains = Domains::new(&Default::default());
        Ok(RowPath {
            files: Settings::default(),
            claims: ClaimTable::new(&Default::default()),
            domain: domains.find(None).map_err(|error| error.to_string())?,
            passwords: rules::Settings::default(),
            roles: GrantableRoles::none(),
        })
    }

    /// The number of users in the file.
    ///
    /// # Errors
    /// A message: the file cannot be read, or one of its rows is not a user.
    pub fn users(&self, file: &[u8]) -> Result<u64, String> {
        self.read(file).map_err(|error| error.to_string())
    }

    fn read(&self, file: &[u8]) -> Result<u64, Box<dyn std::error::Error>> {
        let policy = Policy {
            domain: &self.domain,
            passwords: &self.passwords,
            default_password: Some(Ok(())),
            conflict: ConflictPolicy::Skip,
            generate_passwords: false,
            roles: &self.roles,
        };
        let options = Options {
            charset: None,
            called: None,
            columns: KnownColumns(&|_| false),
            settings: &self.files,
            // Only workbooks are spooled.
            spool: &SpoolSettings {
                folder: std::env::temp_dir(),
                limit: 0,
            },
            memory: &WorkbookMemory::new(&self.files),
            sheet: None,
        };
        let mut opened = open(file, &options)?;
        let mut rows = opened.rows()?;
        rows.look_ahead(1)?;
        let first = rows.ahead().first().map(Row::text);
        let first = first.ok_or("there is no header line")?;
        let first = first.map_err(|_| "the header line is not text")?;
        let wanted = Wanted {
            line: HeaderLine::Auto,
            map: &self.files.map,
            settings_map: &self.files.map,
        };
        let header = header::from_first_row(&first, wanted, &self.claims)?;
        let header = header.ok_or("the header line is not recognized")?;
        let (plan, above, mut warnings) = (header.plan, header.rows, header.warnings);
        rows.skip_ahead(above);
        let mut users = 0;
        while let Some(row) = rows.next_row()? {
            let text = row.text().map_err(|_| "a row is not text")?;
            match judge_row(&text, &plan, &policy, &mut warnings) {
                Judged::User(user) => drop(black_box(user)),
                other => return Err(format!("line {}: {other:?}", text.line()).into()),
            }
            users += 1;
        }
        match warnings.first() {
            None => Ok(users),
            Some(warning) => Err(warning.message.clone().into()),
        }
    }
}
