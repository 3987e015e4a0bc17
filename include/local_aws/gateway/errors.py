"""Errors in the words of Hadoop: each becomes a RemoteException, which its client re-raises."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError


class RemoteError(Exception):
    """A failure that the client is told about.

    Args:
        java_class: Full name of the Java exception the client is to raise.
        message: What is wrong with what.
        status: HTTP status.
    """

    def __init__(self, java_class: str, message: str, status: int) -> None:
        super().__init__(message)
        self.java_class = java_class
        self.message = message
        self.status = status

    def body(self) -> dict[str, Any]:
        """The JSON document of WebHDFS for this error."""
        return {
            "RemoteException": {
                "exception": self.java_class.rpartition(".")[2],
                "javaClassName": self.java_class,
                "message": self.message,
            }
        }


def not_found(path: object) -> RemoteError:
    """Nothing is at `path`."""
    return RemoteError("java.io.FileNotFoundException", f"File does not exist: {path}", 404)


def already_exists(path: object) -> RemoteError:
    """Something is at `path` that may not be replaced."""
    return RemoteError(
        "org.apache.hadoop.fs.FileAlreadyExistsException", f"{path} already exists", 403
    )


def not_empty(path: object) -> RemoteError:
    """A folder was to be deleted without what is in it."""
    return RemoteError(
        "org.apache.hadoop.fs.PathIsNotEmptyDirectoryException", f"{path} is not empty", 403
    )


def illegal_argument(message: str) -> RemoteError:
    """The request makes no sense."""
    return RemoteError("java.lang.IllegalArgumentException", message, 400)


def unsupported(message: str) -> RemoteError:
    """S3 has no such thing."""
    return RemoteError("java.lang.UnsupportedOperationException", message, 400)


def io_error(message: str) -> RemoteError:
    """Something broke on the way."""
    return RemoteError("java.io.IOException", message, 500)


def from_s3(error: ClientError | BotoCoreError, path: object) -> RemoteError:
    """Say what S3 said about `path`.

    A missing bucket or key is a missing file, a refusal is an AccessControlException, and
    everything else an IOException, each with S3's own code and message in it.
    """
    if not isinstance(error, ClientError):
        return io_error(f"{path}: S3 cannot be reached: {error}")
    code = error.response.get("Error", {}).get("Code", "")
    if code == "NoSuchBucket":
        return RemoteError(
            "java.io.FileNotFoundException", f"{path}: the bucket does not exist", 404
        )
    if code in ("NoSuchKey", "404", "NotFound"):
        return not_found(path)
    if code in ("AccessDenied", "403", "Forbidden"):
        # the answer to a HEAD has no body that could say what is not allowed
        head = error.operation_name == "HeadObject"
        reason = "not authorized to perform: s3:GetObject" if head else str(error)
        return RemoteError(
            "org.apache.hadoop.security.AccessControlException", f"{path}: {reason}", 403
        )
    return io_error(f"{path}: {error}")
