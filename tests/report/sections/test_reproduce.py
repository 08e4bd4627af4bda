"""How to get the page again."""

import html
import re

from tests.made_study.rendering import section_of

COMMANDS = ("make setup", "make run && python -m webbrowser 'a.html'", "make run")


def test_every_command_has_its_line_and_no_commands_no_box(tables):
    shown = section_of("reproduce", tables.inputs(commands=COMMANDS))
    box = re.search(r"<pre><code>(.*?)</code></pre>", shown, flags=re.DOTALL).group(1)
    assert html.unescape(box).strip().splitlines() == list(COMMANDS)
    assert "<pre>" not in section_of("reproduce", tables.inputs(commands=()))
