//! Header lines and beginnings of files, and the columns found in them.

use super::*;
use crate::formats::csv::CsvRows;
use crate::formats::open::{KnownColumns, Options, open};
use crate::formats::row::Row;
use crate::formats::settings::Settings;
use crate::formats::workbook_memory::WorkbookMemory;
use crate::import::columns::RowContent;
use crate::wire::spool::SpoolSettings;

fn table() -> ClaimTable {
    ClaimTable::new(&Default::default())
}

/// For the first row after the header: the value of each field and the codes of the warnings.
fn plan(file: &str) -> Result<(String, Vec<String>), String> {
    plan_as(HeaderLine::Auto, &[], file)
}

fn plan_as(line: HeaderLine, map: &[&str], file: &str) -> Result<(String, Vec<String>), String> {
    let table = table();
    let settings = Settings::default();
    let spool = SpoolSettings {
        folder: std::env::temp_dir(),
        limit: 0,
    };
    let options = Options {
        charset: None,
        columns: KnownColumns(&|_| false),
        called: None,
        settings: &settings,
        spool: &spool,
        memory: &WorkbookMemory::new(&settings),
        sheet: None,
    };
    let mut opened = open(file.as_bytes(), &options).map_err(|error| error.to_string())?;
    let mut rows = opened.rows().unwrap();
    rows.look_ahead(LOOK).unwrap();
    let mut columns = ColumnMap::default();
    map.iter().for_each(|entry| columns.add(entry).unwrap());
    let beginning = Beginning {
        rows: rows.ahead().iter().map(Row::text).collect(),
        first_line_is_empty: rows.first_line_is_empty(),
        is_workbook: false,
    };
    let wanted = Wanted {
        line,
        map: &columns,
        settings_map: &settings.map,
    };
    let header = read(&beginning, wanted, &table).map_err(|error| error.to_string())?;
    rows.skip_ahead(header.rows);
    let mut warnings = header.warnings;
    let row = rows.next_row().unwrap().unwrap();
    let seen = match header.plan.read(&row.text().unwrap()) {
        Ok(RowContent::User(mut c)) => {
            warnings.append(&mut c.warnings);
            let codes: Vec<String> = c.problems.iter().map(|it| it.code.to_string()).collect();
            format!(
                "{}|{}|{}|{}|{}|{:?}|{}|{codes:?}",
                c.user_name,
                c.password.unwrap_or("-"),
                c.given_name.unwrap_or("-"),
                c.family_name.unwrap_or("-"),
                c.email.unwrap_or("-"),
                c.attributes,
                c.roles.unwrap_or("-"),
            )
        }
        Ok(RowContent::Header) => "header".into(),
        Ok(RowContent::Ruled) => "ruled".into(),
        Ok(RowContent::Separator) => "separator".into(),
        Ok(RowContent::Example) => "example".into(),
        Ok(RowContent::Nothing) => "nothing".into(),
        Err(problem) => problem.code.to_string(),
    };
    let codes = warnings.into_iter().map(|it| it.code.into_owned());
    Ok((seen, codes.collect()))
}

fn first(file: &str) -> String {
    plan(file).unwrap().0
}

