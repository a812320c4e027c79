//! Batches of users in one block of memory: checked users while they are collected, and new users
//! once every password is hashed and the rows are sorted for the store.
//!
//! A user is a range of one shared text and the ends of its parts, so that a million rows do not
//! need a million allocations. [`CheckedUsers`] are turned into [`NewUsers`] only by
//! [`CheckedUsers::move_into`], which takes the hashes.

use uuid::Uuid;

use crate::passwords::rules::Fitness;
use crate::passwords::secret::Secret;
use crate::users::candidate::{CheckedPassword, CheckedUser};
use crate::wiped::wipe_text;

/// The parts of a user's text, in the order in which they are laid out.
#[derive(Debug, Clone, Copy)]
pub enum Piece {
    /// The key under which the name is unique.
    Key,
    /// The name; empty if it is its own key.
    Name,
    /// SCIM `name.givenName`.
    GivenName,
    /// SCIM `name.familyName`.
    FamilyName,
    /// The e-mail address.
    Email,
    /// SCIM `externalId`.
    ExternalId,
    /// A JSON object of strings.
    Attributes,
    /// Role names, separated by line feeds.
    Roles,
    /// Names of the fields to clear of an existing user, separated by line feeds.
    Cleared,
    /// The row's cells as a JSON array, if the store may have to reject the row.
    Cells,
    /// The hash of the user's own password; empty: the import's default password.
    Hash,
}

const PIECES: usize = Piece::Hash as usize + 1;

/// One user: where its text begins and where each part ends. An empty part means absent.
#[derive(Debug, Clone, Copy)]
struct Entry {
    line: u64,
    start: u32,
    ends: [u32; PIECES],
    password_missing: bool,
    own_password: bool,
    must_change: bool,
}

impl Entry {
    fn piece<'t>(&self, text: &'t str, piece: Piece) -> &'t str {
        let end = |place: usize| self.ends.get(place).copied().unwrap_or_default();
        let place = piece as usize;
        let start = place.checked_sub(1).map_or(self.start, end);
        text.get(start as usize..end(place) as usize)
            .unwrap_or_default()
    }

    fn text<'t>(&self, text: &'t str) -> &'t str {
        let end = self.ends.last().copied().unwrap_or_default();
        text.get(self.start as usize..end as usize)
            .unwrap_or_default()
    }
}

/// Users that passed the rules, with their plain-text passwords where they have their own.
#[derive(Default)]
pub struct CheckedUsers {
    text: String,
    entries: Vec<Entry>,
    /// Position of the entry, and its password.
    own: Vec<(usize, Secret)>,
    /// How many entries use the import's default password.
    defaults: usize,
}

