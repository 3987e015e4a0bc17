"""The Glue and Athena endpoints: what is executed here, and the way to MiniStack for the rest."""
