//! The built-in replacement policies, one per file, and the registry that names them.
