//! Files that clients already send: each creates the same users with the same passwords over every channel,
//! whatever rules for headers, cells, charsets and passwords are added.

use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};

use muster::users::user::User;

use crate::channels::{Bench, Channel, Upload};
use crate::message::DEFAULT_PASSWORD;

/// Each file with its name, for tests of other uses of these files than importing them.
pub fn files() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let files = old_files().into_iter();
    files
        .map(|old| (old.description, old.file_name, old.bytes))
        .collect()
}

/// A user that the file creates: the name, the right password, and everything else as [`rest`] writes it;
/// `*` matches anything.
type Expected = (&'static str, &'static str, &'static str);

/// A file and its expected result.
struct OldFile {
    description: &'static str,
    file_name: &'static str,
    bytes: Vec<u8>,
    options: &'static [(&'static str, &'static str)],
    users: Vec<Expected>,
    /// Rows whose user exists, and rows that fail.
    duplicate: u64,
    failed: u64,
}

impl OldFile {
    fn named(self, file_name: &'static str) -> Self {
        OldFile { file_name, ..self }
    }

    fn into_sales(self) -> Self {
        let options = &[("domain", "SALES")];
        OldFile { options, ..self }
    }

    fn with_bad_rows(self, duplicate: u64, failed: u64) -> Self {
        OldFile {
            duplicate,
            failed,
            ..self
        }
    }
}

fn file(description: &'static str, bytes: impl Into<Vec<u8>>, users: &[Expected]) -> OldFile {
    OldFile {
        description,
        file_name: "users.csv",
        bytes: bytes.into(),
        options: &[],
        users: users.to_vec(),
        duplicate: 0,
        failed: 0,
    }
}

/// The password of rows without one.
const D: &str = DEFAULT_PASSWORD;

/// The common prefix of claim URIs.
const C: &str = "http://wso2.org/claims/";

/// The rows of most files here: one with its own password and claims, one with neither.
fn claims(header: &str) -> String {
    format!(
        "{header}\nkim,Password1,{C}emailaddress=kim@example.com,{C}country=France\n\
         lee,,{C}givenname=Lee\n"
    )
}

/// The users of [`claims`].
const KIM_AND_LEE: &[Expected] = &[
    ("kim", "Password1", "email=kim@example.com; country=France"),
    ("lee", D, "given=Lee"),
];

/// Rows without claims.
fn pairs(header: &str) -> String {
    format!("{header}\nkim,Password1\nlee,\n")
}

/// The users of [`pairs`].
const PAIR: &[Expected] = &[("kim", "Password1", ""), ("lee", D, "")];

/// Headers equivalent to that of the original service, in other words: columns are found by position.
fn headers_by_position() -> Vec<OldFile> {
    vec![
        file(
            "the vendor's documented sample",
            format!(
                "UserName,Password,Claims\n\
                 name1,Password1,{C}emailaddress=name1@gmail.com,{C}country=France\n\
                 name2,Password2,{C}emailaddress=name2@gmail.com,{C}country=France\n"
            ),
            &[
                (
                    "name1",
                    "Password1",
                    "email=name1@gmail.com; country=France",
                ),
                (
                    "name2",
                    "Password2",
                    "email=name2@gmail.com; country=France",
                ),
            ],
        ),
        file(
            "the original's header in small letters",
            claims("username,password,claims"),
            KIM_AND_LEE,
        ),
        file(
            "in capitals, the claims as one",
            claims("USERNAME,PASSWORD,CLAIM"),
            KIM_AND_LEE,
        ),
        file(
            "in quotation marks",
            claims("\"UserName\",\"Password\",\"Claims\""),
            KIM_AND_LEE,
        ),
        file(
            "blanks around its words",
            claims(" UserName , Password , Claims "),
            KIM_AND_LEE,
        ),
        file(
            "a column of claims for each",
            claims("UserName,Password,Claims,Claims,Claims"),
            KIM_AND_LEE,
        ),
        file(
            "a column of claims with another name",
            format!(
                "UserName,Password,Email\nkim,Password1,{C}emailaddress=kim@example.com\n\
                 lee,,{C}givenname=Lee\n"
            ),
            &[
                ("kim", "Password1", "email=kim@example.com"),
                ("lee", D, "given=Lee"),
            ],
        ),
        file(
            "a column of claims with a name that is not known",
            claims("UserName,Password,Colour"),
            KIM_AND_LEE,
        ),
        file("user,pass", pairs("user,pass"), PAIR),
        file("username,password", pairs("username,password"), PAIR),
        file("User Name,Password", pairs("User Name,Password"), PAIR),
        file("user_name,pwd", pairs("user_name,pwd"), PAIR),
        file("login,password", pairs("login,password"), PAIR),
        file("name,pwd", pairs("name,pwd"), PAIR),
        file("Name,Password", pairs("Name,Password"), PAIR),
        file("NAME,CREDENTIAL", pairs("NAME,CREDENTIAL"), PAIR),
        file(
            "name,credential and further words",
            claims("name,credential,colour"),
            KIM_AND_LEE,
        ),
        file(
            "words of another language above claims",
            claims("Benutzer,Kennwort,Angaben"),
            KIM_AND_LEE,
        ),
        file(
            "words that say nothing above claims",
            claims("ID,Code,Extra 1,Extra 2"),
            KIM_AND_LEE,
        ),
        file(
            "words that say nothing, and claims in the last row alone",
            format!("Column A,Column B,Column C\nkim,Password1\nlee,,{C}givenname=Lee\n"),
            &[("kim", "Password1", ""), ("lee", D, "given=Lee")],
        ),
        file(
            "one column",
            "UserName\nkim\nlee\n",
            &[("kim", D, ""), ("lee", D, "")],
        ),
    ]
}

/// Headers that name columns.
fn headers_by_name() -> Vec<OldFile> {
    vec![
        file(
            "the vendor's sample file",
            "UserName,FirstName\nbulkUser1,Ruwan\nbulkUser2,Asitha\nbulkUser3,Prasan",
            &[
                ("bulkUser1", D, "given=Ruwan"),
                ("bulkUser2", D, "given=Asitha"),
                ("bulkUser3", D, "given=Prasan"),
            ],
        ),
        file(
            "in any order",
            "emailaddress,lastname,username,givenname,department,password\n\
             kim@example.com,Lee,kim,Kim,R&D,Password1\n,,lou,,,\n",
            &[
                (
                    "kim",
                    "Password1",
                    "given=Kim; family=Lee; email=kim@example.com; department=R&D",
                ),
                ("lou", D, ""),
            ],
        ),
        file(
            "as people write",
            "User Name,First Name,Last_Name,E-Mail\nkim,Kim,Lee,kim@example.com\n",
            &[("kim", D, "given=Kim; family=Lee; email=kim@example.com")],
        ),
        file(
            "in other words",
            "login,pwd,forename,surname,mail,phone,city,zip,state,street\n\
             kim,Password1,Kim,Lee,kim@example.com,+46 8 123,Lund,00223,Skåne,\"Storgatan 1, 2 tr\"\n",
            &[(
                "kim",
                "Password1",
                "given=Kim; family=Lee; email=kim@example.com; locality=Lund; postalcode=00223; \
                 stateorprovince=Skåne; streetaddress=Storgatan 1, 2 tr; telephone=+46 8 123",
            )],
        ),
        file(
            "by claim URI",
            format!("{C}username,{C}givenname,{C}mobile\nkim,Kim,0123\n"),
            &[("kim", D, "given=Kim; mobile=0123")],
        ),
        file(
            "SCIM's names",
            "userName,name.givenName,name.familyName,emails.value,externalId,title\n\
             kim,Kim,Lee,kim@example.com,7-11,Dr.\n",
            &[(
                "kim",
                D,
                "given=Kim; family=Lee; email=kim@example.com; id=7-11; title=Dr.",
            )],
        ),
        file(
            "columns that are not to be read",
            "username,_note,emailaddress\nkim,\"call, later\",kim@example.com\n",
            &[("kim", D, "email=kim@example.com")],
        ),
        file(
            "delimiters after the last column",
            "username,emailaddress,,\nkim,kim@example.com,,\nlee,lee@example.com,,\n",
            &[
                ("kim", D, "email=kim@example.com"),
                ("lee", D, "email=lee@example.com"),
            ],
        ),
        file(
            "claims after named columns",
            format!(
                "username,password,givenname,claims\n\
                 kim,,Kim,{C}country=SE,{C}department=R&D\nlee,,Lee,\n"
            ),
            &[
                ("kim", D, "given=Kim; country=SE; department=R&D"),
                ("lee", D, "given=Lee"),
            ],
        ),
        file(
            "roles as the original joins them",
            "username,roles\nkim,admin:Internal/everyone\nlee,\n",
            &[("kim", D, "roles=Internal/everyone,admin"), ("lee", D, "")],
        ),
        file(
            "groups as the console joins them",
            "username,password,groups\nkim,,admin|Internal/everyone\n",
            &[("kim", D, "roles=Internal/everyone,admin")],
        ),
    ]
}

/// Contents of cells.
fn cells() -> Vec<OldFile> {
    vec![
        file(
            "claim cells in every form that the original reads",
            format!(
                "UserName,Password,Claims\n\
                 kim,,{C}country=France,,{C}country=Chile\n\
                 lee,,{C}givenname=Lee=\n\
                 pat,,\"{C}streetaddress=12 High Street, Upper Floor\"\n\
                 uma,,{C}username=uma\n\
                 vic\n"
            ),
            &[
                ("kim", D, "country=Chile"),
                ("lee", D, "given=Lee"),
                ("pat", D, "streetaddress=12 High Street, Upper Floor"),
                ("uma", D, ""),
                ("vic", D, ""),
            ],
        ),
        file(
            "roles in a claim",
            format!("UserName,Password,Claims\nkim,,{C}role=admin:Internal/everyone\n"),
            &[("kim", D, "roles=Internal/everyone,admin")],
        ),
        file(
            "quotation marks, delimiters and a line end inside cells",
            "username,password,givenname,department\r\n\
             kim,\"Pass,word\"\"1\",\"Kim, the 1st \"\"K\"\"\",\"Research\nand more\"\r\n",
            &[(
                "kim",
                "Pass,word\"1",
                "given=Kim, the 1st \"K\"; department=Research\nand more",
            )],
        ),
        file(
            "passwords with signs, all in the clear",
            "UserName,Password,Claims\nu1,Pa$$w0rd-1,\nu2,{Spring}2024-x,\nu3,a$b$c-Longer1,\n\
             u4,admin:20$24$xx,\nu5,$ecret$Word9,\nu6,*Stern*2024,\nu7,Grüße-von-4711,\n\
             u8,1234567890,\nu9,p=ss+w/rd=,\n",
            &[
                ("u1", "Pa$$w0rd-1", ""),
                ("u2", "{Spring}2024-x", ""),
                ("u3", "a$b$c-Longer1", ""),
                ("u4", "admin:20$24$xx", ""),
                ("u5", "$ecret$Word9", ""),
                ("u6", "*Stern*2024", ""),
                ("u7", "Grüße-von-4711", ""),
                ("u8", "1234567890", ""),
                ("u9", "p=ss+w/rd=", ""),
            ],
        ),
        file(
            "hashes of several products",
            "UserName,Password,Claims\n\
             u1,$2b$04$aUV1i3V9KMpvpwmfG/l9lu5k8HNQasalo7LngCaYB0j3yKBNezn7K,\n\
             u2,{SSHA}JcnhbGjfZGv+82onMyiWmALBzsMB/jhieXRlcw==,\n\
             u3,$5$rounds=1000$Salt./9$kPlxtj2T8Rm8.kLfUsVyKZAl37/zw6oLOHUJNFbntIB,\n\
             u4,\"$argon2id$v=19$m=1024,t=2,p=4$Oz4gckg+mEuJ1XKF$dxfjs3DB/onZRPLDslyjXN+Dl4avNUhd\",\n\
             u5,{WSO2-SHA256}AAECAwQFBgcICQoLDA0ODw==$TNpkWi+Mupa8+Yo0bAF5vrWTp7to5t9wtkd+AAbC6W4=,\n\
             u6,pbkdf2_sha256$1500$Xy7saltSALT9$0Rh684aAGU9LJzJyowTtS4yL3kanylmbruQhXbuPuFk=,\n",
            &[
                ("u1", "Grüße-von-4711", ""),
                ("u2", "Grüße-von-4711", ""),
                ("u3", "Grüße-von-4711", ""),
                ("u4", "Grüße-von-4711", ""),
                ("u5", "Grüße-von-4711", ""),
                ("u6", "Grüße-von-4711", ""),
            ],
        ),
        file(
            "the user store before the name",
            "UserName,Password,Claims\nPRIMARY/kim,Password1,\nprimary/lee,,\npat,,\n",
            &[("kim", "Password1", ""), ("lee", D, ""), ("pat", D, "")],
        ),
        file(
            "the user store of the call before the name",
            "UserName,Password,Claims\nSALES/kim,Password1,\nlee,,\n",
            &[("SALES/kim", "Password1", ""), ("SALES/lee", D, "")],
        )
        .into_sales(),
        file(
            "another user store before the name, which is dropped",
            "UserName,Password,Claims\nSALES/kim,Password1,\n",
            &[("kim", "Password1", "")],
        ),
        file(
            "names and values that look like other things",
            "username,givenname,mobile,employeenumber\n\
             kim.lee@example.com,O'Neil,+46701234567,00042\nÅsa_ö-1,Anna-Lena,0046-70,1e5\n",
            &[
                (
                    "kim.lee@example.com",
                    D,
                    "given=O'Neil; employeeNumber=00042; mobile=+46701234567",
                ),
                (
                    "Åsa_ö-1",
                    D,
                    "given=Anna-Lena; employeeNumber=1e5; mobile=0046-70",
                ),
            ],
        ),
        file(
            "the same user twice, in another case",
            "UserName,Password,Claims\nKim,Password1,\nkim,Password2,\nlee,,\n",
            &[("Kim", "Password1", ""), ("lee", D, "")],
        )
        .with_bad_rows(1, 0),
        file(
            "bad rows among good ones",
            format!(
                "UserName,Password,Claims\nkim,Password1,\nlee ann,,\npat,abc,\n\
                 uma,,{C}nosuch=1\nvic,,not a claim\nzoe,,{C}country=SE\n"
            ),
            &[("kim", "Password1", ""), ("zoe", D, "country=SE")],
        )
        .with_bad_rows(0, 4),
    ]
}

/// A table with letters outside ASCII.
fn accents(delimiter: &str, line_end: &str) -> String {
    [
        ["username", "password", "givenname", "familyname", "city"],
        ["zoe", "Pässword-1", "Zoë", "Müller", "Köln"],
        ["rene", "", "René", "Lefèvre", "Besançon"],
        ["jose", "", "José", "Nuñez", "Málaga"],
    ]
    .map(|row| row.join(delimiter) + line_end)
    .concat()
}

const ACCENTS: &[Expected] = &[
    ("jose", D, "given=José; family=Nuñez; locality=Málaga"),
    ("rene", D, "given=René; family=Lefèvre; locality=Besançon"),
    (
        "zoe",
        "Pässword-1",
        "given=Zoë; family=Müller; locality=Köln",
    ),
];

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let text = format!("\u{feff}{text}");
    text.encode_utf16().flat_map(unit).collect()
}

