//! Settings: defaults, then the file, then `MUSTER_…` variables, then flags; each overrides the one before.
//! An unknown key is an error. The meaning of a section is documented where its settings are defined.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};

use crate::passwords::secret::Secret;

/// The file that is read if no other is given and it exists.
pub const DEFAULT_FILE: &str = "muster.toml";

/// Sections that contain tables, which a variable cannot set.
const FILE_ONLY: &[&str] = &["domains", "claims"];

/// Variables that begin with `MUSTER_` but are not settings.
const OTHER_VARIABLES: &[&str] = &[
    "MUSTER_ADMIN_PASSWORD",
    "MUSTER_ADMIN_PASSWORD_FILE",
    "MUSTER_CONFIG",
    // For the tests: folders with external test material.
    "MUSTER_CAPTURES",
    "MUSTER_CASES",
    "MUSTER_CORPORA",
    "MUSTER_XML_SUITE",
];

/// The sources of settings, besides the defaults.
#[derive(Debug, Default)]
pub struct Sources {
    /// The settings file, if one was given.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// Section, key and value of each flag.
    pub flags: Vec<(&'static str, &'static str, Value)>,
}

impl Sources {
    /// Reads the process's environment, and the settings file that it names.
    pub fn from_environment() -> Self {
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("MUSTER_"))
            .collect();
        let file = environment.get("MUSTER_CONFIG").map(PathBuf::from);
        Sources {
            file,
            environment,
            flags: Vec::new(),
        }
    }

    /// Merges the sources into a `T`, whose fields are the sections.
    ///
    /// # Errors
    /// A message that names the file or the variable, and the key.
    pub fn load<T: for<'de> Deserialize<'de>>(&self, sections: &[&str]) -> Result<T, ConfigError> {
        let (mut table, origin) = self.read_file()?;
        let mut settings = parse::<T>(&table, &origin)?;
        for (name, value) in &self.environment {
            if is_other(name, value) {
                continue;
            }
            let Some((section, key)) = section_and_key(name, sections) else {
                match section_and_key(name, FILE_ONLY) {
                    Some((section, _)) => {
                        return Err(ConfigError(format!(
                            "{name}: [{section}] cannot be set by variables; put it in the settings file"
                        )));
                    }
                    None => continue,
                }
            };
            set(&mut table, section, &key, scalar(value))?;
            settings = parse(&table, name)?;
        }
        for (section, key, value) in &self.flags {
            set(&mut table, section, key, value.clone())?;
            settings = parse(&table, &format!("{section}.{key} on the command line"))?;
        }
        Ok(settings)
    }

    /// A warning about variables that begin with `MUSTER_` but belong to no section, if there are any. They are
    /// ignored, because other programs and systems may have set them.
    pub fn warning(&self, sections: &[&str]) -> Option<String> {
        let ignored: Vec<&str> = self
            .environment
            .iter()
            .filter(|(name, value)| {
                !is_other(name, value) && section_and_key(name, sections).is_none()
            })
            .map(|(name, _)| name.as_str())
            .collect();
        match ignored.as_slice() {
            [] => None,
            [one] => Some(format!(
                "the variable {one} is not a setting and was ignored; a setting is MUSTER_, a section and a key, \
                 such as MUSTER_SERVER_HTTP"
            )),
            several => Some(format!(
                "the variables {} are not settings and were ignored; a setting is MUSTER_, a section and a key, \
                 such as MUSTER_SERVER_HTTP",
                several.join(", ")
            )),
        }
    }

    fn read_file(&self) -> Result<(Table, String), ConfigError> {
        let path = match &self.file {
            Some(path) => path.as_path(),
            None if Path::new(DEFAULT_FILE).exists() => Path::new(DEFAULT_FILE),
            None => return Ok((Table::new(), "the defaults".into())),
        };
        let origin = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError(format!("cannot read {origin}: {error}")))?;
        let table = text.parse().map_err(|error: toml::de::Error| {
            // Never quote the line itself: it may contain a secret.
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |before| before.matches('\n').count() + 1);
            ConfigError(format!("{origin}, line {line}: {}", error.message().trim()))
        })?;
        Ok((table, origin))
    }

    /// The source of each setting.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn origins(&self, sections: &[&str]) -> Result<Origins, ConfigError> {
        let (file, file_name) = self.read_file()?;
        let variables = self.environment.keys().filter_map(|name| {
            let (section, key) = section_and_key(name, sections)?;
            Some(((section.to_owned(), key), name.clone()))
        });
        let flags = self.flags.iter().map(|(section, key, _)| {
            let place = ((*section).to_owned(), (*key).to_owned());
            (place, "the command line".to_owned())
        });
        Ok(Origins {
            overrides: variables.chain(flags).collect(),
            file,
            file_name,
        })
    }

    /// The password for the first operator, from a variable or from the file that a variable names.
    ///
    /// # Errors
    /// The file cannot be read, or both variables are set.
    pub fn admin_password(&self) -> Result<Option<Secret>, ConfigError> {
        let plain = self.environment.get("MUSTER_ADMIN_PASSWORD");
        let file = self.environment.get("MUSTER_ADMIN_PASSWORD_FILE");
        let password = match (plain, file) {
            (Some(_), Some(_)) => {
                return Err(ConfigError(
                    "set one of MUSTER_ADMIN_PASSWORD and MUSTER_ADMIN_PASSWORD_FILE, not both"
                        .into(),
                ));
            }
            (Some(plain), None) => Secret::from(plain.as_str()),
            (None, Some(file)) => read_secret(Path::new(file))?,
            (None, None) => return Ok(None),
        };
        Ok(Some(password).filter(|password| !password.is_empty()))
    }
}

