"""What a check, an inspector or a question says of itself: `trainloud explain`."""

from rich.console import Console

from trainloud.checks.catalogue import catalogue, vocabulary
from trainloud.data.inspector import Inspector, inspectors, questions
from trainloud.report.text import Page, explain_text

WRONG_USE = 2


def explain(name: str | None, everything: bool) -> int:
    """Print the documentation of one name, of everything, or the list of what there is."""
    console = Console(highlight=False, emoji=False)
    known = pages()
    if not name or everything:
        for title, page in known:
            if everything:
                explain_text(page, console)
            else:
                line = f"{title:40} {page.explanation.question}"
                console.print(line, markup=False, overflow="ellipsis", no_wrap=True)
        return 0
    found = [page for title, page in known if title == name]
    for page in found:
        explain_text(page, console)
    if found:
        return 0
    if name in vocabulary():
        console.print(f"{name}: {vocabulary()[name]['what']}", markup=False)
        console.print(f"It shows so: {vocabulary()[name]['shows']}", markup=False)
        console.print("trainloud has no check for it yet.")
        return 0
    titles = [t for t, _ in known]
    close = [t for t in titles if name in t] or [t for t in titles if set(name.split("-")) & set(t.split("-"))]
    hint = f"; did you mean {', '.join(close[:4])}?" if close else ""
    Console(stderr=True, emoji=False).print(f"trainloud: nothing is named {name!r}{hint}", markup=False)
    return WRONG_USE


def pages() -> list[tuple[str, Page]]:
    """Every name with its documentation: checks of scripts, then inspectors of data, then the six questions."""
    out = []
    for name, entry in catalogue().items():
        check = entry.check
        how = f"runs the script again with {', '.join(check.needs)}" if check.needs else "from one run, without another"
        out.append((name, Page(name, check.severity, check.basis, entry.explanation, how, check.symptoms)))
    for name, found in inspectors().items():
        item = found.item
        assert isinstance(item, Inspector)
        how = f"trainloud inspect, of {', '.join(item.kinds)}" + ("; fits a small model" if item.probe else "")
        out.append((name, Page(name, item.severity, item.basis, found.explanation, how, item.symptoms)))
    for name, found in questions().items():
        how = f"trainloud inspect, of {', '.join(found.item.kinds)}; fits small models"
        out.append((name, Page(name, "", "experiment", found.explanation, how)))
    return out
