"""The tree as a job run sees it: S3 is asked with the credentials of the run's role."""

import json
import threading
import urllib.request

from botocore.credentials import Credentials

from include.local_aws.gateway.errors import RemoteError
from include.local_aws.gateway.filesystem import FileSystem
from include.local_aws.gateway.staging import Staging
from include.local_aws.gateway.storage import ObjectStore, s3_client

ASK_SECONDS = 10


class Roles:
    """One tree per user, which is a job run: its id is the name of its role's session.

    Args:
        endpoint: URL of MiniStack, which knows the sessions.
        region: of S3.
        staging: where everybody's uncommitted output waits.
    """

    def __init__(self, endpoint: str, region: str, staging: Staging) -> None:
        self._endpoint = endpoint
        self._region = region
        self._staging = staging
        self._trees: dict[str, FileSystem] = {}
        self._lock = threading.Lock()

    def tree_of(self, user: str) -> FileSystem:
        """Give a user's tree.

        Raises:
            RemoteError: no session of that name is known, so that nothing is allowed.
        """
        with self._lock:
            if user not in self._trees:
                client = s3_client(self._endpoint, self._region, self._credentials(user))
                self._trees[user] = FileSystem(ObjectStore(client), self._staging)
            return self._trees[user]

    def _credentials(self, user: str) -> Credentials:
        question = json.dumps({"name": user}).encode()
        asked = urllib.request.Request(f"{self._endpoint}/_local_aws/named", question)
        with urllib.request.urlopen(asked, timeout=ASK_SECONDS) as answer:
            found = json.load(answer)
        if not found:
            raise RemoteError(
                "org.apache.hadoop.security.AccessControlException",
                f"{user or 'nobody'} is no job run that acts in a role",
                403,
            )
        return Credentials(found["key"], found["secret"], found["token"])
