//! What is stored: index, documents and the byte budget.