fn latin_1(text: &str) -> Vec<u8> {
    let byte = |letter: char| u8::try_from(u32::from(letter)).expect("a letter of Latin-1");
    text.chars().map(byte).collect()
}

/// Charsets, delimiters and line ends.
fn text_forms() -> Vec<OldFile> {
    vec![
        file("UTF-8", accents(",", "\n"), ACCENTS),
        file(
            "UTF-8 with a byte-order mark",
            format!("\u{feff}{}", accents(",", "\r\n")),
            ACCENTS,
        ),
        file(
            "a byte-order mark before a quotation mark",
            "\u{feff}\"username\",\"givenname\"\r\n\"kim\",\"Kim\"\r\n",
            &[("kim", D, "given=Kim")],
        ),
        file(
            "UTF-16, as a spreadsheet saves \"Unicode text\"",
            utf16(&accents("\t", "\r\n"), u16::to_le_bytes),
            ACCENTS,
        ),
        file(
            "UTF-16, big end first",
            utf16(&accents(",", "\n"), u16::to_be_bytes),
            ACCENTS,
        ),
        file(
            "windows-1252, as a German spreadsheet saves it",
            [
                latin_1(&accents(";", "\r\n")),
                b"ute;;\x80uro;\x93M\x94;\r\n".to_vec(),
            ]
            .concat(),
            &[
                ACCENTS[0],
                ACCENTS[1],
                ("ute", D, "given=€uro; family=“M”"),
                ACCENTS[2],
            ],
        ),
        file("ISO-8859-1", latin_1(&accents(",", "\n")), ACCENTS),
        file(
            "letters of several scripts",
            "username,givenname\nzübeyde,Şimşek\n李雷,雷\nкирилл,Кирилл\nnίκος,Νίκος\n",
            &[
                ("nίκος", D, "given=Νίκος"),
                ("zübeyde", D, "given=Şimşek"),
                ("кирилл", D, "given=Кирилл"),
                ("李雷", D, "given=雷"),
            ],
        ),
        file("semicolons", accents(";", "\n"), ACCENTS),
        file("TABs", accents("\t", "\n"), ACCENTS).named("users.tsv"),
        file("TABs in a file named .csv", accents("\t", "\n"), ACCENTS),
        file("vertical bars", accents("|", "\n"), ACCENTS),
        file(
            "a line that names the delimiter",
            format!("sep=;\r\n{}", accents(";", "\r\n")),
            ACCENTS,
        ),
        file(
            "the original's dialect with semicolons",
            claims("UserName,Password,Claims").replace(',', ";"),
            KIM_AND_LEE,
        ),
        file("CRLF", accents(",", "\r\n"), ACCENTS).named("USERS.CSV"),
        file("CR", accents(",", "\r"), ACCENTS),
        file(
            "LF and CRLF in one file",
            "UserName,Password,Claims\r\nkim,Password1,\nlee,,\r\n",
            PAIR,
        ),
        file(
            "no line end after the last row",
            "UserName,Password,Claims\nkim,Password1,\nlee,,",
            PAIR,
        ),
        file(
            "blank lines",
            "UserName,Password,Claims\n\nkim,Password1,\r\n\r\n\nlee,,\n\n",
            PAIR,
        ),
        file(
            "blank lines above the original's header",
            "\n\nUserName,Password,Claims\nkim,Password1,\nlee,,\n",
            PAIR,
        ),
        file(
            "a blank line above named columns",
            "\r\nusername,emailaddress\r\nkim,kim@example.com\r\n",
            &[("kim", D, "email=kim@example.com")],
        ),
    ]
}

