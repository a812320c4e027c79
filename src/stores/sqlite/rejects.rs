//! Rejected rows, in packed blocks.

use rusqlite::{Connection, Row, params};

use crate::stores::sqlite::step::{signed, unsigned};
use crate::users::import_id::ImportId;
use crate::users::import_record::RejectedRows;
use crate::users::reject::Reject;
use crate::users::reject_block::{Packing, RejectBlock, RejectCursor, RejectPage, page};
use crate::users::step::{ImportStep, Tally};

/// A page of an import's rejected rows, by line.
pub(super) fn read(
    db: &Connection,
    organization: &str,
    import: ImportId,
    cursor: RejectCursor,
    limit: usize,
) -> rusqlite::Result<RejectPage> {
    let mut blocks = db.prepare_cached(
        "SELECT number, first_line, last_line, rows, width, data FROM reject_blocks
         WHERE organization = ?1 AND import = ?2 AND last_line >= ?3 AND number < ?4
         ORDER BY first_line, number",
    )?;
    let wanted = params![
        organization,
        import.0,
        signed(cursor.first_line()),
        signed(cursor.before())
    ];
    let blocks = blocks.query_map(wanted, block)?;
    page(blocks, cursor, limit, unreadable)
}

fn block(row: &Row<'_>) -> rusqlite::Result<(u64, RejectBlock)> {
    let number = |index| row.get(index).map(unsigned);
    let block = RejectBlock {
        first_line: number(1)?,
        last_line: number(2)?,
        rows: number(3)?,
        width: number(4)?,
        data: row.get(5)?,
    };
    Ok((number(0)?, block))
}

/// Stores the rows that a step rejected, after `first` earlier ones.
pub(super) fn keep(
    db: &Connection,
    step: &ImportStep,
    first: u64,
    tally: &Tally,
) -> rusqlite::Result<()> {
    let mut number = first;
    let mut keep = |block: &RejectBlock| {
        insert(db, &step.organization, step.import, number, block)?;
        number += block.rows;
        Ok(())
    };
    if let Some(packed) = &step.packed {
        let mut place = 0;
        while let Some((block, next)) = packed.block_at(place).map_err(unreadable)? {
            keep(&block)?;
            place = next;
        }
    }
    tally.rejects.iter().try_for_each(keep)
}

fn insert(
    db: &Connection,
    organization: &str,
    import: ImportId,
    number: u64,
    block: &RejectBlock,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO reject_blocks (organization, import, number, first_line, last_line, rows, width, data)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        organization,
        import.0,
        signed(number),
        signed(block.first_line),
        signed(block.last_line),
        signed(block.rows),
        signed(block.width),
        block.data,
    ])
    .map(drop)
}

/// Packs the rows in the table of earlier schemas, and drops the table.
pub(super) fn pack_rows(db: &Connection) -> rusqlite::Result<()> {
    let imports: Vec<(String, uuid::Uuid)> = db
        .prepare("SELECT DISTINCT organization, import FROM rejects")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (organization, import) in imports {
        let kept = pack_import(db, &organization, ImportId(import))?;
        db.prepare_cached(
            "UPDATE imports SET rejects_kept = ?3, rejects_bytes = ?4, rejects_width = ?5
             WHERE organization = ?1 AND id = ?2",
        )?
        .execute(params![
            organization,
            import,
            signed(kept.kept),
            signed(kept.bytes),
            signed(kept.width),
        ])?;
    }
    // Failed SCIM operations are not rows that could be sent again.
    db.execute_batch(
        "UPDATE imports SET rejects_total = CASE door WHEN 'scim' THEN rejects_kept ELSE failed END;
         DROP TABLE rejects;",
    )
}

fn pack_import(
    db: &Connection,
    organization: &str,
    import: ImportId,
) -> rusqlite::Result<RejectedRows> {
    let mut rows = db.prepare_cached(
        "SELECT line, cells, code, message FROM rejects
         WHERE organization = ?1 AND import = ?2 ORDER BY line, number",
    )?;
    // Earlier schemas stored a few thousand rows per import.
    let mut packing = Packing::new(u64::MAX);
    let mut rows = rows.query(params![organization, import.0])?;
    while let Some(row) = rows.next()? {
        let cells: String = row.get(1)?;
        packing.add(&Reject {
            line: unsigned(row.get(0)?),
            cells: serde_json::from_str(&cells)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?,
            code: row.get(2)?,
            message: row.get(3)?,
        });
    }
    let (blocks, kept) = packing.finish();
    let mut number = 0;
    for block in &blocks {
        insert(db, organization, import, number, block)?;
        number += block.rows;
    }
    Ok(kept)
}

fn unreadable(error: std::io::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error.into())
}