#[test]
fn vendors_sample_has_given_names_and_no_passwords() {
    assert_eq!(
        plan("UserName,FirstName\nbulkUser1,Ruwan").unwrap(),
        (r#"bulkUser1|-|Ruwan|-|-|[]|-|[]"#.into(), vec![])
    );
}

#[test]
fn original_dialect_reads_claim_cells() {
    assert_eq!(
        first(
            "UserName,Password,Claims\n\
             n,P,http://wso2.org/claims/emailaddress=n@x.org,http://wso2.org/claims/country=FR,\
             ,http://wso2.org/claims/role=admin:Internal/x,=ignored,\
             http://wso2.org/claims/givenname=G="
        ),
        r#"n|P|G|-|n@x.org|[("country", "FR")]|admin:Internal/x|[]"#
    );
    assert_eq!(first("UserName,Password,Claims\nn,P"), "n|P|-|-|-|[]|-|[]");
    assert_eq!(first("UserName,Password,Claims\nn"), "n|-|-|-|-|[]|-|[]");
    let renamed = "UserName,Password,Email\nn,P,http://wso2.org/claims/emailaddress=n@x.org";
    assert_eq!(
        first(renamed),
        "n|P|-|-|n@x.org|[]|-|[]",
        "the header's name does not matter"
    );
}

#[test]
fn invalid_claim_cells_are_refused_as_in_the_original() {
    for (cell, code) in [
        ("http://wso2.org/claims/givenname", "claim-format"),
        ("http://wso2.org/claims/givenname=", "claim-format"),
        ("http://wso2.org/claims/givenname=a=b", "claim-format"),
        ("http://wso2.org/claims/nosuch=a", "claim-unknown"),
    ] {
        let file = format!("UserName,Password,Claims\nn,P,{cell}");
        assert_eq!(first(&file), format!("n|P|-|-|-|[]|-|[{code:?}]"), "{cell}");
    }
}

#[test]
fn headings_may_have_any_order_and_case() {
    assert_eq!(
        first(
            "EmailAddress,familyName,USERNAME,given name,http://wso2.org/claims/country\n\
               n@x.org,F,n,G,FR"
        ),
        r#"n|-|G|F|n@x.org|[("country", "FR")]|-|[]"#
    );
    assert_eq!(
        first("username,email,_line,_code\nn,n@x.org,4,x"),
        "n|-|-|-|n@x.org|[]|-|[]"
    );
    assert_eq!(
        first("username,email,,\nn,n@x.org,,"),
        "n|-|-|-|n@x.org|[]|-|[]"
    );
}

#[test]
fn row_may_have_fewer_cells_and_claims_after_the_last_one() {
    assert_eq!(first("username,email\nn"), "n|-|-|-|-|[]|-|[]");
    assert_eq!(first("username,email\nn,e@x,,"), "n|-|-|-|e@x|[]|-|[]");
    assert_eq!(
        first("username,email\nn,e@x,http://wso2.org/claims/country=FR"),
        r#"n|-|-|-|e@x|[("country", "FR")]|-|[]"#
    );
    assert_eq!(first("username,email\nn,e@x,x"), "field-count");
}

#[test]
fn ambiguous_headers_are_refused() {
    for (file, says) in [
        (
            "username,email,colour\na,b,c",
            "unknown columns: \"colour\"",
        ),
        ("email,givenname\na,b", "no user name column"),
        (
            "username,firstname,given_name\na,b,c",
            "\"firstname\" and \"given_name\"",
        ),
        (
            "username,title,Title\na,b,c",
            "names the column Title twice",
        ),
        ("username,colour\na,b", "unknown columns: the second one"),
        (
            "username (required),email (optional)\nn,n@x.org",
            "is it username?",
        ),
        ("username:,password:\nn,P", "is it username?"),
        (
            "id,upn\n4711,n@x.org",
            "none of its columns is known: \"id\", the second one",
        ),
        ("Benutzer,Kennwort\nn,P", "none of its columns is known"),
        ("kim\nlee\n", "none of its columns is known: \"kim\""),
        ("hello world\n", "\"hello world\""),
        (
            "# made by hand\nusername,email\nn,n@x.org",
            "line 2 looks like it",
        ),
        (
            "Staff of 2026,,\n,,\nusername,email,title\nn,n@x.org,Dr",
            "line 3 looks like it",
        ),
        ("\nusername,colour\nn,P", "unknown columns"),
        (
            "username,password,email,colour\nn,P,n@x.org,red",
            "unknown columns: \"colour\"",
        ),
        (
            ",username,email\nx,n,n@x.org",
            "column 1 (it has no heading)",
        ),
    ] {
        let error = plan(file).unwrap_err();
        assert!(error.contains(says), "{file:?}: {error}");
        assert!(error.contains("header"), "{error}");
    }
    let hidden = plan("user,S3cret,email\na,b,c").unwrap_err();
    assert!(
        !hidden.contains("S3cret"),
        "a possible password is not quoted"
    );
}

#[test]
fn original_headers_and_rows_are_read_by_position() {
    let claim = "http://wso2.org/claims/country=FR";
    for file in [
        "name,pwd\nn,Pass-1".to_owned(),
        "LOGIN,Credential\nn,Pass-1".to_owned(),
        "User Name,PASS,Colour\nn,Pass-1".to_owned(),
        format!("name,password,email\nn,Pass-1,{claim}"),
        format!("Benutzer,Kennwort,Angaben\nn,Pass-1,{claim}"),
        format!("a,b\nn,Pass-1,{claim}\nm,Pass-2"),
    ] {
        let (seen, warnings) = plan(&file).unwrap();
        assert!(seen.starts_with("n|Pass-1|-|-|-|"), "{file:?}: {seen}");
        assert_eq!(warnings, ["header-not-understood"], "{file:?}");
    }
    let addresses = format!("a,b\nn,n@x.org\nm,Pass-2,{claim}");
    assert!(
        plan(&addresses)
            .unwrap_err()
            .contains("none of its columns")
    );
}

#[test]
fn file_without_a_header_loses_no_user() {
    let claim = "http://wso2.org/claims/country=FR";
    for (file, code) in [
        ("\nn,Pass-1\nm,Pass-2".to_owned(), None),
        (",,\nn,Pass-1,\nm,Pass-2,".to_owned(), None),
        (
            format!("n,Pass-1,{claim}\nm,Pass-2"),
            Some("first-line-is-data"),
        ),
        ("n,Pass-1\nm,Pass-2".to_owned(), Some("first-line-is-data")),
        ("n,Passw0rd".to_owned(), Some("first-line-is-data")),
    ] {
        let (seen, warnings) = plan(&file).unwrap();
        assert!(seen.starts_with("n|Pass"), "{file:?}: {seen}");
        assert_eq!(
            warnings,
            code.map(str::to_owned).into_iter().collect::<Vec<_>>(),
            "{file:?}"
        );
    }
    // An address may not be a password.
    assert!(plan("n,Pass-1\nm,m@x.org").is_err());
    assert!(plan("Employee,Address1,Address2\nn,a,b").is_err());
}

#[test]
fn title_above_the_header_is_refused() {
    for title in [
        "Generated,2026-12-01T08:00:00Z",
        "Stand:,12.Dez.2026",
        "Benutzerliste,Stand-01.Dez.2026",
        "Export,Q4-2026a",
        "Staff,v2.1-Final",
    ] {
        for (before, header, line) in [
            ("", "username,givenname\nkim,Kimberley\n", 2),
            ("\n", "username,givenname\nkim,Kimberley\n", 3),
            ("", ",\nusername,displayname,email\nkim,Kim,k@x.org\n", 3),
            ("", "by,Ops-Team-7x\nusername,givenname\nkim,Kimberley\n", 3),
            ("", "username,password\nkim,Pass-1-xx\n", 2),
            ("\n", "UserName,Password,Claims\nkim,Pass-1-xx\n", 3),
            (
                "",
                "username,givenname,claims\nkim,Kim,http://wso2.org/claims/country=FR\n",
                2,
            ),
        ] {
            let has_password = header.to_lowercase().contains(",password");
            if title.starts_with("Staff") && has_password {
                // It has the shape of a user with a password.
                continue;
            }
            let file = format!("{before}{title}\n{header}");
            let error = plan(&file).unwrap_err();
            assert!(
                error.contains(&format!("line {line} looks like it")),
                "{file:?}: {error}"
            );
        }
    }
    let (seen, warnings) = plan("kim,Pass-1-xx\nusername,password\nlee,Pass-2-xx\n").unwrap();
    assert!(seen.starts_with("kim|Pass-1-xx|"), "{seen}");
    assert_eq!(warnings, ["first-line-is-data"]);
    // The rows below may have other columns as passwords.
    let error = plan("kim,Pass-1-xx\nusername,displayname\nlee,Leander-X\n").unwrap_err();
    assert!(error.contains("line 2 looks like it"), "{error}");
    let error = plan("name,pwd\nkim,Pass-1-xx\nusername,displayname\nlee,Leander-X\n").unwrap_err();
    assert!(error.contains("line 3 looks like it"), "{error}");
}

#[test]
fn numbered_headings_are_not_users() {
    for file in [
        "Kundennr,Telefon1\n4711,030-1234\n",
        "\nKundennr,Telefon1\n4711,030-1234\n",
        "Mitarbeiter,Adresse1\nkim,Hauptstr.5\n",
        "ID,Column2\n1,Kim-2026\n",
        "Kunde,E-Mail2\nkim,Pass-1-xx\n",
        "Export,Q4-2026a\nkim,Kimberley\nlee,Leander\nlou,Louise-1\n",
    ] {
        let error = plan(file).unwrap_err();
        assert!(
            error.contains("none of its columns is known"),
            "{file:?}: {error}"
        );
    }
    for file in [
        "n,Password1\nm,Password2\n",
        "n,Pass-1-xx\nm,Pass-2-xx\no,summer\n",
        "n,Passw0rd\nm,\no\n",
    ] {
        let (seen, warnings) = plan(file).unwrap();
        assert!(seen.starts_with("n|Pass"), "{file:?}: {seen}");
        assert_eq!(warnings, ["first-line-is-data"], "{file:?}");
    }
}

#[test]
fn near_heading_after_an_empty_line_is_not_a_user() {
    for file in [
        "\nusername:,password:\nkim,Pass-1-xx",
        "\nusername (required),x\nkim,Pass-1-xx",
        "\nKürzel,Password *\nkim,Pass-1-xx",
        "\nName,Vorname\nkim,Kimberley",
        "\nBenutzername,Kennwort\nkim,Pass-1-xx",
        "\nUtilisateur,Mot de passe\nkim,Pass-1-xx",
        ",,\nusername:,password:,\nkim,Pass-1-xx,",
        "username:,Pass-1:\nkim,Pass-1-xx",
    ] {
        let error = plan(file).unwrap_err();
        assert!(
            error.contains("was read as the header line"),
            "{file:?}: {error}"
        );
    }
    for password in ["City*2026", "mail:Drop-7", "Title(7)x", "Phone?77"] {
        let seen = first(&format!("\nkim,{password}\nlee,Pass-2-xx"));
        assert!(seen.starts_with(&format!("kim|{password}|")), "{seen}");
    }
    for name in ["mail.desk", "phone.support", "kim", "city/hall"] {
        let file = format!("\n{name},Pass-1-xx\nlee,Pass-2-xx");
        assert!(
            first(&file).starts_with(&format!("{name}|Pass-1-xx|")),
            "{name}"
        );
    }
}

#[test]
fn row_in_one_cell_fails() {
    for (header, row) in [
        ("UserName,Password,Claims", "\"mira,Meadow-Lark-77,\""),
        ("username,email", "\"mira,mira@example.com\""),
        ("username,email", "\"mira,mira@example.com\",,,"),
        ("username,email", "\"mira;mira@example.com\", "),
        ("username;displayname;title", "kim,Kim,x"),
        ("username,title", "kim\tDr"),
        ("username,title", "kim|Dr"),
        (
            "UserName,Password,Claims",
            "\"mira,Meadow-Lark-77\",,http://wso2.org/claims/country=FR",
        ),
        (
            "username,title,email",
            "\"mira,Dr,mira@example.com\",,m@x.org",
        ),
        ("name,pwd", "\"mira,Meadow-Lark-77\""),
    ] {
        assert_eq!(first(&format!("{header}\n{row}")), "field-count", "{row}");
    }
    for (header, row, seen) in [
        ("username,title", "\"o,p\",Dr", "o,p|-|"),
        (
            "username,title",
            "\"uid=kim,ou=Building12\",Dr",
            "uid=kim,ou=Building12|-|",
        ),
        ("username", "\"o,p\"", "o,p|-|"),
        ("username,title", "kim,", "kim|-|"),
        ("username,title", "a:b,", "a:b|-|"),
    ] {
        let found = first(&format!("{header}\n{row}"));
        assert!(found.starts_with(seen), "{row}: {found}");
    }
}

#[test]
fn reject_file_restores_surplus_cells() {
    let claim = "http://wso2.org/claims/country=FR";
    let header = "username,title,_extra1,_extra2,_line,_code,_message";
    let row = |surplus: &str| first(&format!("{header}\nu1,Dr,{surplus},2,x,y"));
    assert_eq!(
        row(&format!("{claim},")),
        r#"u1|-|-|-|-|[("title", "Dr"), ("country", "FR")]|-|[]"#
    );
    assert!(row(&format!(",{claim}")).contains("FR"));
    assert_eq!(row(","), r#"u1|-|-|-|-|[("title", "Dr")]|-|[]"#);
    assert!(row("b,").ends_with(r#"["field-count"]"#), "{}", row("b,"));
    assert!(row(",\u{20}x=y").ends_with(r#"["field-count"]"#));
    // In other files, columns with this name are not read.
    assert_eq!(first("username,_extra1\nu1,b"), "u1|-|-|-|-|[]|-|[]");
}

#[test]
fn caller_can_select_the_header_line() {
    let read = |line, file: &str| plan_as(line, &[], file).map(|(seen, _)| seen);
    let line = HeaderLine::Line;
    assert_eq!(
        read(line(2), "Staff\nusername,title\nn,Dr").unwrap(),
        r#"n|-|-|-|-|[("title", "Dr")]|-|[]"#
    );
    assert_eq!(
        read(line(1), "n,Pass-1\nm,Pass-2").unwrap(),
        "m|Pass-2|-|-|-|[]|-|[]"
    );
    assert_eq!(
        read(line(1), "Benutzer,Kennwort\nn,Pass-1").unwrap(),
        "n|Pass-1|-|-|-|[]|-|[]"
    );
    assert_eq!(
        read(HeaderLine::None, "n,Pass-1\nm,Pass-2").unwrap(),
        "n|Pass-1|-|-|-|[]|-|[]"
    );
    assert_eq!(
        read(line(1), "\nn,Pass-1").unwrap(),
        "n|Pass-1|-|-|-|[]|-|[]"
    );
    for (at, file, says) in [
        (
            line(9),
            "username\nn",
            "Line 9 was given as the header line",
        ),
        (line(1), "username,colour\nn,x", "unknown columns"),
        (line(2), "\"a\nb\",c\nusername\nn", "Line 2 was given as"),
    ] {
        let error = read(at, file).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn caller_can_map_columns() {
    let read =
        |map: &[&str], file: &str| plan_as(HeaderLine::Auto, map, file).map(|(seen, _)| seen);
    let file = "Kürzel,E-Mail  Address,Ext.\nn,n@x.org,12";
    let seen = "n|-|-|-|n@x.org|[]|-|[]";
    assert_eq!(
        read(
            &["kürzel=username", "e-mail address=emailaddress", "Ext.=_"],
            file
        )
        .unwrap(),
        seen
    );
    assert_eq!(
        read(
            &["1=username", "2=http://wso2.org/claims/emailaddress", "3=_"],
            file
        )
        .unwrap(),
        seen
    );
    for (map, says) in [
        (&["Kürzel=username"][..], "unknown columns: \"Ext.\""),
        (
            &["Nickname=nickname"][..],
            "\"Nickname\", which the header line does not have",
        ),
        (
            &["Kürzel=nosuch"][..],
            "means \"nosuch\", which is not a column",
        ),
        (
            &["Kürzel=username", "2=username", "3=_"][..],
            "both read as \"User name\"",
        ),
    ] {
        let error = read(map, file).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
    let numbered = plan_as(
        HeaderLine::None,
        &["2=username", "1=title"],
        "Dr,n,x\nMs,m,y",
    )
    .unwrap();
    assert_eq!(numbered.0, r#"n|-|-|-|-|[("title", "Dr")]|-|[]"#);
}

#[test]
fn repeated_headers_and_ruled_lines_are_not_users() {
    assert_eq!(first("username,email\n--------,-----\nn,n@x.org"), "ruled");
    assert_eq!(
        first("username,email,password\nUserName,Email,Password\n"),
        "header"
    );
    assert_eq!(first("name,pwd\nname,PWD\n"), "header");
    assert_eq!(first("name,pwd\nusername,password,claims\n"), "header");
    assert_eq!(
        first("username,email,password\nemail,username,password"),
        "header-repeated"
    );
    assert_eq!(
        first("username,email\nuser,user@x.org"),
        "user|-|-|-|user@x.org|[]|-|[]"
    );
}

#[test]
fn repeated_header_like_the_originals_is_not_a_user() {
    let headers = [
        "UserName,Password,Claims",
        "name,pwd",
        "user,pass,colour",
        "login,credential",
    ];
    for header in headers {
        for again in headers {
            for more in ["", ",", ",,\u{a0}"] {
                assert_eq!(
                    first(&format!("{header}\n{again}{more}")),
                    "header",
                    "{header}: {again}"
                );
            }
        }
        for sep in ["sep=,", "\"sep=;\"", "SEP=,"] {
            assert_eq!(first(&format!("{header}\n{sep}\n")), "separator", "{sep}");
        }
        for user in [
            "user,Pass-1",
            "login,Pass-1",
            "name,Pass-1",
            "Nick,Pass-1",
            "sepp,Pass-1",
        ] {
            let found = first(&format!("{header}\n{user}"));
            assert!(found.contains("|Pass-1|"), "{user}: {found}");
        }
    }
    assert_eq!(first("username,email,title\nUSER,E-Mail"), "header");
    assert_eq!(first("username,email,title\nuser,title"), "header-repeated");
    assert_eq!(
        first("username,givenname\nBenutzer,Kennwort"),
        "Benutzer|-|Kennwort|-|-|[]|-|[]"
    );
    assert_eq!(first("name,pwd\nBenutzer,Kennwort"), "header-repeated");
    let mapped = plan_as(
        HeaderLine::Auto,
        &["Kürzel=username", "Straße=streetaddress"],
        "Kürzel,Straße\nKÜRZEL,straße",
    );
    assert_eq!(mapped.unwrap().0, "header");
}

#[test]
fn lines_of_other_signs_are_not_users() {
    for line in [
        "******,*****",
        "═════,═══",
        "~~~~,~~~~",
        "....,....",
        "____________,",
        "———,———",
    ] {
        for header in ["username,title", "name,pwd"] {
            assert_eq!(first(&format!("{header}\n{line}\n")), "ruled", "{line}");
        }
    }
}

#[test]
fn cells_are_normalized_before_they_are_read() {
    assert_eq!(
        first("username,email,given name\n n\t, n@x.org\u{a0},\u{200b}G "),
        "n|-|G|-|n@x.org|[]|-|[]"
    );
    assert_eq!(
        first("username,employeeNumber,postalcode\n=\"007\",=\"00077\",\"=\"\"01\"\"\""),
        r#"007|-|-|-|-|[("employeeNumber", "00077"), ("postalcode", "01")]|-|[]"#
    );
    assert_eq!(
        first("username,email,mobile,displayName\nn,NULL,(null),Null"),
        r#"n|-|-|-|-|[("displayName", "Null")]|-|[]"#
    );
    assert_eq!(
        first("username,email\n#N/A,e@x"),
        r#"|-|-|-|e@x|[]|-|["cell-error"]"#
    );
    assert_eq!(
        first("username,email\nn,kim"),
        r#"n|-|-|-|kim|[]|-|["email-form"]"#
    );
    let claims = "UserName,Password,Claims\nn, Pass-1 ,http://wso2.org/claims/emailaddress=x y";
    assert_eq!(
        first(claims),
        "n|Pass-1|-|-|x y|[]|-|[]",
        "as in the original"
    );
    assert_eq!(plan(claims).unwrap().1, ["password-trimmed", "email-form"]);
    assert_eq!(first("username,email\n \u{a0},\t"), "nothing");
    for (sign, end) in [
        ("\u{200e}", "\u{200e}"),
        ("\u{202a}", "\u{202c}"),
        ("", "\u{ad}"),
        ("\u{2067}", "\u{2069}"),
    ] {
        let file =
            format!("username,email,password\n{sign}n{end},{sign}n@x.org{end},{sign}Pass-1{end}");
        let (seen, warnings) = plan(&file).unwrap();
        assert_eq!(seen, "n|Pass-1|-|-|n@x.org|[]|-|[]", "{file:?}");
        assert_eq!(warnings, ["password-trimmed"]);
    }
}

#[test]
fn address_columns_accept_only_addresses() {
    for column in ["emails.work", "emails.home", "emails.other", "email"] {
        for (cell, code) in [
            ("NULL", ""),
            ("(null)", ""),
            ("", ""),
            ("a@b.org", ""),
            ("not an address", "email-form"),
            ("a@b@c", "email-form"),
            ("@b", "email-form"),
        ] {
            let seen = first(&format!("username,{column}\nn,{cell}"));
            assert!(seen.contains(code), "{column}: {seen}");
            assert_eq!(
                seen.ends_with("|[]"),
                code.is_empty(),
                "{column}={cell}: {seen}"
            );
            assert!(!seen.to_lowercase().contains("null"), "{seen}");
        }
    }
    assert_eq!(first("username,phoneNumbers\nn,NULL"), "n|-|-|-|-|[]|-|[]");
    let claim = "http://wso2.org/claims/emailaddress=not an address";
    let work = "http://wso2.org/claims/emails.work=a@b@c";
    for cell in [claim, work] {
        for header in ["username,title", "username,title,nickname"] {
            let file = format!("{header}\nn,,{cell}");
            assert!(
                first(&file).ends_with(r#"["email-form"]"#),
                "{}",
                first(&file)
            );
        }
        for header in ["UserName,Password,Claims", "name,pwd"] {
            let (seen, warnings) = plan(&format!("{header}\nn,Pass-1,{cell}")).unwrap();
            assert!(seen.ends_with("|[]"), "as in the original: {seen}");
            assert!(warnings.contains(&"email-form".to_owned()), "{warnings:?}");
        }
    }
}

#[test]
fn rejected_row_shows_no_password_in_any_column() {
    let table = table();
    let cells = |header: &str, row: &str| {
        let file = format!("{header}\n{row}\n");
        let mut rows = CsvRows::new(file.as_bytes(), None);
        let header = rows.next_row().unwrap().unwrap();
        let plan = read(
            &Beginning {
                rows: vec![header.text()],
                first_line_is_empty: false,
                is_workbook: false,
            },
            Wanted {
                line: HeaderLine::Auto,
                map: &ColumnMap::default(),
                settings_map: &ColumnMap::default(),
            },
            &table,
        );
        let plan = plan.unwrap().plan;
        let row = rows.next_row().unwrap().unwrap();
        let cells = plan.text_cells(&row.text().unwrap());
        assert_eq!(plan.cells(&row), cells);
        cells.join("|")
    };
    let header = "username,givenname,password,country";
    assert_eq!(cells(header, "n,G,P,FR"), "n|G||FR");
    assert_eq!(
        cells(header, "n,P,FR"),
        "n||",
        "without the cell before the password"
    );
    assert_eq!(cells(header, "n,P"), "n|");
    assert_eq!(
        cells(header, "n,G,x,P,FR"),
        "n|G|||FR",
        "with a surplus cell before the password"
    );
    assert_eq!(
        cells(header, "n,Secret-1,G,FR"),
        "n|||FR",
        "with columns in another order"
    );
    let claims = "UserName,Password,Claims";
    let claim = "http://wso2.org/claims/password=P";
    assert_eq!(cells(claims, &format!("n,,{claim},x")), "n|||x");
}
