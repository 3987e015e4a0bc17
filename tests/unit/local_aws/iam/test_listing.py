"""A query's files are listed as its caller may: together, or partition by partition."""

import json
import time
from typing import Any

import pytest

from tests.unit.local_aws.conftest import SESSION
from tests.unit.local_aws.iam.conftest import Guarded

DAYS = [f"{day:02d}" for day in range(1, 10)]
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


@pytest.mark.parametrize("prefixes", [["lake/*"], [f"lake/day={day}/" for day in DAYS]])
def test_partitions_are_found_where_their_folder_may_not_be_listed(
    guarded: Guarded, unique: str, prefixes: list[str]
) -> None:
    s3, glue, iam = (guarded.root(name) for name in ("s3", "glue", "iam"))
    bucket = f"b-{unique}"
    s3.create_bucket(Bucket=bucket)
    storage: dict[str, Any] = {
        "Columns": [{"Name": "id", "Type": "int"}],
        "Location": f"s3://{bucket}/lake/",
        "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
        "SerdeInfo": {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"},
    }
    glue.create_database(DatabaseInput={"Name": unique})
    keys = [{"Name": "day", "Type": "string"}]
    described = {"Name": "t", "StorageDescriptor": storage, "PartitionKeys": keys}
    glue.create_table(DatabaseName=unique, TableInput=described)
    inputs = []
    for day in DAYS:
        place = f"lake/day={day}/"
        s3.put_object(Bucket=bucket, Key=f"{place}a.json", Body=b'{"id": 1}\n')
        there = storage | {"Location": f"s3://{bucket}/{place}"}
        inputs.append({"Values": [day], "StorageDescriptor": there})
    glue.batch_create_partition(DatabaseName=unique, TableName="t", PartitionInputList=inputs)
    listing = {
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": f"arn:aws:s3:::{bucket}",
        "Condition": {"StringLike": {"s3:prefix": [*prefixes, "results/*"]}},
    }
    rest = {
        "Effect": "Allow",
        "Action": ["s3:Get*", "s3:PutObject", "glue:*", "athena:*"],
        "Resource": "*",
    }
    policy = {"Version": "2012-10-17", "Statement": [listing, rest]}
    iam.create_role(RoleName=unique, AssumeRolePolicyDocument=TRUST)
    iam.put_role_policy(RoleName=unique, PolicyName="p", PolicyDocument=json.dumps(policy))
    athena = SESSION.client(
        "athena",
        endpoint_url=guarded.front,
        region_name="us-east-1",
        **guarded.session(unique),
    )
    query = athena.start_query_execution(
        QueryString=f"SELECT count(*), count(DISTINCT day) FROM {unique}.t",
        ResultConfiguration={"OutputLocation": f"s3://{bucket}/results/"},
    )["QueryExecutionId"]
    while True:
        status = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
        if status["State"] not in ("QUEUED", "RUNNING"):
            break
        time.sleep(0.05)
    assert status["State"] == "SUCCEEDED", status
    rows = athena.get_query_results(QueryExecutionId=query)["ResultSet"]["Rows"]
    assert [cell["VarCharValue"] for cell in rows[1]["Data"]] == ["9", "9"]
