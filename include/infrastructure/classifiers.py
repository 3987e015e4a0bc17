"""Teaches the crawler the XML of the contracts: one classifier per XML dataset.

Without a classifier that names its row tag a crawler finds no table in an XML file. Like the
catalog's tables the classifiers follow from the contracts, so the template has none.
"""

from typing import TYPE_CHECKING, Any

from include.infrastructure.stack import Say

if TYPE_CHECKING:
    from include.lake.contracts import Lake

# what GetCrawler tells and UpdateCrawler takes; given whole, so that nothing goes back to a default
CRAWLER_INPUT = (
    "Name",
    "Role",
    "DatabaseName",
    "Description",
    "Targets",
    "TablePrefix",
    "SchemaChangePolicy",
    "RecrawlPolicy",
    "LineageConfiguration",
    "Configuration",
    "CrawlerSecurityConfiguration",
)


def apply_classifiers(glue: Any, crawler: str, lake: "Lake", say: Say) -> None:
    """Creates the missing classifiers and gives the crawler all that the contracts need.

    Args:
        glue: boto3 client.
        crawler: name of bronze's crawler; the classifiers are named after it, the dataset and the
            row tag, so that none ever changes.
        lake: the contracts.
        say: receives one line.
    """
    wanted = {
        f"{crawler}-{contract.dataset}-{tag}": tag
        for contract in lake.contracts
        if contract.source.format == "xml"
        for tag in [contract.source.options["rowTag"]]
    }
    for name, row_tag in wanted.items():
        try:
            glue.get_classifier(Name=name)
        except glue.exceptions.EntityNotFoundException:
            classifier = {"Name": name, "Classification": "xml", "RowTag": row_tag}
            glue.create_classifier(XMLClassifier=classifier)
    current = glue.get_crawler(Name=crawler)["Crawler"]
    if sorted(current.get("Classifiers") or []) != sorted(wanted):
        kept = {key: current[key] for key in CRAWLER_INPUT if current.get(key)}
        glue.update_crawler(**kept, Classifiers=sorted(wanted))
    say(f"{crawler}: {len(wanted)} classifiers of XML")
