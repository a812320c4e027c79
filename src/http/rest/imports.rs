//! An upload, from its body to the answer, on one blocking thread.
//!
//! An import that ran to its end is 201 with its report, even if rows failed; a dry run stores nothing and
//! is 200. `Prefer: respond-async` (RFC 7240 §4.1) is 202 with the record of a queued import. A repeated
//! key (draft-ietf-httpapi-idempotency-key-header) is 200 with the report if the earlier import completed,
//! 409 if it has not, and 422 if the file or the options differ.

use std::io::Read;

use actix_web::http::StatusCode;

use crate::access::gate::Caller;
use crate::app::App;
use crate::formats::charset::TextCharset;
use crate::http::rest::admission::Upload;
use crate::http::rest::answer::Answer;
use crate::http::rest::form::{self, Form};
use crate::http::rest::parameters::{Parameters, Query};
use crate::http::rest::problem_details::ProblemDetails;
use crate::http::rest::routes::{Route, UploadOperation};
use crate::import::edits::Edits;
use crate::import::generated_passwords::GeneratedPasswords;
use crate::import::job_error::JobError;
use crate::import::jobs::Ended;
use crate::import::report::Report;
use crate::import::request::ImportRequest;
use crate::import::selection::Selection;
use crate::passwords::secret::Secret;
use crate::users::channel::Channel;
use crate::users::import_record::{ImportRecord, ImportState};
use crate::users::operator::Role;
use crate::wire::inflate;

/// An upload and its head.
#[derive(Debug)]
pub struct Call<'a> {
    /// The app.
    pub app: &'a App,
    /// The route.
    pub route: &'static Route,
    /// Its operation.
    pub operation: UploadOperation,
    /// The caller.
    pub caller: Caller,
    /// How the file is sent.
    pub upload: Upload,
    /// The query's parameters.
    pub query: Query,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// The default password if the body is the file itself.
    pub default_password: Option<Secret>,
    /// `Idempotency-Key`.
    pub key: Option<String>,
    /// Whether the answer may be sent before the work is done.
    pub respond_async: bool,
    /// Maximum size of the body in bytes.
    pub body_limit: u64,
}

impl Call<'_> {
    /// Reads the body, imports the file and returns the answer.
    ///
    /// # Errors
    /// The import was refused or failed.
    pub fn answer(self, body: impl Read) -> Result<Answer, ProblemDetails> {
        let encoding = self.content_encoding.as_deref();
        let body = inflate::decode(encoding, body, self.body_limit)?;
        match &self.upload {
            Upload::Form { boundary } => {
                let fields = [self.route.parameters, &["defaultPassword"]].concat();
                let Form { parameters, file } =
                    form::read(boundary, body, &self.app.spool, &fields)?;
                let request = self.request(parameters, "users.csv")?;
                self.import(request, file.into_reader()?)
            }
            Upload::Raw { file_name, charset } => {
                let (file_name, charset) = (*file_name, *charset);
                let mut call = self;
                let mut parameters = std::mem::take(&mut call.query).options()?;
                parameters.options.charset = charset.map(TextCharset::label);
                parameters.default_password = call.default_password.take();
                let request = call.request(parameters, file_name)?;
                call.import(request, body)
            }
        }
    }

    fn request(
        &self,
        parameters: Parameters,
        file_name: &str,
    ) -> Result<ImportRequest, ProblemDetails> {
        let Parameters {
            domain,
            file_name: named,
            default_password,
            generate_passwords,
            mut options,
        } = parameters;
        if generate_passwords && default_password.is_some() {
            return Err(ProblemDetails::bad_request(
                "IMP-PARAMETER",
                "A row without a password gets either the default password or a generated one; send only one \
                 of defaultPassword and generatePasswords.",
            ));
        }
        let generated_passwords = generate_passwords
            .then(GeneratedPasswords::for_report)
            .transpose()
            .map_err(|error| ProblemDetails::internal("IMP-INTERNAL", error.to_string()))?;
        options.dry_run |= self.operation == UploadOperation::PreviewImport;
        Ok(ImportRequest {
            organization: self.caller.organization.clone(),
            domain: self.app.domains.find(domain.as_deref())?,
            channel: Channel::Rest,
            operator: self.caller.name.clone(),
            may_grant_admin: self.caller.role == Role::Admin,
            file_name: named.unwrap_or_else(|| file_name.to_owned()),
            default_password,
            generated_passwords,
            // A dry run leaves nothing that a later call with the same key could find.
            request_id: self.caller.request_id.clone(),
            key: self.key.clone().filter(|_| !options.dry_run),
            options,
            selection: Selection::All,
            edits: Edits::default(),
            keep: None,
        })
    }

    fn import(&self, request: ImportRequest, file: impl Read) -> Result<Answer, ProblemDetails> {
        let dry_run = request.options.dry_run;
        // A preference may be ignored (RFC 7240 §2): a dry run is always answered with its result.
        let is_async = self.respond_async && !dry_run;
        let (key, options) = (request.key.clone(), request.options.clone());
        let domain = request.domain.name.clone();
        let ended = match is_async {
            true => self.app.jobs.queue(request, file),
            false => self.app.jobs.run(request, file),
        };
        let ended = match ended {
            Err(JobError::Busy { seconds }) => match (self.holder(key.clone())?, key) {
                (Some(record), _) if record.options == options && record.domain == domain => {
                    Ended::Recorded(Box::new(record))
                }
                (Some(record), Some(key)) => {
                    let import = record.id;
                    return Err(JobError::KeyReused { key, import }.into());
                }
                (None, Some(key))
                    if self.app.jobs.is_coming_in(&self.caller.organization, &key) =>
                {
                    return Err(ProblemDetails::key_in_use(seconds));
                }
                _ => return Err(JobError::Busy { seconds }.into()),
            },
            ended => ended?,
        };
        match ended {
            Ended::Ran(report) => {
                let status = match dry_run {
                    true => StatusCode::OK,
                    false => StatusCode::CREATED,
                };
                let answer = Answer::json(status, &report)?.with_import(report.dictionary());
                Ok(match dry_run {
                    true => answer,
                    false => answer.with_location(report.import),
                })
            }
            Ended::Recorded(record) => self.recorded(&record, is_async),
        }
    }

    /// The running import whose call holds the key, once it has begun.
    fn holder(&self, key: Option<String>) -> Result<Option<ImportRecord>, ProblemDetails> {
        let organization = &self.caller.organization;
        let find = |key: String| self.app.store.import_by_key(organization, &key);
        let found = key.map(find).transpose()?.flatten();
        Ok(found.filter(|record| !record.state.is_final()))
    }

    /// The answer for a queued import, or for a repeated key.
    fn recorded(&self, record: &ImportRecord, is_async: bool) -> Result<Answer, ProblemDetails> {
        if is_async && !record.state.is_final() {
            let answer = Answer::json(StatusCode::ACCEPTED, record)?;
            let answer = answer
                .with_location(record.id)
                .with_import(record.dictionary());
            return Ok(answer.queued());
        }
        let max = self.app.importer.settings.report_findings;
        let findings = self
            .app
            .store
            .findings(&record.organization, record.id, 0, max)?;
        let report = Report::of_record(record, findings);
        match record.state {
            ImportState::Completed => {
                let answer = Answer::json(StatusCode::OK, &report)?.with_location(record.id);
                Ok(answer.with_import(report.dictionary()))
            }
            ImportState::Queued
            | ImportState::Running
            | ImportState::Interrupted
            | ImportState::Failed
            | ImportState::Cancelled
            | ImportState::Undone => Err(ProblemDetails::earlier_call(report)),
        }
    }
}
