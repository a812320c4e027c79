//! The command line.

/// What is to be measured.
#[derive(Debug)]
pub struct Arguments {
    /// Names of the figures; none: all of them.
    pub figures: Vec<String>,
    /// Users, where the figure's own number is not wanted.
    pub rows: Option<u64>,
    /// How often, where the figure's own number is not wanted.
    pub runs: Option<usize>,
    /// One JSON object a figure, and nothing else.
    pub json: bool,
}

impl Arguments {
    /// Reads the command line.
    ///
    /// # Errors
    /// A sentence about an argument that is not understood.
    pub fn read(mut given: impl Iterator<Item = String>, figures: &[&str]) -> Result<Self, String> {
        let mut arguments = Arguments {
            figures: Vec::new(),
            rows: None,
            runs: None,
            json: false,
        };
        while let Some(argument) = given.next() {
            match argument.as_str() {
                // Cargo says so to every benchmark.
                "--bench" => {}
                "--json" => arguments.json = true,
                "--rows" => arguments.rows = Some(number(&argument, given.next())?),
                "--runs" => arguments.runs = Some(number(&argument, given.next())?),
                name if figures.contains(&name) => arguments.figures.push(argument),
                other => {
                    return Err(format!(
                        "{other} is not understood; there are {}, --rows N, --runs N and --json",
                        figures.join(", ")
                    ));
                }
            }
        }
        if arguments.rows == Some(0) || arguments.runs == Some(0) {
            return Err("--rows and --runs have to be positive".into());
        }
        Ok(arguments)
    }

    /// Whether the figure of this name is wanted.
    pub fn wants(&self, name: &str) -> bool {
        self.figures.is_empty() || self.figures.iter().any(|wanted| wanted == name)
    }
}

fn number<N: std::str::FromStr>(name: &str, value: Option<String>) -> Result<N, String> {
    let digits = value.map(|value| value.replace('_', ""));
    digits
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| format!("{name} takes a number"))
}