impl CheckedUsers {
    /// Adds a user; `cells` are those of its row, if the store may have to reject it.
    pub fn push(&mut self, user: &CheckedUser<'_>, cells: Option<&str>) {
        let mut must_change = true;
        let mut hash = "";
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
                hash = text;
            }
            CheckedPassword::Missing => {}
            CheckedPassword::ToBeSet => must_change = false,
            CheckedPassword::Default => self.defaults += 1,
            // Generated passwords are filled in before the user gets here.
            CheckedPassword::Generated => {}
        }
        let (key, name) = (user.name.key(), user.name.as_str());
        let text = &mut self.text;
        let start = offset(text.len());
        let ends = [
            append(text, key),
            append(text, if name == key { "" } else { name }),
            append(text, user.given_name.unwrap_or_default()),
            append(text, user.family_name.unwrap_or_default()),
            append(text, user.email.unwrap_or_default()),
            append(text, user.external_id.unwrap_or_default()),
            append_json(text, &user.attributes),
            append(text, &user.roles),
            append_names(text, &user.cleared),
            append(text, cells.unwrap_or_default()),
            append(text, hash),
        ];
        self.entries.push(Entry {
            line: user.line,
            start,
            ends,
            password_missing: matches!(user.password, CheckedPassword::Missing),
            own_password: matches!(
                user.password,
                CheckedPassword::Own(..) | CheckedPassword::Hashed(_)
            ),
            must_change,
        });
    }

    /// The number of users.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of text.
    pub fn text_len(&self) -> usize {
        self.text.len()
    }

    /// The approximate size in memory, in bytes.
    pub fn bytes(&self) -> usize {
        self.text.len() + self.entries.len() * size_of::<Entry>()
    }

    /// How many users have a password of their own.
    pub fn own_passwords(&self) -> usize {
        self.own.len()
    }

    /// Whether at least one user takes the import's default password.
    pub fn any_default_password(&self) -> bool {
        self.defaults > 0
    }

    /// Takes the passwords out, in order, for hashing.
    pub fn take_passwords(&mut self) -> (Vec<usize>, Vec<Secret>) {
        std::mem::take(&mut self.own).into_iter().unzip()
    }

    /// Moves the users into `NewUsers`, the form that a store takes: `hashes` belong to the entries
    /// at `positions`, and `new_id` gives each user an id. Users are sorted by name key (rows with
    /// the same name in file order) and laid out in that order, so that a store reads them
    /// sequentially. Both batches keep their memory for reuse.
    pub fn move_into(
        &mut self,
        users: &mut NewUsers,
        positions: &[usize],
        hashes: &[String],
        mut new_id: impl FnMut() -> Uuid,
    ) {
        users.clear();
        let text = self.text.as_str();
        let entry = |position: u32| self.entries.get(position as usize);
        users.positions.extend(0..offset(self.entries.len()));
        users.positions.sort_unstable_by(|a, b| {
            let key = |position: &u32| entry(*position).map(|it| it.piece(text, Piece::Key));
            key(a).cmp(&key(b)).then(a.cmp(b))
        });
        let mut places = vec![0; self.entries.len()];
        for position in &users.positions {
            let Some(entry) = entry(*position) else {
                continue;
            };
            if let Some(place) = places.get_mut(*position as usize) {
                *place = offset(users.entries.len());
            }
            let start = offset(users.text.len());
            users.text.push_str(entry.text(text));
            let hash = positions.binary_search(&(*position as usize)).ok();
            let hash = hash.and_then(|it| hashes.get(it));
            users.text.push_str(hash.map_or("", String::as_str));
            let mut ends = entry.ends.map(|end| end - entry.start + start);
            if let Some(last) = ends.last_mut() {
                *last = offset(users.text.len());
            }
            let mut piece_start = start;
            for (any, end) in users.any.iter_mut().zip(ends) {
                *any |= end > piece_start;
                piece_start = end;
            }
            users.entries.push(Entry {
                start,
                ends,
                ..*entry
            });
            users.ids.push(new_id());
        }
        users.places = places;
        self.text.clear();
        self.entries.clear();
        self.own.clear();
        self.defaults = 0;
    }
}

impl Drop for CheckedUsers {
    /// It holds hashes.
    fn drop(&mut self) {
        wipe_text(&mut self.text);
    }
}

impl Drop for NewUsers {
    /// It holds hashes.
    fn drop(&mut self) {
        wipe_text(&mut self.text);
    }
}

/// Appends a part and returns its end.
fn append(text: &mut String, piece: &str) -> u32 {
    text.push_str(piece);
    offset(text.len())
}

/// Appends names, separated by line feeds.
fn append_names(text: &mut String, names: &[&str]) -> u32 {
    for (position, name) in names.iter().enumerate() {
        if position > 0 {
            text.push('\n');
        }
        text.push_str(name);
    }
    offset(text.len())
}

/// Appends attributes as a JSON object (RFC 8259) of strings; nothing if there are none.
fn append_json(text: &mut String, attributes: &[(&str, &str)]) -> u32 {
    let mut separator = '{';
    for (name, value) in attributes {
        text.push(separator);
        push_json_string(text, name);
        text.push(':');
        push_json_string(text, value);
        separator = ',';
    }
    if !attributes.is_empty() {
        text.push('}');
    }
    offset(text.len())
}

impl std::fmt::Debug for CheckedUsers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckedUsers")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// Users ready to be written, in the order of their name keys.
#[derive(Default)]
pub struct NewUsers {
    text: String,
    entries: Vec<Entry>,
    ids: Vec<Uuid>,
    /// The position in the file of each entry.
    positions: Vec<u32>,
    /// The index of the entry of each position.
    places: Vec<u32>,
    /// Whether any user has the part.
    any: [bool; PIECES],
}

