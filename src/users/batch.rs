//! Many users in one piece of memory: checked ones while they gather, new ones when every password
//! is hashed and the rows are sorted for the store.
//!
//! A user here is a handful of spans into one shared text, so that a million rows cost no million
//! allocations. [`CheckedUsers`] has one way on, [`CheckedUsers::into_new`], which takes the hashes.

use uuid::Uuid;

use crate::users::candidate::{CheckedPassword, CheckedUser};
use crate::users::passwords::Fitness;
use crate::users::secret::Secret;

/// A piece of the shared text; empty stands for absent.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    start: u32,
    end: u32,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    line: u64,
    id: Uuid,
    key: Span,
    name: Span,
    given_name: Span,
    family_name: Span,
    email: Span,
    external_id: Span,
    attributes: Span,
    roles: Span,
    cleared: Span,
    /// The row's cells as a JSON array, where the store may have to reject it.
    cells: Span,
    password_missing: bool,
    own_password: bool,
    /// The hash of its own password; empty: the import's default one.
    hash: Span,
    must_change: bool,
}

/// Users that the rules agreed to, and their passwords in the clear where they have their own.
#[derive(Default)]
pub struct CheckedUsers {
    text: String,
    entries: Vec<Entry>,
    /// Position of the entry, and its password.
    own: Vec<(usize, Secret)>,
    /// How many entries take the import's default password.
    defaults: usize,
}

impl CheckedUsers {
    /// Takes a user in; `cells` are those of its row, where the store may have to reject it.
    pub fn push(&mut self, user: &CheckedUser<'_>, cells: Option<&str>) {
        let key = self.append(user.name.key());
        let name = if user.name.key() == user.name.as_str() {
            key
        } else {
            self.append(user.name.as_str())
        };
        let mut must_change = true;
        let mut hash = Span::default();
        match user.password {
            CheckedPassword::Own(password, fitness) => {
                must_change = fitness == Fitness::InitialOnly;
                self.own.push((self.entries.len(), Secret::from(password)));
            }
            CheckedPassword::MadeUp(password) => {
                self.own.push((self.entries.len(), Secret::from(password)));
            }
            CheckedPassword::Hashed(text) => {
                must_change = false;
                hash = self.append(text);
            }
            CheckedPassword::Missing => {}
            CheckedPassword::Default => self.defaults += 1,
            // Where one is really wanted, it comes here made up.
            CheckedPassword::Generated => {}
        }
        let entry = Entry {
            line: user.line,
            id: Uuid::nil(),
            key,
            name,
            given_name: self.append(user.given_name.unwrap_or_default()),
            family_name: self.append(user.family_name.unwrap_or_default()),
            email: self.append(user.email.unwrap_or_default()),
            external_id: self.append(user.external_id.unwrap_or_default()),
            attributes: self.append_json(&user.attributes),
            roles: self.append(&user.roles),
            cleared: self.append_names(&user.cleared),
            cells: self.append(cells.unwrap_or_default()),
            password_missing: matches!(user.password, CheckedPassword::Missing),
            own_password: matches!(
                user.password,
                CheckedPassword::Own(..) | CheckedPassword::Hashed(_)
            ),
            hash,
            must_change,
        };
        self.entries.push(entry);
    }

    /// How many users are in it.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of text in it.
    pub fn text_len(&self) -> usize {
        self.text.len()
    }

    /// How many users have a password of their own.
    pub fn own_passwords(&self) -> usize {
        self.own.len()
    }

    /// Whether at least one user takes the import's default password.
    pub fn any_default_password(&self) -> bool {
        self.defaults > 0
    }

    /// Takes the passwords out, in order, to be hashed.
    pub fn take_passwords(&mut self) -> (Vec<usize>, Vec<Secret>) {
        std::mem::take(&mut self.own).into_iter().unzip()
    }

