//! An import as a call asks for it, whichever service it is called at.

use std::io::Read;
use std::sync::Arc;

use crate::access::gate::Caller;
use crate::app::App;
use crate::formats::kind::FileKind;
use crate::http::soap::fault::Fault;
use crate::http::soap::file_element::FileElement;
use crate::http::soap::operation::Entry;
use crate::http::soap::parameters::Parameters;
use crate::import::jobs::Ended;
use crate::import::pending::Pending;
use crate::import::report::Report;
use crate::import::request::ImportRequest;
use crate::users::channel::Channel;
use crate::users::operator::Role;
use crate::users::options::ImportOptions;

/// What a service calls the parameters that services name differently.
#[derive(Debug, Clone, Copy)]
pub struct Names {
    /// The user store.
    pub domain: &'static str,
    /// The file.
    pub file: &'static str,
}

/// A call that imports a file.
#[derive(Debug)]
pub struct ImportCall {
    /// What is to be done with it.
    pub work: ImportWork,
    /// The file, or where it is.
    pub file: FileElement,
}

/// An import before its file is looked for.
#[derive(Debug)]
pub struct ImportWork {
    /// The operation.
    pub entry: &'static Entry,
    /// What the core is asked for.
    pub request: ImportRequest,
    /// Whether the answer may come before the work is done.
    pub respond_async: bool,
    /// Whether it [needs no waiting](Self::needs_no_waiting) and its file is small and all there.
    pub at_once: bool,
}

impl ImportCall {
    /// Everything that can be refused without reading the file is refused here.
    ///
    /// # Errors
    /// The file's name or the domain is.
    pub fn new(
        entry: &'static Entry,
        parameters: &mut Parameters,
        names: Names,
        caller: &Caller,
        app: &App,
    ) -> Result<Self, Fault> {
        let file = parameters.take_file(names.file);
        let default_password = parameters.take_secret("defaultPassword");
        let file_name = parameters.text("fileName").map(str::trim);
        let file_name = file_name.filter(|name| !name.is_empty()).ok_or_else(|| {
            Fault::operation(
                "IMP-FILE-NAME",
                "Required data not provided. The parameter fileName is missing; it tells the file's \
                 type by its end, such as users.csv.",
            )
        })?;
        if FileKind::called(file_name).is_none() {
            return Err(Fault::operation(
                "IMP-FILE-FORMAT",
                "Unsupported format. The fileName has to end in csv, tsv, xlsx or xls, and the file has \
                 to be what it ends in.",
            ));
        }
        let request = ImportRequest {
            organization: caller.organization.clone(),
            domain: app.domains.find(parameters.text(names.domain))?,
            channel: Channel::Soap,
            operator: caller.name.clone(),
            may_grant_admin: caller.role == Role::Admin,
            request_id: caller.request_id.clone(),
            file_name: file_name.to_owned(),
            default_password,
            generated_passwords: None,
            options: ImportOptions::default(),
            key: None,
        };
        let work = ImportWork {
            entry,
            request,
            respond_async: false,
            at_once: false,
        };
        Ok(ImportCall { work, file })
    }
}

impl ImportWork {
    /// Whether the import of a small file waits for nothing but its hashes and its commit: no earlier call
    /// is looked for, the file is read once, as it comes, and is no workbook.
    pub fn needs_no_waiting(&self) -> bool {
        let options = &self.request.options;
        self.request.key.is_none()
            && !self.respond_async
            && self.request.generated_passwords.is_none()
            && !options.validate_first
            && options.stop_after.is_none()
            && FileKind::called(&self.request.file_name) == Some(FileKind::Csv)
    }

    /// Imports `file`, now or when its turn comes; of an import that came before, at most `findings`
    /// are told. It fails when it is refused, or ends early.
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