/// A workbook of one sheet with these rows of text.
fn sheet(rows: &[&[&str]]) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for (line, row) in rows.iter().enumerate() {
        for (column, text) in row.iter().enumerate() {
            sheet.write(line as u32, column as u16, *text).unwrap();
        }
    }
    workbook.save_to_buffer().unwrap()
}

/// A workbook with a hidden sheet first, numbers, a date, a truth value and an empty row.
fn numbers() -> Vec<u8> {
    let mut workbook = Workbook::new();
    let notes = workbook.add_worksheet();
    notes.set_name("Notes").unwrap().set_hidden(true);
    notes.write(0, 0, "nothing of this is a user").unwrap();
    let sheet = workbook.add_worksheet();
    sheet.set_name("People").unwrap().set_active(true);
    for (column, name) in ["username", "mobile", "dob", "department", "gender"]
        .iter()
        .enumerate()
    {
        sheet.write(0, column as u16, *name).unwrap();
    }
    sheet.write(1, 0, 1001).unwrap();
    sheet.write(1, 1, 491_701_234_567_890_i64).unwrap();
    let date = ExcelDateTime::from_ymd(1999, 12, 31).unwrap();
    let format = Format::new().set_num_format("dd/mm/yyyy");
    sheet.write_with_format(1, 2, &date, &format).unwrap();
    sheet.write(1, 3, 12.5).unwrap();
    sheet.write(1, 4, true).unwrap();
    sheet.write(3, 0, "kim").unwrap();
    sheet.write(3, 3, "00042").unwrap();
    workbook.save_to_buffer().unwrap()
}

