//! Google Workspace and Cloud Identity: the template of "Bulk update users" and the file of "Download users".
//! Both have the same headings, with remarks in square brackets: `First Name [Required]`.

use crate::import::presets::preset::{
    Preset, Rule, Rule::Drop, Rule::HashFunction, Rule::NameAndEmail, Rule::Password, Rule::To,
    Rule::Words, before_brackets,
};

/// The template and the download.
pub(super) static PRESET: Preset = Preset {
    name: "Google Workspace (template or download)",
    signature: &[
        &["email address"],
        &[
            "org unit path",
            "new primary email",
            "password hash function",
            "change password at next sign in",
            "2sv enrolled",
            "email usage",
            "work phone 1",
        ],
    ],
    without: &[],
    key: before_brackets,
    columns: &[COLUMNS],
    apostrophes: false,
};

const COLUMNS: &[(&str, Rule)] = &[
    ("first name", To("givenname")),
    ("last name", To("lastname")),
    ("email address", NameAndEmail),
    // A download has `****` for every user.
    ("password", Password),
    ("password hash function", HashFunction),
    (
        "status",
        Words("http://wso2.org/claims/identity/accountDisabled", STATES),
    ),
    (
        "new status",
        Words("http://wso2.org/claims/identity/accountLocked", STATES),
    ),
    ("recovery email", To("emails.other")),
    ("secondary email", To("emails.other")),
    ("home secondary email", To("emails.home")),
    ("work secondary email", To("emails.work")),
    ("recovery phone", To("phoneNumbers.other")),
    ("work phone", To("telephone")),
    ("work phone 1", To("telephone")),
    ("home phone", To("phoneNumbers.home")),
    ("home phone 1", To("phoneNumbers.home")),
    ("mobile phone", To("mobile")),
    ("mobile phone 1", To("mobile")),
    ("work address", To("addresses.formatted")),
    ("work address 1", To("addresses.formatted")),
    ("employee id", To("employeeNumber")),
    ("employee type", To("userType")),
    ("employee title", To("title")),
    ("manager", To("manager")),
    ("manager email", To("manager")),
    ("department", To("department")),
    ("cost center", To("costCenter")),
    ("building id", To("location")),
    ("home address", Drop),
    ("home address 1", Drop),
    ("org unit path", Drop),
    ("new primary email", Drop),
    ("last sign in", Drop),
    ("floor name", Drop),
    ("floor section", Drop),
    ("change password at next sign in", Drop),
    ("new licenses", Drop),
    ("licenses", Drop),
    ("advanced protection program enrollment", Drop),
    ("gemini*", Drop),
    ("2sv*", Drop),
    ("*usage", Drop),
    ("total storage", Drop),
    ("storage used", Drop),
    ("storage limit", Drop),
];

/// Whether an account in this state is disabled. Any other word fails the row.
const STATES: &[(&str, &str)] = &[
    ("Active", "false"),
    ("Suspended", "true"),
    ("Archived", "true"),
    ("Blocked", "true"),
];