/// The sources of the settings that are in effect.
#[derive(Debug)]
pub struct Origins {
    file: Table,
    file_name: String,
    /// Section and key, and the variable or flag.
    overrides: BTreeMap<(String, String), String>,
}

impl Origins {
    /// The source of the setting at `path` (its sections, then its key); `None` for a default.
    pub fn of(&self, path: &[&str]) -> Option<&str> {
        if let [section, key] = path {
            let place = ((*section).to_owned(), (*key).to_owned());
            if let Some(origin) = self.overrides.get(&place) {
                return Some(origin);
            }
        }
        let (first, rest) = path.split_first()?;
        let found = rest
            .iter()
            .try_fold(self.file.get(*first)?, |value, key| value.get(*key));
        found.map(|_| self.file_name.as_str())
    }
}

/// The first line of a file that holds a secret.
///
/// # Errors
/// The file cannot be read.
pub fn read_secret(path: &Path) -> Result<Secret, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError(format!("cannot read {}: {error}", path.display())))?;
    Ok(Secret::from(text.lines().next().unwrap_or_default()))
}

/// An invalid setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

fn parse<T: for<'de> Deserialize<'de>>(table: &Table, origin: &str) -> Result<T, ConfigError> {
    T::deserialize(Value::Table(table.clone())).map_err(|error| {
        ConfigError(format!(
            "{origin}: {}",
            error.to_string().trim().replace('\n', " ")
        ))
    })
}

/// Whether a variable that begins with `MUSTER_` has another purpose.
fn is_other(name: &str, value: &str) -> bool {
    OTHER_VARIABLES.contains(&name) || is_service_link(name, value)
}

/// Whether Kubernetes sets such a variable in each pod for a Service called `muster`, or `muster-` and a
/// suffix: `MUSTER_SERVICE_HOST`, `MUSTER_SERVICE_PORT`, `MUSTER_PORT`, `MUSTER_PORT_9763_TCP_ADDR`.
fn is_service_link(name: &str, value: &str) -> bool {
    const SCHEMES: [&str; 3] = ["tcp", "udp", "sctp"];
    let is_address = || {
        let scheme = value.split_once("://").map(|(scheme, _)| scheme);
        scheme.is_some_and(|scheme| SCHEMES.contains(&scheme))
    };
    if name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || (name.ends_with("_PORT") && is_address())
    {
        return true;
    }
    // `…_PORT_9763_TCP` and its suffixes.
    name.split("_PORT_").skip(1).any(|rest| {
        let mut words = rest.split('_');
        let number = words.next().unwrap_or_default();
        let scheme = words.next().unwrap_or_default().to_ascii_lowercase();
        let last = words.next();
        !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && SCHEMES.contains(&scheme.as_str())
            && matches!(last, None | Some("PROTO" | "PORT" | "ADDR"))
            && words.next().is_none()
    })
}

/// `MUSTER_PASSWORDS_MEMORY_KIB` is `memory_kib` of `[passwords]`.
fn section_and_key<'s>(name: &str, sections: &[&'s str]) -> Option<(&'s str, String)> {
    let rest = name.strip_prefix("MUSTER_")?.to_lowercase();
    sections.iter().find_map(|section| {
        let key = rest.strip_prefix(section)?.strip_prefix('_')?;
        Some((*section, key.to_owned()))
    })
}

/// Parses numbers and booleans; anything else is text.
fn scalar(text: &str) -> Value {
    if let Ok(number) = text.parse::<i64>() {
        return Value::Integer(number);
    }
    match text {
        "true" => Value::Boolean(true),
        "false" => Value::Boolean(false),
        _ => Value::String(text.to_owned()),
    }
}