    /// The users as a store takes them: `hashes` belong to the entries at `positions`, and `new_id`
    /// gives each user an id. Sorted by name key, the first row of a name first.
    pub fn into_new(
        mut self,
        positions: &[usize],
        hashes: &[String],
        mut new_id: impl FnMut() -> Uuid,
    ) -> NewUsers {
        for (position, hash) in positions.iter().zip(hashes) {
            let span = self.append(hash);
            if let Some(entry) = self.entries.get_mut(*position) {
                entry.hash = span;
            }
        }
        let text = self.text;
        let mut order: Vec<u32> = (0..span_end(self.entries.len())).collect();
        let entries = &mut self.entries;
        order.sort_unstable_by(|a, b| {
            let key = |index: &u32| entries.get(*index as usize).map(|e| piece(&text, e.key));
            key(a).cmp(&key(b)).then(a.cmp(b))
        });
        for index in &order {
            if let Some(entry) = entries.get_mut(*index as usize) {
                entry.id = new_id();
            }
        }
        NewUsers {
            text,
            entries: self.entries,
            order,
        }
    }

    fn append(&mut self, piece: &str) -> Span {
        let start = span_end(self.text.len());
        self.text.push_str(piece);
        Span {
            start,
            end: span_end(self.text.len()),
        }
    }

    /// Names, a line feed between two.
    fn append_names(&mut self, names: &[&str]) -> Span {
        let start = span_end(self.text.len());
        for (position, name) in names.iter().enumerate() {
            if position > 0 {
                self.text.push('\n');
            }
            self.text.push_str(name);
        }
        Span {
            start,
            end: span_end(self.text.len()),
        }
    }

    /// Attributes as a JSON object (RFC 8259) of strings.
    fn append_json(&mut self, attributes: &[(&str, &str)]) -> Span {
        if attributes.is_empty() {
            return Span::default();
        }
        let start = span_end(self.text.len());
        let mut separator = '{';
        for (name, value) in attributes {
            self.text.push(separator);
            push_json_string(&mut self.text, name);
            self.text.push(':');
            push_json_string(&mut self.text, value);
            separator = ',';
        }
        self.text.push('}');
        Span {
            start,
            end: span_end(self.text.len()),
        }
    }
}

impl std::fmt::Debug for CheckedUsers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckedUsers")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// Users ready to be written.
#[derive(Default)]
pub struct NewUsers {
    text: String,
    entries: Vec<Entry>,
    order: Vec<u32>,
}

/// One user ready to be written. It holds a hash, so it has no debug output.
#[derive(Clone, Copy)]
pub struct NewUser<'a> {
    /// Position in the batch, in the order of the file, from 0.
    pub position: usize,
    /// Line of the file where the row begins, from 1.
    pub line: u64,
    /// UUID version 7.
    pub id: Uuid,
    /// What the name is unique under.
    pub key: &'a str,
    /// The name as it is shown.
    pub name: &'a str,
    /// SCIM `name.givenName`.
    pub given_name: Option<&'a str>,
    /// SCIM `name.familyName`.
    pub family_name: Option<&'a str>,
    /// The e-mail address.
    pub email: Option<&'a str>,
    /// SCIM `externalId`.
    pub external_id: Option<&'a str>,
    /// A JSON object of strings.
    pub attributes: Option<&'a str>,
    /// Role names, a line feed between two.
    pub roles: Option<&'a str>,
    /// Names of what is to be cleared of a user who exists, a line feed between two.
    pub cleared: Option<&'a str>,
    /// The row's cells as a JSON array, the password's blanked; where the store may have to reject it.
    pub cells: Option<&'a str>,
    /// Whether the row has no password and the import has none for it.
    pub password_missing: bool,
    /// Whether the row gives a password, which only then replaces another; in a dry run it is not
    /// hashed.
    pub own_password: bool,
    /// Hash of its own password; none: the import's default password.
    pub password_hash: Option<&'a str>,
    /// Whether the password has to be changed at the first login.
    pub must_change: bool,
}

impl<'a> NewUser<'a> {
    /// Names of what is to be cleared of a user who exists.
    pub fn cleared(&self) -> impl Iterator<Item = &'a str> {
        self.cleared
            .unwrap_or_default()
            .split('\n')
            .filter(|name| !name.is_empty())
    }
}

