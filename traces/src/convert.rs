//! From any format that is read to any that is written. To logs, the records that count as requests go as they are; to
//! libCacheSim's formats goes the trace that the rules and sizes make of them, with objects numbered from 1.

use std::io;
use std::path::PathBuf;

use crate::error::TraceError;
use crate::file::{FileReport, Progress, read_all};
use crate::output::Output;
use crate::prepare::{PrepareOptions, prepare};
use crate::reader::NEVER;
use crate::record::{Name, Record};
use crate::rules::{Ignored, Verdict};
use crate::trace::{Row, Trace};
use crate::writer::Target;

/// What came of a conversion.
#[derive(Clone, Debug)]
pub struct Converted {
    /// Requests written.
    pub requests: u64,
    /// Records that were none, by reason.
    pub ignored: Vec<(Ignored, u64)>,
    /// The files read.
    pub files: Vec<FileReport>,
}

/// Reads `paths`, one after the other, and writes their requests to `output`, which is to be finished afterwards.
///
/// # Errors
/// When a file cannot be read, or `output` cannot be written.
pub fn convert(
    paths: &[PathBuf],
    options: &PrepareOptions,
    target: Target,
    output: &mut Output,
    progress: &mut dyn FnMut(Progress),
) -> Result<Converted, TraceError> {
    output.write(target.header())?;
    match target {
        Target::Csv | Target::OracleGeneral => {
            let prepared = prepare(paths, options, progress)?;
            write_trace(&prepared.trace, target, output)?;
            Ok(Converted { requests: prepared.trace.len(), ignored: prepared.ignored, files: prepared.files })
        }
        Target::Squid | Target::Json => {
            let mut ignored = [0_u64; Ignored::ALL.len()];
            let (mut requests, mut line) = (0, Vec::new());
            let files = read_all(paths, &options.read, progress, &mut |record, _| match options
                .rules
                .judge(record)
            {
                Verdict::Ignored(reason) => {
                    ignored[reason as usize] += 1;
                    Ok(())
                }
                Verdict::Request { .. } => {
                    line.clear();
                    target.line(&mut line, record, requests * 1000);
                    requests += 1;
                    output.write(&line)
                }
            })?;
            let ignored = Ignored::ALL.iter().map(|reason| (*reason, ignored[*reason as usize]));
            Ok(Converted { requests, ignored: ignored.filter(|(_, count)| *count > 0).collect(), files })
        }
    }
}

/// Writes a trace.
///
/// # Errors
/// When `output` cannot be written, or the temporary file of a long trace cannot be read.
pub fn write_trace(trace: &Trace, target: Target, output: &mut Output) -> Result<(), TraceError> {
    if target == Target::OracleGeneral {
        return oracle_general(trace, output);
    }
    let mut line = Vec::new();
    each_row(trace, |row| {
        line.clear();
        let record = Record {
            size: Some(row.size),
            time_us: Some(row.time_us),
            ..Record::of(Name::Number(u64::from(row.object) + 1))
        };
        target.line(&mut line, &record, 0);
        output.write(&line)
    })
}

fn each_row(trace: &Trace, mut each: impl FnMut(&Row) -> Result<(), TraceError>) -> Result<(), TraceError> {
    let mut done = Ok(());
    trace
        .for_each_chunk(0, |rows| {
            done = rows.iter().try_for_each(&mut each);
            done.is_ok()
        })
        .map_err(TraceError::Keep)?;
    done
}

/// Requests whose next accesses are found, or written, at once.
const BLOCK: u64 = 1 << 20;

