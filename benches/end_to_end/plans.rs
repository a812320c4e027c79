//! The table of figures.

use crate::data::Data;
use crate::exchange::Exchange;

/// Bytes.
pub const MIB: u64 = 1024 * 1024;

/// What a figure is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// Nothing.
    None,
    /// The `sqlite3` shell imports the same file.
    Shell,
    /// The server itself imports these data in this way.
    Import(Data, Exchange),
    /// The hash function alone, on every core, once a row.
    Hashing,
}

/// A figure that can be measured: the rate of an import.
#[derive(Debug)]
pub struct Plan {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Rows, unless the command line says how many.
    pub rows: u64,
    /// Runs, unless the command line says how many.
    pub runs: usize,
    /// What is imported.
    pub data: Data,
    /// How it is sent.
    pub exchange: Exchange,
    /// Settings of the server, as variables of its environment.
    pub settings: &'static [(&'static str, &'static str)],
    /// Whether every row exists already.
    pub again: bool,
    /// What it is compared with.
    pub baseline: Baseline,
    /// The ratio to the baseline that is aimed at, or the rate in rows a second where there is none.
    pub target: f64,
    /// Resident memory that the server may need, in bytes.
    pub memory_limit: u64,
}

/// An import of a million rows, of which each figure says what is different.
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

/// All of them.
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
