"""The JSON documents of WebHDFS."""

from collections.abc import Iterable
from typing import Any

from include.local_aws.gateway.storage import Entry

BLOCK_SIZE = 128 * 1024 * 1024


def file_status(entry: Entry, suffix: str = "") -> dict[str, Any]:
    """One file or folder; `suffix` is its name in a listing."""
    return {
        "accessTime": 0,
        "blockSize": BLOCK_SIZE,
        "childrenNum": 0,
        "fileId": 0,
        "group": "hadoop",
        "length": entry.size,
        "modificationTime": entry.modified,
        "owner": "hadoop",
        "pathSuffix": suffix,
        "permission": "755",
        "replication": 1,
        "storagePolicy": 0,
        "type": "DIRECTORY" if entry.directory else "FILE",
    }


def file_statuses(entries: Iterable[Entry]) -> dict[str, Any]:
    """A listing."""
    return {"FileStatuses": {"FileStatus": [file_status(entry, entry.name) for entry in entries]}}


def content_summary(files: int, size: int) -> dict[str, Any]:
    """Number and bytes of the files below a path."""
    summary = {
        "directoryCount": 1,
        "fileCount": files,
        "length": size,
        "quota": -1,
        "spaceConsumed": size,
        "spaceQuota": -1,
    }
    return {"ContentSummary": summary}


def located_blocks(size: int) -> dict[str, Any]:
    """The answer to "where are the blocks": one block, here. The client insists on an answer."""
    node = {
        "adminState": "NORMAL",
        "blockPoolUsed": 0,
        "cacheCapacity": 0,
        "cacheUsed": 0,
        "capacity": 1,
        "dfsUsed": 0,
        "hostName": "localhost",
        "infoPort": 1,
        "infoSecurePort": 0,
        "ipAddr": "127.0.0.1",
        "ipcPort": 1,
        "lastUpdate": 0,
        "lastUpdateMonotonic": 0,
        "networkLocation": "/default-rack",
        "remaining": 1,
        "storageID": "local",
        "xceiverCount": 0,
        "xferPort": 1,
    }
    block = {
        "block": {"blockId": 1, "blockPoolId": "local", "generationStamp": 1, "numBytes": size},
        "blockToken": {"urlString": "AAAAAA"},
        "cachedLocations": [],
        "isCorrupt": False,
        "locations": [node],
        "startOffset": 0,
        "storageTypes": ["DISK"],
    }
    located = {
        "fileLength": size,
        "isLastBlockComplete": True,
        "isUnderConstruction": False,
        "lastLocatedBlock": block,
        "locatedBlocks": [block],
    }
    return {"LocatedBlocks": located}
