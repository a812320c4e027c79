//! Lists of resources (RFC 7644 §3.4.2 and §3.4.3): filtered, sorted and paged.

use actix_web::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::http::scim::answer::Answer;
use crate::http::scim::call::Call;
use crate::http::scim::cursor::Query;
use crate::http::scim::error::Failure;
use crate::http::scim::list_request::ListRequest;
use crate::http::scim::message::LIST_RESPONSE;
use crate::http::scim::mount::Mount;
use crate::scim::error::{ErrorType, ScimError};
use crate::scim::filter::Filter;
use crate::scim::path::AttributePath;
use crate::scim::projection::Projection;
use crate::scim::schema::{Returned, Type};
use crate::users::documents::resource;
use crate::users::documents::wso2_names::Names;
use crate::users::resources::{Found, Keyset, Kind, Order, ResourceQuery};

/// A page of documents.
struct Page {
    documents: Vec<Value>,
    total: u64,
    next: Option<Keyset>,
}

impl Call<'_> {
    /// Lists resources of one kind.
    pub(super) fn list(&self, kind: Kind, request: &ListRequest) -> Result<Answer, Failure> {
        let filter = self.filter(kind, request)?;
        let sort = self.sort(kind, request)?;
        let projection = self.shown(kind, request)?;
        let order = sort.as_ref().map(|path| Order {
            path,
            descending: request.descending,
        });
        let text = self.query_text(kind, request)?;
        let now = self.app.clock.now();
        let opened = match request.cursor.as_deref() {
            None | Some("") => None,
            Some(cursor) => {
                let count = request.count.map(|_| self.count(request));
                Some(self.state.cursors.open(cursor, &text, count, now)?)
            }
        };
        let count = opened.as_ref().map_or(self.count(request), |it| it.count);
        let query = Query { text, count };
        let domain = self.domain(request)?;
        let by_cursor = request.cursor.is_some();
        let start = match by_cursor {
            true => 1,
            false => request.start_index.unwrap_or(1),
        };
        let page = self.page(
            kind,
            &ResourceQuery {
                domain: domain.as_deref(),
                filter: filter.as_ref(),
                order,
                after: opened.as_ref().map(|it| &it.after),
                skip: start - 1,
                limit: count,
            },
            &projection,
        )?;
        let mut body = message(page.total, page.documents);
        if by_cursor {
            if let Some(next) = page.next.filter(|_| count > 0) {
                let cursor = self.state.cursors.seal(&query, &next, now);
                body.insert("nextCursor".into(), cursor.into());
            }
        } else {
            body.insert("startIndex".into(), start.into());
        }
        Ok(Answer::of(StatusCode::OK, body.into()))
    }

    /// Lists resources of every kind: users first, then groups.
    pub(super) fn list_all(&self, request: &ListRequest) -> Result<Answer, Failure> {
        if request.cursor.is_some() {
            return Err(ScimError::of(
                ErrorType::InvalidCursor,
                "Cursors are supported for one resource type only: use /Users/.search or /Groups/.search, or page \
                 with startIndex.",
            )
            .into());
        }
        let domain = self.domain(request)?;
        let start = request.start_index.unwrap_or(1);
        let (mut skip, mut left) = (start - 1, self.count(request));
        let (mut documents, mut total) = (Vec::new(), 0_u64);
        let mut misread = None;
        for kind in [Kind::User, Kind::Group] {
            // An attribute that only the other kind has is not an error here; it matches nothing.
            let read = self
                .filter(kind, request)
                .and_then(|filter| Ok((filter, self.sort(kind, request)?)));
            let (filter, sort) = match read {
                Ok(read) => read,
                Err(error) if misread.is_none() => {
                    misread = Some(error);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let order = sort.as_ref().map(|path| Order {
                path,
                descending: request.descending,
            });
            let projection = self.shown(kind, request)?;
            let query = ResourceQuery {
                domain: domain.as_deref(),
                filter: filter.as_ref(),
                order,
                after: None,
                skip,
                limit: left,
            };
            let page = self.page(kind, &query, &projection)?;
            let of_kind = usize::try_from(page.total).unwrap_or(usize::MAX);
            let wanted = of_kind.saturating_sub(skip).min(left);
            skip = skip.saturating_sub(of_kind);
            // The next kind follows only if the page has space left.
            left = match page.documents.len() < wanted {
                true => 0,
                false => left - page.documents.len(),
            };
            total += page.total;
            documents.extend(page.documents);
        }
        let mut body = message(total, documents);
        body.insert("startIndex".into(), start.into());
        Ok(Answer::of(StatusCode::OK, body.into()))
    }

    fn page(
        &self,
        kind: Kind,
        query: &ResourceQuery<'_>,
        projection: &Projection<'_>,
    ) -> Result<Page, Failure> {
        let organization = &self.authority()?.actor.organization;
        let provisioner = &self.app.provisioner;
        let page = match kind {
            Kind::User => {
                let found = provisioner.find_users(organization, query)?;
                documents(found, |user| resource::user(user, &self.base), projection)
            }
            Kind::Group => {
                let members = projection.shows("members");
                let found = provisioner.find_groups(organization, query, members)?;
                documents(
                    found,
                    |group| resource::group(group, &self.base),
                    projection,
                )
            }
        };
        Ok(page)
    }

    fn count(&self, request: &ListRequest) -> usize {
        let settings = &self.app.provisioner.settings;
        let count = request.count.unwrap_or(settings.page_size);
        count.min(settings.max_page_size)
    }

    fn filter(&self, kind: Kind, request: &ListRequest) -> Result<Option<Filter>, ScimError> {
        let text = request.filter.as_deref();
        text.filter(|text| !text.trim().is_empty())
            .map(|text| {
                let quotes = self.mount.leniency().quotes();
                let resource_type = self.resource_type(kind);
                let filter = Filter::parse_with(text, resource_type, quotes)?;
                if self.mount == Mount::Rfc {
                    return Ok(filter);
                }
                let domain = self.domain(request)?;
                let names = Names {
                    domains: &self.app.domains,
                    domain: domain.as_deref(),
                    resource_type,
                };
                Ok(names.read(filter))
            })
            .transpose()
    }

    /// The user store that WSO2's parameter `domain` limits the list to; the other address ignores it as an
    /// unknown parameter (RFC 7644 §3.9).
    fn domain(&self, request: &ListRequest) -> Result<Option<String>, ScimError> {
        let Some(name) = request
            .domain
            .as_deref()
            .filter(|_| self.mount == Mount::Wso2)
        else {
            return Ok(None);
        };
        let domain = self.app.domains.find(Some(name));
        domain
            .map(|domain| Some(domain.name))
            .map_err(|unknown| ScimError::value(format!("domain: {unknown}")))
    }

    fn sort(&self, kind: Kind, request: &ListRequest) -> Result<Option<AttributePath>, ScimError> {
        let Some(text) = &request.sort_by else {
            return Ok(None);
        };
        let resource_type = self.resource_type(kind);
        let refuse = |why: &str| {
            ScimError::of(
                ErrorType::InvalidPath,
                format!("sortBy {text:?} {why}; name an attribute with a value."),
            )
        };
        let path = AttributePath::parse(text, resource_type)
            .map_err(|why| refuse(&format!("is not an attribute: {why}")))?
            .compared(resource_type);
        let target = path.target(resource_type);
        if target.is_some_and(|attribute| attribute.returned == Returned::Never) {
            return Err(refuse("is never returned"));
        }
        if path.kind == Type::Complex {
            return Err(refuse("is a complex attribute"));
        }
        Ok(Some(path))
    }

    fn shown(&self, kind: Kind, request: &ListRequest) -> Result<Projection<'_>, ScimError> {
        Projection::of(
            request.attributes.as_deref().unwrap_or_default(),
            request.excluded_attributes.as_deref().unwrap_or_default(),
            self.resource_type(kind),
        )
    }

    /// Everything that distinguishes one query from another, as text.
    fn query_text(&self, kind: Kind, request: &ListRequest) -> Result<String, Failure> {
        let organization = &self.authority()?.actor.organization;
        Ok(json!([
            organization,
            self.resource_type(kind).name,
            request.filter,
            request.sort_by,
            request.descending,
            self.domain(request)?
        ])
        .to_string())
    }
}

fn documents<T>(
    found: Found<T>,
    render: impl Fn(&T) -> Map<String, Value>,
    projection: &Projection<'_>,
) -> Page {
    let documents = found.resources.iter().map(|resource| {
        let mut document = render(resource);
        projection.apply(&mut document);
        Value::Object(document)
    });
    Page {
        documents: documents.collect(),
        total: found.total,
        next: found.next,
    }
}

/// The message, without the position of its first resource.
pub(super) fn message(total: u64, documents: Vec<Value>) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("schemas".into(), json!([LIST_RESPONSE]));
    body.insert("totalResults".into(), total.into());
    body.insert("itemsPerPage".into(), documents.len().into());
    body.insert("Resources".into(), documents.into());
    body
}