fn workbooks() -> Vec<OldFile> {
    vec![
        file(
            "a workbook in the original's dialect",
            sheet(&[
                &["UserName", "Password", "Claims"],
                &[
                    "kim",
                    "Password1",
                    "http://wso2.org/claims/emailaddress=kim@example.com",
                    "http://wso2.org/claims/country=France",
                ],
                &["lee", "", "http://wso2.org/claims/givenname=Lee"],
            ]),
            KIM_AND_LEE,
        )
        .named("users.xlsx"),
        file(
            "a workbook with an unknown header",
            sheet(&[
                &["Person", "Secret", "Claim 1"],
                &["kim", "Password1", ""],
                &["lee", "", "http://wso2.org/claims/givenname=Lee"],
            ]),
            &[("kim", "Password1", ""), ("lee", D, "given=Lee")],
        )
        .named("users.xlsx"),
        file(
            "a workbook with named columns",
            sheet(&[
                &["User Name", "Password", "First Name", "E-Mail", ""],
                &["zoë", "Pässword-1", "Zoë; \"Z\"", "zoe@example.com"],
                &[],
                &["李雷"],
            ]),
            &[
                (
                    "zoë",
                    "Pässword-1",
                    "given=Zoë; \"Z\"; email=zoe@example.com",
                ),
                ("李雷", D, ""),
            ],
        )
        .named("Users.XLSX"),
        file(
            "a workbook with numbers and dates after a hidden sheet",
            numbers(),
            &[
                (
                    "1001",
                    D,
                    "department=12.5; dob=1999-12-31; gender=true; mobile=491701234567890",
                ),
                ("kim", D, "department=00042"),
            ],
        )
        .named("users.xlsx"),
        file(
            "a workbook of Excel 97 to 2003",
            // With the result of its formula, as Excel saves it; without one the row fails (`workbook.rs`).
            include_bytes!("../../fixtures/workbooks/users-calculated.xls").to_vec(),
            &[
                ("1001", D, "given=李雷; department=12.5; mobile=-12"),
                (
                    "kim",
                    D,
                    "given=Kim Šimková; email=kim@example.com; active=true; department=00042; \
                     hired=2026-11-22; mobile=491701234567890",
                ),
                (
                    "lee",
                    D,
                    "active=false; hired=2026-11-22T10:00:00; mobile=0.1",
                ),
            ],
        )
        // The fourth row has an invalid e-mail address.
        .with_bad_rows(0, 1)
        .named("users.xls"),
    ]
}

