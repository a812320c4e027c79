//! An import call of either service.

use std::io::Read;
use std::sync::Arc;

use crate::access::gate::Caller;
use crate::app::App;
use crate::formats::kind::FileKind;
use crate::http::soap::fault::Fault;
use crate::http::soap::operation::Entry;
use crate::http::soap::parameters::Parameters;
use crate::import::edits::Edits;
use crate::import::jobs::Ended;
use crate::import::pending::Pending;
use crate::import::report::Report;
use crate::import::request::ImportRequest;
use crate::import::selection::Selection;
use crate::users::channel::Channel;
use crate::users::operator::Role;
use crate::users::options::ImportOptions;

/// A call that imports a file, without the file: that may not have been located yet.
#[derive(Debug)]
pub struct ImportCall {
    /// The operation.
    pub entry: &'static Entry,
    /// The request to the importer.
    pub request: ImportRequest,
    /// Whether the answer may be sent before the work is done.
    pub respond_async: bool,
    /// Whether it [needs no waiting](Self::needs_no_waiting), and its file is small and fully received.
    pub at_once: bool,
}

impl ImportCall {
    /// Checks everything that can be checked without reading the file. The user store is named by the parameter
    /// `domain`.
    ///
    /// # Errors
    /// The file name or the domain is invalid.
    pub fn new(
        entry: &'static Entry,
        parameters: &mut Parameters,
        domain: &str,
        caller: &Caller,
        app: &App,
    ) -> Result<Self, Fault> {
        let default_password = parameters.take_secret("defaultPassword");
        let file_name = parameters.text("fileName").map(str::trim);
        let file_name = file_name.filter(|name| !name.is_empty()).ok_or_else(|| {
            Fault::operation(
                "IMP-FILE-NAME",
                "Required data not provided. The parameter fileName is missing; its extension gives the \
                 file's type, such as users.csv.",
            )
        })?;
        if FileKind::called(file_name).is_none() {
            return Err(Fault::operation(
                "IMP-FILE-FORMAT",
                "Unsupported format. The fileName must end in csv, tsv, xlsx or xls, and the file must have \
                 that format.",
            ));
        }
        let request = ImportRequest {
            organization: caller.organization.clone(),
            domain: app.domains.find(parameters.text(domain))?,
            channel: Channel::Soap,
            operator: caller.name.clone(),
            may_grant_admin: caller.role == Role::Admin,
            request_id: caller.request_id.clone(),
            file_name: file_name.to_owned(),
            default_password,
            generated_passwords: None,
            options: ImportOptions::default(),
            key: None,
            selection: Selection::All,
            edits: Edits::default(),
            keep: None,
        };
        Ok(ImportCall {
            entry,
            request,
            respond_async: false,
            at_once: false,
        })
    }

    /// Whether the import of a small file waits only for its hashes and its commit: it need not look up an
    /// earlier call, and the file is not a workbook and is read once, as it arrives.
    pub fn needs_no_waiting(&self) -> bool {
        let options = &self.request.options;
        self.request.key.is_none()
            && !self.respond_async
            && self.request.generated_passwords.is_none()
            && !options.validate_first
            && options.stop_after.is_none()
            && FileKind::called(&self.request.file_name) == Some(FileKind::Csv)
    }

    /// Imports `file`, now or when its turn in the queue comes. For an import recorded earlier, at most `findings`
    /// problems are reported. Fails if the import is refused or ends early.
    pub fn run(
        self,
        file: impl Read,
        app: &Arc<App>,
        findings: usize,
    ) -> Pending<Result<Report, Fault>> {
        let ending = match self.respond_async {
            true => Pending::Ended(app.jobs.queue(self.request, file)),
            false if self.at_once => app.jobs.run_small_to_commit(self.request, file),
            false => app.jobs.run_to_commit(self.request, file),
        };
        let app = Arc::clone(app);
        ending.map(move |ended| match ended? {
            Ended::Ran(report) => Ok(*report),
            Ended::Recorded(record) => {
                let found = app
                    .store
                    .findings(&record.organization, record.id, 0, findings)?;
                Ok(Report::of_record(&record, found))
            }
        })
    }
}
