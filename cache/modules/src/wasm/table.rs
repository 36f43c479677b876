//! What a guest exports, kind by kind: the table that verification goes by. `policies/abi/README.md` says what each
//! function does; a test holds the two together.

use cnn_core::policy::Kind;
use wasmparser::ValType::{self, F64, I32, I64};

use crate::{ModuleManifest, Replacing, Role};

/// A function the host calls.
pub(crate) struct Export {
    pub(crate) name: &'static str,
    pub(crate) parameters: &'static [ValType],
    pub(crate) results: &'static [ValType],
    pub(crate) need: Need,
}

/// When a function must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Always,
    /// When the module declares parameters.
    WithParameters,
    /// When `export_state` is exported.
    WithState,
    /// When `on_events` is exported.
    WithEvents,
    Never,
}

const fn export(
    name: &'static str,
    parameters: &'static [ValType],
    results: &'static [ValType],
    need: Need,
) -> Export {
    Export { name, parameters, results, need }
}

const SET: Export = export("set", &[I32, F64], &[], Need::WithParameters);
const INIT: Export = export("init", &[I64, I32], &[], Need::Always);
const EXPORT_STATE: Export = export("export_state", &[], &[I64], Need::Never);
const STATE_ROOM: Export = export("import_state_room", &[I32], &[I32], Need::WithState);
const IMPORT_STATE: Export = export("import_state", &[I32], &[I32], Need::WithState);

const HOOKS: &[Export] = &[
    SET,
    INIT,
    EXPORT_STATE,
    STATE_ROOM,
    IMPORT_STATE,
    export("events", &[], &[I32], Need::Always),
    export("on_events", &[I32, I64], &[], Need::Always),
    export("picks", &[], &[I32], Need::Always),
    export("victims", &[I32], &[I32], Need::Always),
    export("len", &[], &[I32], Need::Always),
    export("rank", &[I32, I32], &[I32], Need::Never),
];

const KEY: &[Export] = &[
    SET,
    INIT,
    EXPORT_STATE,
    STATE_ROOM,
    IMPORT_STATE,
    export("events", &[], &[I32], Need::Always),
    export("key", &[I64], &[F64], Need::Always),
    export("evicted", &[F64], &[], Need::Never),
];

const SCORE: &[Export] = &[
    SET,
    INIT,
    EXPORT_STATE,
    STATE_ROOM,
    IMPORT_STATE,
    export("events", &[], &[I32], Need::WithEvents),
    export("documents", &[], &[I32], Need::Always),
    export("values", &[], &[I32], Need::Always),
    export("scores", &[I32, I64], &[], Need::Always),
    export("on_events", &[I32, I64], &[], Need::Never),
];

const MONITOR: &[Export] = &[
    SET,
    INIT,
    export("requests", &[], &[I32], Need::Always),
    export("text", &[], &[I32], Need::Never),
    export("on_requests", &[I32, I64], &[], Need::Always),
    export("on_tick", &[I64, I64], &[], Need::Never),
];

const ADMISSION: &[Export] = &[
    SET,
    INIT,
    export("candidate", &[], &[I32], Need::Always),
    export("text", &[], &[I32], Need::Never),
    export("admit", &[], &[I32], Need::Always),
    export("hit", &[], &[], Need::Never),
    export("bypass", &[I32], &[I32], Need::Never),
];

const FRESHNESS: &[Export] = &[
    SET,
    INIT,
    export("response", &[], &[I32], Need::Always),
    export("text", &[], &[I32], Need::Never),
    export("rule", &[], &[I32], Need::Always),
    export("refresh", &[], &[I32], Need::Always),
];

/// A function of the host that modules of a role may import from `cnn`.
pub(crate) struct Import {
    pub(crate) name: &'static str,
    pub(crate) parameters: &'static [ValType],
}

/// The module that functions of the host are imported from.
pub(crate) const IMPORTED_FROM: &str = "cnn";

const PUBLISHING: &[Import] = &[
    Import { name: "label", parameters: &[I32, I32] },
    Import { name: "count", parameters: &[I32, F64] },
    Import { name: "gauge", parameters: &[I32, F64] },
    Import { name: "observe", parameters: &[I32, F64] },
];

/// What modules of a role may import; none of it has results.
pub(crate) const fn imports(role: Role) -> &'static [Import] {
    match role {
        Role::Monitor => PUBLISHING,
        Role::Replacement | Role::Admission | Role::Freshness => &[],
    }
}