/// One user ready to be written. It contains a hash, so it has no debug output.
#[derive(Clone, Copy)]
pub struct NewUser<'a> {
    /// Position in the batch, in the order of the file, from 0.
    pub position: usize,
    /// Line of the file where the row begins, from 1.
    pub line: u64,
    /// UUID version 7.
    pub id: Uuid,
    /// The key under which the name is unique.
    pub key: &'a str,
    /// The display form of the name.
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
    /// Role names, separated by line feeds.
    pub roles: Option<&'a str>,
    /// Names of the fields to clear of an existing user, separated by line feeds.
    pub cleared: Option<&'a str>,
    /// The row's cells as a JSON array with the password blanked, if the store may have to reject
    /// the row.
    pub cells: Option<&'a str>,
    /// Whether the row has no password and the import has no default for it.
    pub password_missing: bool,
    /// Whether the row gives a password; only then does it replace an existing one. In a dry run
    /// the password is not hashed.
    pub own_password: bool,
    /// Hash of the user's own password; none: the import's default password.
    pub password_hash: Option<&'a str>,
    /// Whether the password has to be changed at the first login.
    pub must_change: bool,
}

impl<'a> NewUser<'a> {
    /// Names of the fields to clear of an existing user.
    pub fn cleared(&self) -> impl Iterator<Item = &'a str> {
        self.cleared
            .unwrap_or_default()
            .split('\n')
            .filter(|name| !name.is_empty())
    }
}

impl NewUsers {
    /// The number of users.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether any user has this part.
    pub fn any(&self, piece: Piece) -> bool {
        self.any.get(piece as usize).is_some_and(|any| *any)
    }

    /// The users, sorted by name key; rows with the same name in file order.
    pub fn sorted(&self) -> impl Iterator<Item = NewUser<'_>> {
        (0..self.entries.len()).filter_map(|place| self.at(place))
    }

    /// The user at `position` in the order of the file.
    pub fn get(&self, position: usize) -> Option<NewUser<'_>> {
        self.at(*self.places.get(position)? as usize)
    }

    fn at(&self, place: usize) -> Option<NewUser<'_>> {
        let entry = self.entries.get(place)?;
        let piece = |piece| entry.piece(&self.text, piece);
        let some = |name| Some(piece(name)).filter(|text| !text.is_empty());
        let key = piece(Piece::Key);
        Some(NewUser {
            position: *self.positions.get(place)? as usize,
            line: entry.line,
            id: *self.ids.get(place)?,
            key,
            name: some(Piece::Name).unwrap_or(key),
            given_name: some(Piece::GivenName),
            family_name: some(Piece::FamilyName),
            email: some(Piece::Email),
            external_id: some(Piece::ExternalId),
            attributes: some(Piece::Attributes),
            roles: some(Piece::Roles),
            cleared: some(Piece::Cleared),
            cells: some(Piece::Cells),
            password_missing: entry.password_missing,
            own_password: entry.own_password,
            password_hash: some(Piece::Hash),
            must_change: entry.must_change,
        })
    }

    fn clear(&mut self) {
        self.text.clear();
        self.entries.clear();
        self.ids.clear();
        self.positions.clear();
        self.places.clear();
        self.any = [false; PIECES];
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

/// Batches are closed long before they reach 4 GiB of text, so nothing is ever truncated.
fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
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
    fn an_imported_hash_is_kept_unchanged() {
        let mut users = CheckedUsers::default();
        push(&mut users, 2, "ann", CheckedPassword::Hashed("{SSHA}x"));
        assert_eq!(
            (users.own_passwords(), users.any_default_password()),
            (0, false)
        );
        push(&mut users, 3, "bob", CheckedPassword::Default);
        assert!(users.any_default_password());
        let mut new = NewUsers::default();
        users.move_into(&mut new, &[], &[], Uuid::nil);
        let ann = new.get(0).unwrap();
        assert_eq!(
            (ann.password_hash, ann.must_change),
            (Some("{SSHA}x"), false)
        );
        let bob = new.get(1).unwrap();
        assert_eq!((bob.password_hash, bob.must_change), (None, true));
        assert!(users.is_empty() && !users.any_default_password());
    }

    #[test]
    fn users_come_out_sorted_with_ids_and_hashes() {
        let mut users = CheckedUsers::default();
        push(&mut users, 2, "Zoe", CheckedPassword::Default);
        push(
            &mut users,
            3,
            "adam",
            CheckedPassword::Own("x", Fitness::Permanent),
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
        let mut new = NewUsers::default();
        users.move_into(&mut new, &positions, &["h1".into(), "h2".into()], || {
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
