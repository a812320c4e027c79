//! Tests of the service from outside: one binary, with a module for each front end or guarantee.
//!
//! Each test starts what it needs on a free port with a fresh data directory and stops it at the end, so tests
//! run in any order and in parallel. Traffic stays on the loopback interface.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test must fail on anything that it does not expect"
)]

mod exchange;
mod app;
mod material;
mod message;
mod channels;
mod old_files;
mod anonymize;
mod headers;
mod column_options;
mod looking;
mod mending;
mod soap;
mod soap_forms;
mod callers;
mod availability;
mod logins;
mod request_ids;
mod companions;
mod rest;
mod user_import;
mod warnings;
mod rejects;
mod no_content;
mod gate;
mod tokens;
mod organizations;
mod expect;
mod http;
mod security;
mod csv;
mod workbook;
mod bad_input;
mod wsdl;
mod exchanges;
mod captures;
mod layers;
mod architecture;
mod words;
mod project_files;
mod xml_conformance;
mod presets;
mod template;
mod process;
mod fault;
mod first_run;
mod full_disk;
mod failing_disk;
mod no_resources;
mod peaks;
mod stores;
mod store_changes;
mod store_imports;
mod store_resources;
mod store_filters;
mod store_transactions;
mod store_search;
mod store_access;
mod portal;
mod provision;
mod provision_single;
mod provision_bulk;
mod provision_queue;
mod provision_comparison;
mod provision_memory;
mod jobs;
mod sorted;
mod small_calls;
mod marker_passwords;
mod hundred_thousand;
mod terminal;
mod stated_charset;
mod text_files;
mod imports_at_the_terminal;
mod export;
mod backup;
mod send;
mod check_config;
mod docs;
mod names;
mod account_state;
mod passwords;
mod password_rights;
mod hash_schemes;
mod hashes;
mod lifecycle;
mod precautions;
mod crash;
mod crash_queue;
mod soapui;
mod corpora;
mod twins;
mod scim_filters;
mod scim;
mod scim_mounts;
mod scim_messages;
mod scim_bulk;
mod scim_wso2;
mod scim_queue;
mod scim_resources;
mod scim_versions;
mod scim_lists;
mod scim_pages;
mod scim_twins;
mod scim_undo;
mod scim_organizations;
mod zuora;
mod zuora_access;