impl NewUsers {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The users, sorted by name key; of one name the first row first.
    pub fn sorted(&self) -> impl Iterator<Item = NewUser<'_>> {
        self.order
            .iter()
            .filter_map(|index| self.get(*index as usize))
    }

    /// The user at `position` in the order of the file.
    pub fn get(&self, position: usize) -> Option<NewUser<'_>> {
        let entry = self.entries.get(position)?;
        let some = |span| Some(piece(&self.text, span)).filter(|text| !text.is_empty());
        Some(NewUser {
            position,
            line: entry.line,
            id: entry.id,
            key: piece(&self.text, entry.key),
            name: piece(&self.text, entry.name),
            given_name: some(entry.given_name),
            family_name: some(entry.family_name),
            email: some(entry.email),
            external_id: some(entry.external_id),
            attributes: some(entry.attributes),
            roles: some(entry.roles),
            cleared: some(entry.cleared),
            cells: some(entry.cells),
            password_missing: entry.password_missing,
            own_password: entry.own_password,
            password_hash: some(entry.hash),
            must_change: entry.must_change,
        })
    }

    /// An empty batch that keeps this one's memory.
    pub fn recycle(self) -> CheckedUsers {
        let NewUsers {
            mut text,
            mut entries,
            ..
        } = self;
        text.clear();
        entries.clear();
        CheckedUsers {
            text,
            entries,
            own: Vec::new(),
            defaults: 0,
        }
    }
}

impl std::fmt::Debug for NewUsers {
    /// The text holds hashes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewUsers")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// Batches are closed long before 4 GiB of text, so the cut never happens.
fn span_end(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn piece(text: &str, span: Span) -> &str {
    text.get(span.start as usize..span.end as usize)
        .unwrap_or_default()
}

fn push_json_string(json: &mut String, text: &str) {
    let plain = text
        .bytes()
        .all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
    if plain {
        json.push('"');
        json.push_str(text);
        json.push('"');
    } else {
        json.push_str(&serde_json::Value::from(text).to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::users::name::UserName;

    fn push(users: &mut CheckedUsers, line: u64, name: &str, password: CheckedPassword<'_>) {
        users.push(
            &CheckedUser {
                line,
                name: UserName::parse(name, None).unwrap(),
                given_name: Some("G"),
                family_name: None,
                email: None,
                external_id: None,
                attributes: vec![("title", "say \"hi\""), ("country", "FR")],
                cleared: Vec::new(),
                roles: "".into(),
                password,
            },
            None,
        );
    }

    #[test]
    fn a_hash_from_elsewhere_is_kept_as_it_is() {
        let mut users = CheckedUsers::default();
        push(&mut users, 2, "ann", CheckedPassword::Hashed("{SSHA}x"));
        assert_eq!(
            (users.own_passwords(), users.any_default_password()),
            (0, false)
        );
        push(&mut users, 3, "bob", CheckedPassword::Default);
        assert!(users.any_default_password());
        let new = users.into_new(&[], &[], Uuid::nil);
        let ann = new.get(0).unwrap();
        assert_eq!(
            (ann.password_hash, ann.must_change),
            (Some("{SSHA}x"), false)
        );
        let bob = new.get(1).unwrap();
        assert_eq!((bob.password_hash, bob.must_change), (None, true));
        assert!(!new.recycle().any_default_password());
    }

    #[test]
    fn users_come_out_sorted_with_ids_and_hashes() {
        let mut users = CheckedUsers::default();
        push(&mut users, 2, "Zoe", CheckedPassword::Default);
        push(
            &mut users,
            3,
            "adam",
            CheckedPassword::Own("x", Fitness::Stays),
        );
        push(
            &mut users,
            4,
            "ZOE",
            CheckedPassword::Own("y", Fitness::InitialOnly),
        );
        assert_eq!((users.len(), users.own_passwords()), (3, 2));
        let (positions, secrets) = users.take_passwords();
        assert_eq!(positions, [1, 2]);
        assert_eq!(secrets[1].expose(), "y");
        let mut next = 0;
        let new = users.into_new(&positions, &["h1".into(), "h2".into()], || {
            next += 1;
            Uuid::from_u128(next)
        });
        let seen: Vec<_> = new
            .sorted()
            .map(|u| {
                (
                    u.line,
                    u.key,
                    u.name,
                    u.password_hash,
                    u.must_change,
                    u.id.as_u128(),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                (3, "adam", "adam", Some("h1"), false, 1),
                (2, "zoe", "Zoe", None, true, 2),
                (4, "zoe", "ZOE", Some("h2"), true, 3),
            ]
        );
        let first = new.get(0).unwrap();
        assert_eq!(
            first.attributes,
            Some(r#"{"title":"say \"hi\"","country":"FR"}"#)
        );
        assert_eq!(
            (first.given_name, first.family_name, first.roles),
            (Some("G"), None, None)
        );
    }
}