/// What a module exports, in the order of the calls.
pub(crate) const fn exports(manifest: &ModuleManifest) -> &'static [Export] {
    match manifest.replacement {
        Some(Replacing { kind, .. }) => of_kind(kind),
        None => match manifest.role {
            Role::Monitor => MONITOR,
            Role::Admission => ADMISSION,
            // A replacement policy says its kind.
            Role::Freshness | Role::Replacement => FRESHNESS,
        },
    }
}

/// What a replacement policy of this kind exports.
pub(crate) const fn of_kind(kind: Kind) -> &'static [Export] {
    match kind {
        Kind::Hooks => HOOKS,
        Kind::Key => KEY,
        Kind::Score => SCORE,
    }
}

/// A type as the page of the contract writes it: `(i32, i64)`, `(i32) -> i32`.
pub(crate) fn signature(parameters: &[ValType], results: &[ValType]) -> String {
    let list = |types: &[ValType]| types.iter().map(ValType::to_string).collect::<Vec<_>>().join(", ");
    match results {
        [] => format!("({})", list(parameters)),
        [one] => format!("({}) -> {one}", list(parameters)),
        more => format!("({}) -> ({})", list(parameters), list(more)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part of the page between the mention of a kind and the next.
    fn part(kind: Kind) -> &'static str {
        const PAGE: &str = include_str!("../../../../policies/abi/README.md");
        let begin = PAGE.find(&format!("\n*{}*: ", kind.as_str())).unwrap();
        let rest = &PAGE[begin..];
        rest[2..].find("\n\n*").or_else(|| rest.find("\n\nWhatever")).map_or(rest, |end| &rest[..end])
    }

    #[test]
    fn the_page_of_the_contract_lists_what_a_monitor_exports_and_imports() {
        const PAGE: &str = include_str!("../../../../policies/abi/README.md");
        let text = &PAGE[PAGE.find("\n*monitor*: ").unwrap()..PAGE.find("\nWhatever else").unwrap()];
        let mut rows = 0;
        for export in MONITOR.iter().filter(|it| !["set", "init"].contains(&it.name)) {
            let row = format!("| `{}` | `{}` |", export.name, signature(export.parameters, export.results));
            assert!(text.contains(&row), "no {row}");
            rows += 1;
        }
        for import in imports(Role::Monitor) {
            let row = format!("| `{}` | `{}` |", import.name, signature(import.parameters, &[]));
            assert!(text.contains(&row), "no {row}");
            rows += 1;
        }
        assert_eq!(text.lines().filter(|line| line.starts_with("| `")).count(), rows);
        for served in cnn_abi::Served::ALL {
            assert!(PAGE.contains(&format!("| {} | {} | ", *served as u8, served.as_str())), "{served:?}");
        }
    }

    #[test]
    fn the_page_of_the_contract_lists_what_filters_export() {
        const PAGE: &str = include_str!("../../../../policies/abi/README.md");
        for (begin, end, exports) in [
            ("\n*admission*: ", "\n*freshness*: ", ADMISSION),
            ("\n*freshness*: ", "\n*monitor*: ", FRESHNESS),
        ] {
            let text = &PAGE[PAGE.find(begin).unwrap()..PAGE.find(end).unwrap()];
            for export in exports.iter().filter(|it| !["set", "init"].contains(&it.name)) {
                let row =
                    format!("| `{}` | `{}` |", export.name, signature(export.parameters, export.results));
                assert!(text.contains(&row), "no {row}");
            }
            assert_eq!(
                text.lines().filter(|line| line.starts_with("| `")).count(),
                exports.len() - 2,
                "{begin}"
            );
        }
    }

    #[test]
    fn the_page_of_the_contract_lists_these_exports_and_no_others() {
        const PAGE: &str = include_str!("../../../../policies/abi/README.md");
        let common = &PAGE[PAGE.find("\n## Calls").unwrap()..PAGE.find("\n*hooks*").unwrap()];
        for kind in Kind::ALL {
            let text = format!("{common}{}", part(kind));
            for export in of_kind(kind) {
                let row =
                    format!("| `{}` | `{}` |", export.name, signature(export.parameters, export.results));
                assert!(text.contains(&row), "no {row} for {}", kind.as_str());
            }
            let rows = text.lines().filter(|line| line.starts_with("| `")).count();
            assert!(rows >= of_kind(kind).len() - 1 && rows <= of_kind(kind).len(), "{}", kind.as_str());
        }
    }
}
