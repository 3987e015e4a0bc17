"""A marketplace's REST API on the laptop, with the faults that such APIs have, on demand."""
