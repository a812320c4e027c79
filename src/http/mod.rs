//! HTTP/1.1: the server, the steps shared by all front ends (`intake`), and one folder per front end. The front
//! ends never import each other.

pub mod settings;
pub mod server;
pub mod connection;
pub mod connection_log;
pub mod tls;
mod certificate;
mod self_signed;
mod tls_watch;
pub mod health;
pub mod request_id;
pub mod blocking;
pub mod intake;
pub mod login;
pub mod traffic;
pub mod pace;
pub mod client_address;
pub mod base_url;
pub mod form_reader;
pub mod event_stream;
pub mod reject_download;
pub mod challenge;
pub mod cross_site;
pub mod unread;
pub mod front_end;
pub mod server_parts;
pub mod soap;
pub mod rest;
pub mod scim;
pub mod web;