fn old_files() -> Vec<OldFile> {
    [
        headers_by_position(),
        headers_by_name(),
        cells(),
        text_forms(),
        workbooks(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The fields of a user except the name and the password.
fn rest(user: &User) -> String {
    let fields = [
        ("given", &user.given_name),
        ("family", &user.family_name),
        ("email", &user.email),
        ("id", &user.external_id),
    ];
    let fields = fields
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)));
    let roles = (!user.roles.is_empty()).then(|| format!("roles={}", user.roles.join(",")));
    let attributes = user.attributes.iter();
    let attributes =
        attributes.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()));
    let all: Vec<String> = fields.chain(roles).chain(attributes).collect();
    all.join("; ")
}

/// The differences from the expected result, for one file over one channel.
fn differences(bench: &Bench, old: &OldFile) -> Vec<String> {
    let upload = Upload::new(old.file_name, &old.bytes).with(old.options);
    let outcome = bench.import(&upload);
    let mut wrong = Vec::new();
    if let Some(refused) = &outcome.refused {
        wrong.push(format!("refused: {refused}"));
    }
    let found = outcome.counters;
    let found = [
        found.total,
        found.created,
        found.duplicate,
        found.failed,
        found.skipped,
    ];
    let created = old.users.len() as u64;
    let total = created + old.duplicate + old.failed;
    let wanted = [total, created, old.duplicate, old.failed, 0];
    if found != wanted {
        wrong.push(format!(
            "total, created, duplicate, failed, skipped are {found:?}, expected {wanted:?}: {:?}",
            outcome.findings
        ));
    }
    let name = |user: &User| match user.domain.as_str() {
        "PRIMARY" => user.user_name.clone(),
        domain => format!("{domain}/{}", user.user_name),
    };
    let names: Vec<String> = outcome.users.iter().map(name).collect();
    let mut expected = old.users.clone();
    expected.sort_by_key(|(name, ..)| names.iter().position(|found| found == name));
    if names != expected.iter().map(|(name, ..)| *name).collect::<Vec<_>>() {
        wrong.push(format!("the users are {names:?}"));
        return wrong;
    }
    for (user, (name, password, wanted)) in outcome.users.iter().zip(expected) {
        let rest = rest(user);
        if wanted != "*" && rest != wanted {
            wrong.push(format!("{name} has {rest:?}, expected {wanted:?}"));
        }
        // No password of an inactive user is right.
        let active = user.attributes.get("active");
        let is_right = active.is_none_or(|active| active != "false");
        if is_right != bench.check_password(&outcome.organization, name, password) {
            wrong.push(format!("{password} of {name} should be right: {is_right}"));
        }
    }
    wrong
}