fn set(table: &mut Table, section: &str, key: &str, value: Value) -> Result<(), ConfigError> {
    let place = table
        .entry(section)
        .or_insert_with(|| Value::Table(Table::new()));
    match place.as_table_mut() {
        Some(section) => {
            section.insert(key.to_owned(), value);
            Ok(())
        }
        None => Err(ConfigError(format!("[{section}] is not a table"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Settings {
        server: Server,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Server {
        http: String,
        idle_seconds: u64,
    }

    fn load(
        file: &str,
        variables: &[(&str, &str)],
        flag: Option<&str>,
    ) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.toml");
        std::fs::write(&path, file).unwrap();
        let sources = Sources {
            file: Some(path),
            environment: variables
                .iter()
                .map(|(k, v)| ((*k).into(), (*v).into()))
                .collect(),
            flags: flag
                .map(|value| ("server", "http", Value::from(value)))
                .into_iter()
                .collect(),
        };
        sources.load(&["server"]).map_err(|error| error.to_string())
    }

    #[test]
    fn file_then_environment_then_flags() {
        let file = "[server]\nhttp = 'file'\nidle_seconds = 1\n";
        let variables = [
            ("MUSTER_SERVER_HTTP", "variable"),
            ("MUSTER_SERVER_IDLE_SECONDS", "2"),
        ];
        assert_eq!(load(file, &[], None).unwrap().server.http, "file");
        let settings = load(file, &variables, None).unwrap();
        assert_eq!(
            settings.server,
            Server {
                http: "variable".into(),
                idle_seconds: 2
            }
        );
        assert_eq!(
            load(file, &variables, Some("flag")).unwrap().server.http,
            "flag"
        );
    }

    #[test]
    fn unknown_key_is_refused_in_every_source() {
        assert!(
            load("[server]\nhtpp = 'x'\n", &[], None)
                .unwrap_err()
                .contains("htpp")
        );
        assert!(load("[sever]\n", &[], None).unwrap_err().contains("sever"));
        let error = load("", &[("MUSTER_SERVER_HTPP", "x")], None).unwrap_err();
        assert!(
            error.starts_with("MUSTER_SERVER_HTPP") && error.contains("htpp"),
            "{error}"
        );
        let error = load("", &[("MUSTER_DOMAINS_X_STORE", "x")], None).unwrap_err();
        assert!(
            error.contains("[domains] cannot be set by variables"),
            "{error}"
        );
        for name in ["MUSTER_CAPTURES", "MUSTER_CASES", "MUSTER_CORPORA"] {
            assert!(load("", &[(name, "x")], None).is_ok(), "{name}");
        }
    }

    fn warning(variables: &[(&str, &str)]) -> Option<String> {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let sources = Sources {
            environment: variables.iter().map(pair).collect(),
            ..Sources::default()
        };
        sources.warning(&["server"])
    }

    #[test]
    fn variable_outside_every_section_is_ignored_with_a_warning() {
        let variables = [("MUSTER_SEVER_HTTP", "x"), ("MUSTER_HOME", "/srv")];
        assert!(load("", &variables, None).is_ok());
        let warning_text = warning(&variables).unwrap();
        assert!(
            warning_text.contains("MUSTER_HOME, MUSTER_SEVER_HTTP are not settings"),
            "{warning_text}"
        );
        let warning_text = warning(&[("MUSTER_HOME", "x"), ("MUSTER_SERVER_HTTP", "x")]).unwrap();
        assert!(
            warning_text.contains("the variable MUSTER_HOME is not a setting"),
            "{warning_text}"
        );
    }

    #[test]
    fn kubernetes_service_links_are_not_settings() {
        let links = [
            ("MUSTER_SERVICE_HOST", "10.0.0.1"),
            ("MUSTER_SERVICE_PORT", "9763"),
            ("MUSTER_SERVICE_PORT_HTTP", "9763"),
            ("MUSTER_PORT", "tcp://10.0.0.1:9763"),
            ("MUSTER_PORT_9763_TCP", "tcp://10.0.0.1:9763"),
            ("MUSTER_PORT_9763_TCP_PROTO", "tcp"),
            ("MUSTER_PORT_9763_TCP_PORT", "9763"),
            ("MUSTER_PORT_9763_TCP_ADDR", "10.0.0.1"),
            ("MUSTER_PORT_53_UDP_ADDR", "10.0.0.1"),
            // From a Service called muster-server.
            ("MUSTER_SERVER_SERVICE_HOST", "10.0.0.1"),
            ("MUSTER_SERVER_SERVICE_PORT_WEB", "80"),
            ("MUSTER_SERVER_PORT", "tcp://10.0.0.1:80"),
            ("MUSTER_SERVER_PORT_80_TCP_ADDR", "10.0.0.1"),
        ];
        assert!(load("", &links, None).is_ok());
        assert_eq!(warning(&links), None);
        for (name, value) in [("MUSTER_SERVER_PORT", "80"), ("MUSTER_SERVER_PORT_80", "x")] {
            let error = load("", &[(name, value)], None).unwrap_err();
            assert!(error.starts_with(name), "{error}");
        }
    }
}
