"""Tell people once that a dataset has columns which its contract does not name."""

import json
import logging
import re
from collections.abc import Mapping
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from botocore.exceptions import BotoCoreError, ClientError

from retail_lake.hooks.documents import DocumentsHook
from retail_lake.hooks.retries import NOTICE_RETRIES
from retail_lake.notifications.failure_alert import SUBJECT_LENGTH

log = logging.getLogger(__name__)


class AddedColumnsNotice:
    """Sends a notice of columns not seen before and remembers them in a document per dataset.

    Names only: no value of a row is sent. If the notice cannot be sent nothing is remembered, so
    the next run sends it; the run itself goes on. Delete the document to be told again.

    Args:
        topic_arn: the SNS topic of the alerts.
        aws_conn_id: the Airflow connection.
    """

    def __init__(self, topic_arn: str, aws_conn_id: str | None = "aws_default") -> None:
        self.topic_arn = topic_arn
        self.aws_conn_id = aws_conn_id

    def report(
        self, address: str, dataset: str, added: Mapping[str, str], run: Mapping[str, Any]
    ) -> list[str]:
        """Send a notice of the columns that the document does not name, if there are any.

        Args:
            address: of the document that remembers.
            dataset: that has them.
            added: column → a file that has it.
            run: what the message says of the run.

        Returns:
            The columns of the notice.
        """
        documents = DocumentsHook(aws_conn_id=self.aws_conn_id)
        found = bool(documents.objects(address))
        known: dict[str, Any] = documents.read_document(address)["columns"] if found else {}
        new = {name: file for name, file in added.items() if name.lower() not in known}
        if not new:
            return []
        message = {
            "notice": "columns added",
            "dataset": dataset,
            "columns": new,
            "meaning": "They are ignored. To use them, add them to the contract; to refuse such "
            "files, set its drift policy to added: fail. This notice is sent once",
            **run,
        }
        subject = re.sub(r"[^\x20-\x7e]", "?", f"{dataset} has new columns: {', '.join(new)}")
        hook = AwsBaseHook(aws_conn_id=self.aws_conn_id, client_type="sns", config=NOTICE_RETRIES)
        client: Any = hook.get_conn()
        text = json.dumps(message)
        try:
            client.publish(TopicArn=self.topic_arn, Subject=subject[:SUBJECT_LENGTH], Message=text)
        except (ClientError, BotoCoreError):
            log.exception("The notice of %s could not be sent; the next run sends it", list(new))
            return list(new)
        seen = {name.lower(): {"written": name, "file": file} for name, file in new.items()}
        documents.write_document(address, {"dataset": dataset, "columns": {**known, **seen}})
        return list(new)