#[track_caller]
fn import_as_before(channel: Channel) {
    let bench = Bench::start_with(channel, |options| {
        options.app.claims = toml::from_str("hired = \"hired\"\n").expect("claims");
    });
    let wrong: Vec<String> = old_files()
        .iter()
        .flat_map(|old| {
            let found = differences(&bench, old).into_iter();
            found.map(|wrong| format!("{}: {wrong}", old.description))
        })
        .collect();
    assert!(wrong.is_empty(), "{channel:?}\n{}", wrong.join("\n"));
}

#[test]
fn there_are_at_least_forty_old_files() {
    assert!(old_files().len() >= 40, "{}", old_files().len());
}

#[test]
fn old_files_inline_are_imported_as_before() {
    import_as_before(Channel::SoapInline);
}

#[test]
fn old_files_over_mtom_are_imported_as_before() {
    import_as_before(Channel::SoapMtom);
}

#[test]
fn old_files_over_soap_with_attachments_are_imported_as_before() {
    import_as_before(Channel::SoapSwa);
}

#[test]
fn old_files_over_user_import_are_imported_as_before() {
    import_as_before(Channel::UserImport);
}

#[test]
fn old_files_as_a_body_are_imported_as_before() {
    import_as_before(Channel::RestBody);
}

#[test]
fn old_files_in_a_form_are_imported_as_before() {
    import_as_before(Channel::RestForm);
}

#[test]
fn old_files_at_the_terminal_are_imported_as_before() {
    import_as_before(Channel::Terminal);
}
