//! `bulkImportUsers` as clients call it.

use crate::app::{RELATED, TestApp, inline, multipart};

/// The vendor's sample: three users with a given name, no final line end.
const SAMPLE: &str = "UserName,FirstName\nbulkUser1,Ruwan\nbulkUser2,Asitha\nbulkUser3,Prasan";

#[test]
fn the_vendors_sample_makes_three_users_with_a_given_name_and_the_default_password() {
    let server = TestApp::start();
    let response = server.post(RELATED, multipart(SAMPLE).as_bytes());
    assert_eq!(response.status, 200, "{}", response.body);
    assert_eq!(
        response.header("content-type"),
        Some("text/xml; charset=utf-8")
    );
    assert!(response.element("bulkImportUsersResponse").is_some());
    let users = server.users();
    let seen: Vec<_> = users
        .iter()
        .map(|user| {
            (
                user.user_name.as_str(),
                user.given_name.as_deref(),
                user.must_change_password,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("bulkUser1", Some("Ruwan"), true),
            ("bulkUser2", Some("Asitha"), true),
            ("bulkUser3", Some("Prasan"), true),
        ]
    );
}

#[test]
fn a_second_run_changes_nothing_and_says_so_in_the_originals_words() {
    let server = TestApp::start();
    assert_eq!(
        server.post("text/xml", inline(SAMPLE).as_bytes()).status,
        200
    );
    let response = server.post("text/xml", inline(SAMPLE).as_bytes());
    assert_eq!(response.status, 500);
    assert_eq!(
        response.fault_text(),
        "Bulk User Import was completed with Errors. Success count : 0,  Failed Count : 0, \
         Duplicate Count : 3."
    );
    assert_eq!(server.user_names().len(), 3);
}
