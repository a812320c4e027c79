//! The command line.

/// The arguments.
#[derive(Debug)]
pub struct Arguments {
    /// Names of the figures; empty for all.
    pub figures: Vec<String>,
    /// Number of users, instead of the figure's own.
    pub rows: Option<u64>,
    /// Number of runs, instead of the figure's own.
    pub runs: Option<usize>,
    /// Print only one JSON object per figure.
    pub json: bool,
}

impl Arguments {
    /// Parses the command line.
    ///
    /// # Errors
    /// A message about an unknown argument.
    pub fn read(mut given: impl Iterator<Item = String>, figures: &[&str]) -> Result<Self, String> {
        let mut arguments = Arguments {
            figures: Vec::new(),
            rows: None,
            runs: None,
            json: false,
        };
        while let Some(argument) = given.next() {
            match argument.as_str() {
                // Cargo passes this to every benchmark.
                "--bench" => {}
                "--json" => arguments.json = true,
                "--rows" => arguments.rows = Some(number(&argument, given.next())?),
                "--runs" => arguments.runs = Some(number(&argument, given.next())?),
                name if figures.contains(&name) => arguments.figures.push(argument),
                other => {
                    return Err(format!(
                        "unknown argument {other}; the arguments are {}, --rows N, --runs N and --json",
                        figures.join(", ")
                    ));
                }
            }
        }
        if arguments.rows == Some(0) || arguments.runs == Some(0) {
            return Err("--rows and --runs must be positive".into());
        }
        Ok(arguments)
    }

    /// Whether the figure of this name was requested.
    pub fn wants(&self, name: &str) -> bool {
        self.figures.is_empty() || self.figures.iter().any(|wanted| wanted == name)
    }
}

fn number<N: std::str::FromStr>(name: &str, value: Option<String>) -> Result<N, String> {
    let digits = value.map(|value| value.replace('_', ""));
    digits
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| format!("{name} requires a number"))
}
