"""Writes the pages of troubleshooting from the messages of the sources."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from itertools import groupby

from messages import Message

# Where messages come from: the longest prefix that fits is taken.
TOPICS = {
    "spikerain_edge/": ("general", "Files, options and the machine"),
    "spikerain_edge/stream": ("cameras", "Cameras and outputs"),
    "spikerain_edge/run_": ("cameras", "Cameras and outputs"),
    "spikerain_edge/commands/limits": ("cameras", "Cameras and outputs"),
    "spikerain_edge/diagnosis": ("cameras", "Cameras and outputs"),
    "spikerain_edge/images": ("images", "Images and pairs of images"),
    "spikerain_edge/inference": ("models", "Models and engines"),
    "spikerain_edge/models": ("models", "Models and engines"),
    "spikerain_edge/spec": ("models", "Models and engines"),
    "spikerain_edge/engine": ("models", "Models and engines"),
    "spikerain_edge/sealed": ("models", "Models and engines"),
    "spikerain_edge/profiling": ("profile", "Profiling"),
    "spikerain_edge/commands/profile": ("profile", "Profiling"),
    "spikerain_edge/serving": ("live-page", "Live page and MQTT"),
    "spikerain_edge/mqtt": ("live-page", "Live page and MQTT"),
    "export/": ("export", "Export"),
    "training/": ("training", "Training and evaluation"),
}
_START = """# Troubleshooting

An error is one line: what is wrong, a semicolon, and what to do. Type a few of its words into the
search field above, or choose its topic below. Words in italic capitals stand for your own values,
such as <var>PATH</var>. These pages are generated from the messages in the code.

| exit code | meaning | error in Python |
|---|---|---|
| 0 | done | |
| 2 | an input, an option or the machine is wrong; the same command will fail again | \
`InputError` |
| 3 | a camera or an output failed permanently; try again later | `StreamError` |
| 4 | a model, an engine or a checkpoint cannot be used | `ModelError` |
| 5 | memory ran out, or a loss is not finite | `ComputeError` |
| 1, with a traceback | a bug: please report it | any other |

"""


def pages(messages: Sequence[Message]) -> dict[str, str]:
    """Returns the Markdown of each page by its path in the site."""
    titles = dict(TOPICS.values())
    found = {name: [each for each in messages if _topic(each) == name] for name in titles}
    topics = {name: each for name, each in found.items() if each}
    listed = [f"- [{titles[name]}]({name}.md), {len(each)}" for name, each in topics.items()]
    start = _START + "## Topics\n\n" + "\n".join(listed) + "\n"
    written = {f"troubleshooting/{n}.md": _page(titles[n], each) for n, each in topics.items()}
    return {"troubleshooting/index.md": start, **written}


def _topic(message: Message) -> str:
    fitting = [prefix for prefix in TOPICS if message.sources[0].startswith(prefix)]
    return TOPICS[max(fitting, key=len)][0]


def _page(title: str, messages: Sequence[Message]) -> str:
    parts = [f"---\nhide:\n  - toc\n---\n\n# {title}: messages and what to do\n"]
    for cause, same in groupby(messages, lambda message: message.cause):
        parts.append(_entry(cause, list(same)))
    return "\n".join(parts)


def _entry(cause: str, messages: Sequence[Message]) -> str:
    """A message with its remedies, its exit code and its sources."""
    remedies = [f"- {marked(each.remedy)}" for each in messages if each.remedy]
    errors = dict.fromkeys(f"`{each.error}`, exit code {each.exit_code}" for each in messages)
    sources = dict.fromkeys(f"`{source}`" for each in messages for source in each.sources)
    told = f"{'; '.join(errors)}; from {', '.join(sources)}"
    return "\n".join([f"## {marked(cause)}\n", *remedies, "", f"<small>{_code(told)}</small>\n"])


def _code(text: str) -> str:
    return re.sub("`(.*?)`", r"<code>\1</code>", text)


def marked(text: str) -> str:
    """A message as Markdown that shows it as it is, with what changes in italics."""
    escaped = re.sub(r"([\\`*_{}\[\]#|~^:])", r"\\\1", html.escape(text, quote=False))
    escaped = escaped.replace("\\:", "&#58;")
    return re.sub("⟨(.*?)⟩", r"<var>\1</var>", escaped)