/// Next accesses are found from the end to the beginning, a block at a time, and kept in a temporary file of 8 bytes per
/// request: what stays in memory is a block, and 8 bytes per object.
fn oracle_general(trace: &Trace, output: &mut Output) -> Result<(), TraceError> {
    let next = NextAccesses::of(trace).map_err(TraceError::Keep)?;
    let mut record = Vec::new();
    let mut block = Vec::new();
    let mut number = 0;
    each_row(trace, |row| {
        if number % BLOCK == 0 {
            block = next.block(number / BLOCK).map_err(TraceError::Keep)?;
        }
        record.clear();
        record.extend_from_slice(&u32::try_from(row.time_us / 1_000_000).unwrap_or(u32::MAX).to_le_bytes());
        record.extend_from_slice(&(u64::from(row.object) + 1).to_le_bytes());
        record.extend_from_slice(&u32::try_from(row.size).unwrap_or(u32::MAX).to_le_bytes());
        record.extend_from_slice(&block[(number % BLOCK) as usize].to_le_bytes());
        number += 1;
        output.write(&record)
    })
}

/// The next accesses of a trace's requests.
struct NextAccesses {
    file: std::fs::File,
    requests: u64,
}

impl NextAccesses {
    fn of(trace: &Trace) -> io::Result<Self> {
        use std::os::unix::fs::FileExt as _;

        let this = Self { file: tempfile::tempfile()?, requests: trace.len() };
        let mut coming = vec![NEVER; trace.objects().len()];
        for block in (0..trace.len().div_ceil(BLOCK)).rev() {
            let mut objects = Vec::with_capacity(this.length(block));
            trace.for_each_chunk(block * BLOCK, |rows| {
                let wanted = this.length(block) - objects.len();
                objects.extend(rows.iter().take(wanted).map(|row| row.object));
                objects.len() < this.length(block)
            })?;
            let mut next = vec![NEVER; objects.len()];
            for (at, object) in objects.iter().enumerate().rev() {
                let number = (block * BLOCK) as i64 + at as i64;
                next[at] = std::mem::replace(&mut coming[*object as usize], number);
            }
            this.file.write_all_at(bytemuck::cast_slice(&next), block * BLOCK * size_of::<i64>() as u64)?;
        }
        Ok(this)
    }

    /// Requests in a block.
    fn length(&self, block: u64) -> usize {
        // At most a block, which is a small number.
        (self.requests - block * BLOCK).min(BLOCK) as usize
    }

    fn block(&self, block: u64) -> io::Result<Vec<i64>> {
        use std::os::unix::fs::FileExt as _;

        let mut next = vec![NEVER; self.length(block)];
        let at = block * BLOCK * size_of::<i64>() as u64;
        self.file.read_exact_at(bytemuck::cast_slice_mut(&mut next), at)?;
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::ReadOptions;

    /// What comes of a CSV trace, written and read again as bytes.
    fn converted(text: &str, target: Target) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from.csv"), folder.path().join("to"));
        std::fs::write(&from, text).unwrap();
        let mut output = Output::create(&to).unwrap();
        let options = PrepareOptions { read: ReadOptions::default(), ..PrepareOptions::default() };
        let converted = convert(&[from], &options, target, &mut output, &mut |_| {}).unwrap();
        assert_eq!(converted.requests, text.lines().count() as u64 - 1);
        output.finish().unwrap();
        std::fs::read(&to).unwrap()
    }

    #[test]
    fn objects_are_numbered_from_one_in_csv() {
        let text = converted("time,obj,size\n5,700,10\n6,800,20\n8,700,10\n", Target::Csv);
        assert_eq!(String::from_utf8(text).unwrap(), "time,obj,size\n0,1,10\n1,2,20\n3,1,10\n");
    }

    #[test]
    fn next_accesses_are_the_numbers_of_the_next_requests() {
        let bytes =
            converted("time,obj,size\n5,700,10\n6,800,20\n8,700,10\n9,700,10\n", Target::OracleGeneral);
        let next: Vec<i64> = bytes
            .chunks_exact(24)
            .map(|record| i64::from_le_bytes(record[16..].try_into().unwrap()))
            .collect();
        assert_eq!(next, [2, NEVER, 3, NEVER]);
        assert_eq!(bytes[..16], [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0]);
    }

    #[test]
    fn records_go_to_logs_as_they_are() {
        let text = converted("time,url,size\n5,/a,10\n", Target::Squid);
        let expected = "5.000      0 - TCP_MISS/200 10 GET /a - HIER_NONE/- -\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
}
