"""Where in a document a fault lies, as a path a person can follow and a program can evaluate."""

from lxml import etree


def pointer_to(element: etree._Element) -> str:
    """Return the path of an element: local names from the root, with a position where a name repeats.

    ``/Document/FIToFICstmrCdtTrf/CdtTrfTxInf[2]/PmtId/EndToEndId`` is an XPath but for the namespace, which the root
    gives. Positions count from 1 among siblings of the same name.
    """
    steps: list[str] = []
    current: etree._Element | None = element
    while current is not None:
        name = etree.QName(current).localname
        before = sum(1 for _ in current.itersiblings(current.tag, preceding=True))
        repeats = before or next(current.itersiblings(current.tag), None) is not None
        steps.append(f"{name}[{before + 1}]" if repeats else name)
        current = current.getparent()
    return "/" + "/".join(reversed(steps))
