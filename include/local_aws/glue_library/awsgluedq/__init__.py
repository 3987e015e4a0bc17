"""Data quality rules on DataFrames: DQDL, AWS's Data Quality Definition Language.

Written after the "DQDL rule type reference" of the AWS Glue Developer Guide, and where that says
too little, after what AWS published of it (awslabs/dqdl, com.amazon.deequ.dqdl; read, not copied).
A rule that is unknown or cannot be evaluated here is an error, never skipped.

    dqdl.py        text -> rules
    rule_types.py  what each rule type takes
    conditions.py  conditions on a number, and on each value of a column
    columns.py     rules about the columns of the table
    datasets.py    rules that compare with another table, and SQL
    evaluation.py  rules + DataFrame -> outcomes
    transforms.py  EvaluateDataQuality
    __main__.py    check a ruleset's text; evaluate rulesets on catalog tables
"""
