"""Reading and writing of the bronze-to-silver job: documents, source files, Parquet tables."""
