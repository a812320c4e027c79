//! The table of figures.

use crate::data::Data;
use crate::exchange::Exchange;

/// A mebibyte, in bytes.
pub const MIB: u64 = 1024 * 1024;

/// The baseline that a figure is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// None.
    None,
    /// The `sqlite3` shell imports the same file.
    Shell,
    /// The server imports these data in this way.
    Import(Data, Exchange),
    /// The hash function alone, on every core, once per row.
    Hashing,
}

/// A figure: the rate of an import.
#[derive(Debug)]
pub struct Plan {
    /// The name on the command line.
    pub name: &'static str,
    /// Default number of rows.
    pub rows: u64,
    /// Default number of runs.
    pub runs: usize,
    /// The data to import.
    pub data: Data,
    /// The request.
    pub exchange: Exchange,
    /// Settings of the server, as environment variables.
    pub settings: &'static [(&'static str, &'static str)],
    /// Whether every row exists already.
    pub again: bool,
    /// The baseline.
    pub baseline: Baseline,
    /// The target for the ratio to the baseline, or for the rate in rows per second if there is no baseline.
    pub target: f64,
    /// Maximum resident memory of the server, in bytes.
    pub memory_limit: u64,
}

/// An import of a million rows, the base of most figures.
pub const MILLION: Plan = Plan {
    name: "",
    rows: 1_000_000,
    runs: 5,
    data: Data::Csv,
    exchange: Exchange::Mtom,
    settings: &[],
    again: false,
    baseline: Baseline::Import(Data::Csv, Exchange::Mtom),
    target: 0.8,
    memory_limit: 128 * MIB,
};

/// Ten thousand users in one SCIM Bulk request.
const BULK: Plan = Plan {
    name: "scim_bulk",
    rows: 10_000,
    data: Data::Bulk,
    exchange: Exchange::ScimBulk,
    baseline: Baseline::None,
    target: 10_000.0,
    memory_limit: 100 * MIB,
    ..MILLION
};

/// All figures.
pub const PLANS: &[Plan] = &[
    Plan {
        name: "mtom_import",
        baseline: Baseline::Shell,
        target: 1.0,
        ..MILLION
    },
    Plan {
        name: "inline_import",
        exchange: Exchange::Inline,
        ..MILLION
    },
    Plan {
        name: "swa_import",
        exchange: Exchange::Swa,
        target: 0.95,
        ..MILLION
    },
    Plan {
        name: "short_rows",
        data: Data::Short,
        baseline: Baseline::Shell,
        target: 1.2,
        ..MILLION
    },
    Plan {
        name: "hashed_passwords",
        data: Data::Hashed,
        ..MILLION
    },
    Plan {
        name: "again_skip",
        again: true,
        ..MILLION
    },
    Plan {
        name: "again_update",
        exchange: Exchange::MtomUpdate,
        again: true,
        ..MILLION
    },
    Plan {
        name: "own_passwords",
        rows: 1_000,
        data: Data::OwnPasswords,
        baseline: Baseline::Hashing,
        target: 0.95,
        ..MILLION
    },
    Plan {
        name: "xlsx_import",
        rows: 200_000,
        data: Data::Xlsx,
        exchange: Exchange::MtomXlsx,
        baseline: Baseline::None,
        target: 50_000.0,
        memory_limit: 160 * MIB,
        ..MILLION
    },
    BULK,
    Plan {
        name: "scim2_bulk_documented",
        exchange: Exchange::Scim2Bulk,
        settings: &[("MUSTER_SCIM_WSO2_BULK_RESPONSE", "documented")],
        ..BULK
    },
    Plan {
        name: "scim2_bulk_string",
        exchange: Exchange::Scim2Bulk,
        settings: &[("MUSTER_SCIM_WSO2_BULK_RESPONSE", "string")],
        ..BULK
    },
    Plan {
        name: "scim2_bulk_object",
        exchange: Exchange::Scim2Bulk,
        settings: &[("MUSTER_SCIM_WSO2_BULK_RESPONSE", "object")],
        ..BULK
    },
];
